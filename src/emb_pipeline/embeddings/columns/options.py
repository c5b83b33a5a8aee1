"""Options of encoders of columns: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from emb_pipeline.embeddings.options import Options

Numeric = Literal["standardized", "binned", "left_out"]
Combine = Literal["concatenate", "average"]
_COMBINE = Field(
    description="concatenate: the values' vectors follow each other, by column; average: their mean is the row's"
)


class ColumnOptions(Options):
    """The options of all encoders of columns: which columns, and the numeric ones."""

    cardinality: Annotated[
        Literal["all", "low", "high"],
        Field(description="low: categorical columns with at most 40 different values alone; high: those with more alone"),
    ] = "all"

    numeric: Annotated[
        Numeric,
        Field(
            description="standardized: numeric columns are appended, with mean 0 and variance 1 in training; a missing "
            "number is 0, with a column of its own that says so; binned: a column for each of ten bins with as many "
            "different training numbers each, and one for missing"
        ),
    ] = "standardized"


class OneHotColumnsOptions(ColumnOptions):
    """A column of its own for each value."""

    min_rows: Annotated[int, Field(ge=1, le=1000, description="training rows that must have a value")] = 1


class TargetOptions(ColumnOptions):
    """The mean label of the training rows with the same value (Micci-Barreca 2001)."""

    smooth: Annotated[
        float | None,
        Field(ge=0, description="rows that the mean of all labels counts as; by default chosen by empirical Bayes"),
    ] = None
    folds: Annotated[
        int, Field(ge=2, le=20, description="folds of the training rows: no row's own label is in its vector")
    ] = 5


class EntityOptions(ColumnOptions):
    """Vectors of values learned in a small network that predicts the label (Guo & Berkhahn 2016)."""

    dims: Annotated[
        int | None,
        Field(ge=1, le=1000, description="dimensions of each column; by default min(50, half of its values, rounded up)"),
    ] = None
    folds: Annotated[
        int, Field(ge=2, le=20, description="folds of the training rows: no row's own label is in its vector")
    ] = 3
    hidden: Annotated[int, Field(ge=1, le=4096, description="units of the hidden layer")] = 64
    dropout: Annotated[float, Field(ge=0, lt=1, description="share of inputs of the hidden layer that is left out")] = 0.2
    learning_rate: Annotated[float, Field(gt=0, le=1, description="step size of Adam")] = 0.005
    batch_size: Annotated[int, Field(ge=1, le=8192, description="rows per step; at most a tenth of the training rows")] = 256
    epochs: Annotated[int, Field(ge=1, le=1000, description="passes over the training rows at most")] = 30
    patience: Annotated[
        int, Field(ge=1, le=100, description="passes without a lower held-out loss before it stops; the best one is kept")
    ] = 3
    validation_share: Annotated[
        float, Field(gt=0, lt=1, description="share of the training rows that is held out to stop by")
    ] = 0.1


class CooccurrenceOptions(ColumnOptions):
    """Vectors of values from the company that they keep in rows, without labels."""

    dims: Annotated[int, Field(ge=1, le=1000, description="dimensions of a value's vector, at most")] = 16
    combine: Annotated[Combine, _COMBINE] = "concatenate"


class SkipGramColumnsOptions(CooccurrenceOptions):
    """Word2Vec (Mikolov et al. 2013) whose sentences are rows: each value predicts the others of its row."""

    epochs: Annotated[int, Field(ge=1, le=1000, description="passes over the training rows")] = 10
    negative: Annotated[int, Field(ge=1, le=50, description="drawn values per true one")] = 5
    learning_rate: Annotated[
        float, Field(gt=0, le=1, description="step size at the start; it falls linearly to almost zero")
    ] = 0.05


class GloveColumnsOptions(CooccurrenceOptions):
    """GloVe (Pennington et al. 2014) of the numbers of rows that two values share."""

    epochs: Annotated[int, Field(ge=1, le=1000, description="passes over the pairs of values")] = 100
    x_max: Annotated[
        float, Field(gt=0, le=1_000_000, description="rows in common from which on a pair of values has full weight")
    ] = 100.0
    alpha: Annotated[float, Field(gt=0, le=1, description="exponent of the weight below x_max")] = 0.75
    learning_rate: Annotated[float, Field(gt=0, le=1, description="step size of AdaGrad")] = 0.05


class ValueTextsOptions(ColumnOptions):
    """Vectors of the values' names, as another embedding has them: of the text ``workclass: Private``."""

    combine: Annotated[Combine, _COMBINE] = "concatenate"


class JoinedOptions(Options):
    """Blocks of vectors, one next to the other: each gets the same mean squared length, dense ones mean 0 before."""
