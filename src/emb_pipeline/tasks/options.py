"""The options of evaluations that several kinds of task share; YAML is validated with them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LatencyRequests = Annotated[
    int, Field(ge=0, le=100_000, description="test examples that the time of one request is measured on; 0: not measured")
]

LabelCount = Annotated[int, Field(ge=2)]


class EvaluationOptions(BaseModel):
    """The base of all options: they are read-only, and a misspelt one is an error. A kind without options takes this."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_requests: LatencyRequests = 50
    primary_metric: str | None = Field(
        default=None,
        description="metric that embeddings are ranked, compared and chosen by; the first of the kind by default. A task "
        "names it next to its kind",
    )


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
    standardize: bool = Field(
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
    """Parts and resamples of the training labels that a probe is also tuned and fitted on."""

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
    unlabeled_texts: bool = Field(
        default=True,
        description="an embedding that is fitted on the task's training texts has those without a label, too; "
        "false: it is fitted on the labelled ones alone",
    )

    @model_validator(mode="after")
    def _counts_are_drawn(self) -> Self:
        if self.label_counts is not None and self.label_draws == 0:
            raise ValueError("label_counts are given, but label_draws is 0: set it to 3, say, or leave label_counts out")
        return self


class FoldOptions(LearningCurveOptions):
    """Options of the division of texts, with a label or a number, into what is learned from and what is tested on."""

    folds: int = Field(default=5, ge=2, le=50, description="stratified folds where the task has no official split")
    inner_folds: int = Field(default=3, ge=2, le=10, description="folds of the training part that choose the penalty")
    near_duplicates: Literal["together", "apart"] = Field(
        default="together",
        description="texts that differ by a few words, or stand in one another, are kept in one fold, inner folds too; "
        "apart: only equal texts and groups are",
    )
    typos: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the words of four characters or more that are misspelt in test texts alone",
    )
