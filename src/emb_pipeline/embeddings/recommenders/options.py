"""Options of recommenders: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from emb_pipeline.embeddings.options import Options

HalfLives = Annotated[
    tuple[Annotated[float, Field(gt=0)] | None, ...],
    Field(
        min_length=1,
        description="interactions after which an item's weight in its user's vector has halved, to choose among; "
        "null: all count alike",
    ),
]


HALF_LIVES = (None, 1, 2, 5, 10, 20, 50, 100)


class ItemKnnOptions(Options):
    """Item-based nearest neighbours; each combination is tried on the validation interactions."""

    shrinkages: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...],
        Field(min_length=1, description="numbers added to the denominator of a similarity, to choose among"),
    ] = (0, 10, 30, 100)
    neighbors: Annotated[
        tuple[Annotated[int, Field(ge=1)] | None, ...],
        Field(min_length=1, description="most similar items that are kept of each, to choose among; null: all"),
    ] = (5, 10, 20, 50, 100, 200, None)


class EaseOptions(Options):
    """EASE (Steck 2019)."""

    regularizations: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...],
        Field(min_length=1, description="weights of the squared weights in the loss, to choose among"),
    ] = (3, 10, 30, 100, 300, 1000, 3000)


class AttributeEaseOptions(Options):
    """EASE with attributes of items (Jeunen et al. 2020); each combination is tried on the validation interactions."""

    regularizations: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...],
        Field(min_length=1, description="weights of the squared weights in the loss, to choose among"),
    ] = (10, 30, 100, 300, 1000)
    item_weights: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...],
        Field(min_length=1, description="users that a value of an attribute counts as, to choose among"),
    ] = (0.1, 1, 10)


class UserAttributesOptions(Options):
    """Ridge regression of what users take on their attributes."""

    regularizations: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...],
        Field(min_length=1, description="weights of the squared weights in the loss, to choose among; large: popularity"),
    ] = (1, 10, 30, 100, 300, 1000, 10_000)


class AlsOptions(Options):
    """Implicit alternating least squares (Hu et al. 2008)."""

    iterations: Annotated[int, Field(ge=1, le=1000, description="passes over users and items")] = 15
    regularizations: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...],
        Field(min_length=1, description="weights of the squared factors in the loss, to choose among"),
    ] = (0.01, 0.1, 1, 10)
    weights: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...],
        Field(min_length=1, description="confidences in an interaction over that in its absence, to choose among"),
    ] = (3, 10, 30, 100, 300)


class BprOptions(Options):
    """Bayesian personalised ranking (Rendle et al. 2009)."""

    iterations: Annotated[int, Field(ge=1, le=10_000, description="passes over the interactions")] = 100
    regularizations: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...],
        Field(min_length=1, description="weights of the squared factors in the loss, to choose among"),
    ] = (0.001, 0.01, 0.03, 0.1)
    learning_rates: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], ...],
        Field(min_length=1, description="step sizes, to choose among"),
    ] = (0.01, 0.03, 0.1)


class Item2VecOptions(Options):
    """Item2vec (Barkan & Koenigstein 2016): skip-gram on users' histories."""

    window: Annotated[
        int | None, Field(ge=1, description="items to each side that count as context; null: the whole history")
    ] = None
    negative: Annotated[int, Field(ge=1, le=50, description="noise items per true context item")] = 5
    sample: Annotated[
        float, Field(ge=0, le=1, description="share of the interactions above which an item is thinned out; 0 keeps all")
    ] = 1e-3
    learning_rate: Annotated[
        float, Field(gt=0, le=1, description="step size at the start; it falls linearly to almost zero")
    ] = 0.025
    epochs: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Field(min_length=1, description="passes over the histories, to choose among"),
    ] = (5, 20)
    noise_exponents: Annotated[
        tuple[Annotated[float, Field(ge=-2, le=2)], ...],
        Field(
            min_length=1,
            description="powers of an item's count that noise items are drawn by, to choose among; below 0: rare ones more",
        ),
    ] = (-0.5, 0.25, 0.75)
    half_lives: HalfLives = HALF_LIVES


class HybridOptions(Options):
    """A text embedding mixed with a recommender that is fitted on interactions."""

    recommender: Annotated[Literal["ease", "item_knn"], Field(description="what the text is mixed with")] = "ease"
    weights: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...],
        Field(min_length=1, description="shares of the text in the score, to choose among"),
    ] = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
    ease: Annotated[EaseOptions, Field(description="options of ease, tuned by itself")] = EaseOptions()
    item_knn: Annotated[ItemKnnOptions, Field(description="options of item_knn, tuned by itself")] = ItemKnnOptions()
