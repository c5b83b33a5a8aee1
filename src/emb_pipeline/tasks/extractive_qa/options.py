"""Options of extractive answering."""

from __future__ import annotations

from pydantic import Field

from emb_pipeline.tasks.options import EvaluationOptions


class ExtractiveOptions(EvaluationOptions):
    """The probe: start and end of an answer from token vectors, the question's vector and their product (`SpanProbe`)."""

    projection: int = Field(default=64, ge=1, le=1024, description="numbers that token vectors are projected to")
    window: int = Field(default=2, ge=0, le=10, description="tokens to each side that a token is scored by, too")
    learning_rates: tuple[float, ...] = Field(
        default=(1e-3, 3e-3),
        min_length=1,
        description="step sizes of AdamW to try; the best F1 on validation questions wins",
    )
    weight_decay: float = Field(default=0.01, ge=0, le=1, description="AdamW's decay of the weights per unit of step size")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="share of the projected numbers set to 0 in training")
    epochs: int = Field(default=20, ge=1, le=1000, description="passes over the training questions at most")
    patience: int = Field(default=3, ge=1, le=100, description="passes without a better F1 before a training stops")
    batch_size: int = Field(default=32, ge=1, le=8192, description="questions per step")
    max_answer_tokens: int = Field(default=20, ge=1, le=1000, description="tokens of an answer at most")
    validation_share: float = Field(
        default=0.15, gt=0, lt=1, description="share of the training contexts that tunes where no split 'validation' does"
    )
