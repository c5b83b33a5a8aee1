"""Options of classification."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emb_pipeline.tasks.options import FoldOptions


class ClassificationOptions(FoldOptions):
    """Folds, and the probe: an L2-regularised multinomial logistic regression tuned on training data alone."""

    select_by: Literal["accuracy", "log_loss"] = Field(
        default="accuracy", description="inner score that chooses C, beside log likelihood (`PenaltyPath`)"
    )
