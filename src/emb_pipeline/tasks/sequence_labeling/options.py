"""Options of sequence labeling."""

from __future__ import annotations

from pydantic import Field

from emb_pipeline.tasks.options import LearningCurveOptions


class SequenceLabelingOptions(LearningCurveOptions):
    """The probe: a linear-chain conditional random field on the vectors of a window of tokens, its penalty tuned."""

    window: int = Field(default=1, ge=0, le=5, description="tokens to each side whose vectors a tag is predicted from, too")
    steps_per_decade: int = Field(default=1, ge=1, le=10, description="values of C per factor of ten")
    tolerance: float = Field(
        default=1e-4,
        gt=0,
        le=0.1,
        description="relative improvement of the loss at which a fit on the path stops; at 1e-3, which C is chosen hangs on "
        "where its fit happened to stop",
    )
    validation_share: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="share of the training sentences that choose C where no split 'validation' is; in turn, until all have, "
        "where that is fewer than 100",
    )
    label_draws: int | None = Field(
        default=0,
        ge=0,
        le=100,
        description="draws of each part of the training sentences, for the learning curve; 0: no curve; null: as in "
        "classification",
    )
