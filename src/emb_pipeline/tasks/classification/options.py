"""Options of classification."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, field_validator, model_validator

from emb_pipeline.corrupt.swap_lists import SHIPPED, Pair
from emb_pipeline.corrupt.swaps import WordSwap
from emb_pipeline.errors import suggest
from emb_pipeline.tasks.options import FoldOptions

Further: TypeAlias = Literal["balanced_accuracy", "mcc", "auroc", "auprc", "ece"]
Weight: TypeAlias = Annotated[float, Field(gt=0, le=1e6)]
SwapName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class ClassificationOptions(FoldOptions):
    """Folds, and the probe: an L2-regularised multinomial logistic regression tuned on training data alone."""

    select_by: Literal[
        "primary_metric", "accuracy", "macro_f1", "balanced_accuracy", "mcc", "auroc", "auprc", "log_loss"
    ] = Field(default="primary_metric", description="inner score that chooses C, beside log likelihood (`PenaltyPath`)")
    metrics: tuple[Further, ...] = Field(
        default=(), description="metrics that are scored next to accuracy, macro-F1, log loss and the primary metric"
    )
    class_weights: Literal["none", "balanced"] | dict[str, Weight] = Field(
        default="none",
        description="weight of each class's examples when the probe is tuned and fitted; balanced: inverse to the class's "
        "frequency in the training part; or class: weight, 1 for those that are not named",
    )
    swaps: dict[SwapName, Literal["shipped"] | tuple[Pair, ...]] = Field(
        default_factory=dict,
        description="lists of pairs of words that are exchanged in test texts, by name: [[Emily, Lakisha], …], or shipped "
        f"for a list of the package ({', '.join(SHIPPED)}); what changes is scored next to the texts as they are",
    )

    labels_per_class: tuple[Annotated[int, Field(ge=2)], ...] | None = Field(
        default=None,
        min_length=1,
        description="parts of the labels for the learning curve that hold so many of each class, in place of label_counts, "
        "which hold each class in its share",
    )
    class_descriptions: dict[str, str] | Literal["names"] = Field(
        default_factory=dict,
        description="what each class is about, in words: {sport: matches and athletes}, or names: the classes' names say "
        "it. A test text gets the class whose description is nearest: the learning curve's point without labels",
    )

    @field_validator("class_descriptions")
    @classmethod
    def _describe_something(cls, descriptions: dict[str, str] | Literal["names"]) -> dict[str, str] | Literal["names"]:
        if descriptions != "names" and (empty := [name for name, words in descriptions.items() if not words.strip()]):
            raise ValueError(f"the description of '{empty[0]}' is empty")
        return descriptions

    @model_validator(mode="after")
    def _parts_are_drawn_in_one_way(self) -> Self:
        if self.labels_per_class is not None and self.label_counts is not None:
            raise ValueError("label_counts and labels_per_class are given: parts hold each class in its share, or alike")
        if self.labels_per_class is not None and self.label_draws == 0:
            raise ValueError("labels_per_class are given, but label_draws is 0: set it to 5, say, or leave them out")
        return self

    @field_validator("swaps")
    @classmethod
    def _can_be_swapped(
        cls, swaps: dict[str, Literal["shipped"] | tuple[Pair, ...]]
    ) -> dict[str, Literal["shipped"] | tuple[Pair, ...]]:
        for name, pairs in swaps.items():
            if pairs == "shipped" and name not in SHIPPED:
                raise ValueError(f"no list called {name!r} comes with the package; {suggest(name, SHIPPED)}")
            try:
                _build_swap(name, pairs)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return swaps

    @model_validator(mode="after")
    def _changes_texts_in_one_way(self) -> Self:
        if self.swaps and self.typos:
            raise ValueError("typos and swaps are given: a typo differs where a word does; make two tasks of it")
        return self

    @property
    def word_swaps(self) -> dict[str, WordSwap]:
        """The lists, ready to be used."""
        return {name: _build_swap(name, pairs) for name, pairs in self.swaps.items()}


def _build_swap(name: str, pairs: Literal["shipped"] | tuple[Pair, ...]) -> WordSwap:
    return WordSwap(SHIPPED[name] if pairs == "shipped" else pairs)
