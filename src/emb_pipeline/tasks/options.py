"""How each kind of task is evaluated: the options that YAML is validated with."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emb_pipeline.embeddings.options import HALF_LIVES, HalfLives

LatencyRequests = Annotated[
    int, Field(ge=0, le=100_000, description="test examples that the time of one request is measured on; 0: not measured")
]

LabelCount = Annotated[int, Field(ge=2)]


class EvaluationOptions(BaseModel):
    """What all have in common: they are read-only, and a misspelt option is an error. A kind without options takes this."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_requests: LatencyRequests = 50


class PathOptions(EvaluationOptions):
    """The values of a probe's penalty that are tried, and when a fit is good enough."""

    log10_c_low: float = Field(
        default=-1.0,
        ge=-8,
        le=8,
        description="first value of the penalty path: log10 of C times the mean squared length of a feature vector",
    )
    log10_c_high: float = Field(default=4.0, ge=-8, le=8, description="last value of the penalty path, in the same scale")
    steps_per_decade: int = Field(default=2, ge=1, le=10, description="values of C per factor of ten")
    widen_decades: int = Field(
        default=4, ge=0, le=6, description="decades that the path may grow by at the end where the best value lies"
    )
    standardise: bool = Field(
        default=True,
        description="give dense features mean 0 and variance 1 by training statistics; sparse ones stay as they are",
    )
    tolerance: float = Field(
        default=1e-3, gt=0, le=0.1, description="relative improvement of the loss at which a fit on the path stops"
    )
    final_tolerance: float = Field(default=1e-5, gt=0, le=0.1, description="the same for the fit that is scored")
    max_iterations: int = Field(default=200, ge=1, le=100_000, description="L-BFGS iterations of one fit at most")

    @model_validator(mode="after")
    def _path_has_values(self) -> Self:
        if self.log10_c_low > self.log10_c_high:
            raise ValueError(f"log10_c_low ({self.log10_c_low}) is above log10_c_high ({self.log10_c_high})")
        return self


class LearningCurveOptions(PathOptions):
    """What parts and what resamples of the training labels a probe is also tuned and fitted on."""

    training_draws: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="bootstrap samples of the training labels that the probe is fitted on, too, so that intervals and tests "
        "hold the luck of the labels; 0: none; by default ten with folds, and up to 5,000 labels (tagging: five up to 1,000 "
        "sentences)",
    )
    label_draws: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="draws of each part of the training labels, for the learning curve; 0: no curve; by default ten up to "
        "300 labels, five up to 1,000, then three",
    )
    label_counts: tuple[LabelCount, ...] | None = Field(
        default=None,
        min_length=1,
        description="labels to learn from, beside all of them; 1, 3, 10, 30, … up to half of them by default",
    )
    unlabelled_texts: bool = Field(
        default=True,
        description="an embedding that is fitted on the task's training texts has those without a label, too; "
        "false: it is fitted on the labelled ones alone",
    )

    @model_validator(mode="after")
    def _counts_are_drawn(self) -> Self:
        if self.label_counts is not None and self.label_draws == 0:
            raise ValueError("label_counts are given, but label_draws is 0: set it to 3, say, or leave label_counts out")
        return self


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


class SequenceLabellingOptions(LearningCurveOptions):
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


class RetrievalOptions(EvaluationOptions):
    """Exact search by cosine; nDCG and MRR are cut at rank 10, but for rankings of judged passages."""

    rank: Literal["all", "judged"] = Field(
        default="all",
        description="what is ranked for a query: all passages, those without a judgment counting as irrelevant, or those "
        "that were judged for it (answer sentence selection)",
    )
    recall_cutoff: int = Field(default=100, ge=10, le=10_000, description="rank that recall is cut at")
    block_megabytes: int = Field(default=256, ge=1, le=65_536, description="megabytes of scores held at a time")


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


class RecommendationOptions(EvaluationOptions):
    """Full ranking of all items that a user has not taken; lists are cut at rank 10, recall at rank 20."""

    half_lives: HalfLives = HALF_LIVES
    latency_requests: LatencyRequests = 200
    block_megabytes: int = Field(default=256, ge=1, le=65_536, description="megabytes of scores held at a time")
