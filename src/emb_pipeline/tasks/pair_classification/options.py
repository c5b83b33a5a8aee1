"""Options of pair classification."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emb_pipeline.tasks.options import PathOptions


class PairOptions(PathOptions):
    """Folds, and what a pair is scored by; the penalty is that of ``probe: features``."""

    folds: int = Field(default=5, ge=2, le=50, description="stratified folds where the task has no official split")
    inner_folds: int = Field(
        default=3, ge=2, le=10, description="folds of the training pairs that choose the penalty of 'probe: features'"
    )
    probe: Literal["similarity", "features"] = Field(
        default="similarity",
        description="similarity: the measure that the embedding's vectors are compared by, and a threshold; features: a "
        "logistic regression on |u - v| and u * v of the two vectors, learned from the training pairs",
    )
