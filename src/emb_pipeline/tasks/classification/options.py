"""Options of classification."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emb_pipeline.tasks.options import LearningCurveOptions


class ClassificationOptions(LearningCurveOptions):
    """Folds, and the probe: an L2-regularised multinomial logistic regression tuned on training data alone."""

    folds: int = Field(default=5, ge=2, le=50, description="stratified folds where the task has no official split")
    inner_folds: int = Field(default=3, ge=2, le=10, description="folds of the training part that choose the penalty")
    near_duplicates: Literal["together", "apart"] = Field(
        default="together",
        description="texts that differ by a few words, or stand in one another, are kept in one fold, inner folds too; "
        "apart: only equal texts and groups are",
    )
    select_by: Literal["accuracy", "log_loss"] = Field(
        default="accuracy", description="inner score that chooses C, beside log likelihood (`PenaltyPath`)"
    )
    typos: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the words of four characters or more that are misspelt in test texts alone",
    )
