"""The line of a method: everything that the rest of the code knows of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal, cast

from emb_pipeline.embeddings.options import Options

Support = Literal[
    "texts", "labeled_texts", "columns", "tokens", "search", "answers", "interactions", "user_attributes", "item_attributes"
]
FOR_PEOPLE: Mapping[str, bool] = MappingProxyType({"for_people": True})
"""Metadata of a field that holds words for people: they make nothing stale but what shows them."""
Source = Literal["corpus", "task", "control", "pretrained", "encoder", "vectors", "embedding"]
_PACKAGE = __name__.rpartition(".")[0]
_MUST_BE_GIVEN = {
    "artifact": "what its training or loading left",
    "text": "the embedding that it adds to",
    "bases": "the embeddings that it builds on",
}
"""What an encoder cannot be built without, where its method takes it."""


@dataclass(frozen=True)
class Derivation:
    """A way that a method makes an embedding from another one.

    Attributes
    ----------
    name, title : str
        Its name in tables, and the title of such embeddings.
    resizes : bool
        Whether the result is the other embedding in a smaller size.
    axes : tuple of pairs of str
        Axes that every embedding of the grid may have by it, and the option that each sets.
    """

    name: str
    title: str = field(metadata=FOR_PEOPLE)
    resizes: bool = False
    axes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Bases:
    """The embeddings that a method builds on when it is evaluated.

    Attributes
    ----------
    supports : frozenset of Support
        What each of them must have vectors of, or be able to do: one of these.
    meaning, several : str
        Such an embedding in words, and in the plural.
    fewest, most : int
        How many of them there may be.
    artifact : {"encoder"}, optional
        What the training of each must have left; None where it does not matter.
    """

    supports: frozenset[Support]
    meaning: str
    several: str
    fewest: int = 1
    most: int = 1
    artifact: Literal["encoder"] | None = None

    def admit(self, method: Method) -> bool:
        """Tell whether embeddings of a method may be among them."""
        is_left = self.artifact is None or (method.artifact == self.artifact and method.trains_on)
        return bool(self.supports & method.supports) and is_left


@dataclass(frozen=True)
class Method:
    """One way to get an embedding.

    A place is ``module:name`` within the package of embeddings; nothing is imported before it is used.

    Attributes
    ----------
    name : str
        Its name in YAML, tables and names of embeddings.
    label : str
        Its name for people.
    options : type of Options
        Its hyper-parameters.
    source : {"corpus", "task", "control", "pretrained", "encoder", "vectors", "embedding"}
        Where its knowledge comes from: trained here on a corpus, fitted on a task's training texts or interactions, nowhere,
        a file, another encoder or other word vectors of the grid, or any other embedding of the grid, which is evaluated
        with something added or taken away.
    supports : frozenset of Support
        What it has vectors of, can search or answer, or is fitted on: a kind of task says which of these it needs.
        ``labeled_texts``: vectors of texts, once it is fitted on texts with their classes.
    build : str
        Place of what gives its encoder, searcher or recommender. Its parameters are those of ``options``, ``dim``,
        ``seed``, ``artifact``, ``text``, ``bases`` and ``encodings`` that it needs (see `factory.build_encoder`).
    train : str
        Place of what trains, loads or derives its artifact; empty for what each task fits for itself.
    artifact : {"vectors", "encoder", "cross_encoder"}, optional
        What training or loading leaves: `WordVectors`, or an `EncoderFolder` that gives vectors, or scores of pairs.
    has_dim : bool
        Whether the grid chooses its dimension.
    requirements : str
        Place of what refuses options that cannot work here, before anything is trained; may be empty.
    sparse : bool
        Whether it is a sparse baseline: a column, or an item, of its own for each term or item.
    export : str
        Place of the class of its encoders (`ExportableEncoder`) or indexes (`ExportableIndex`): what a bundle is made of.
        Empty for a method that cannot be deployed.
    trains_on : bool
        Whether another embedding can be made from its artifact: distillation, a reranker.
    tuned_as : str
        What fine-tuning takes its artifact for; empty where that is said by the artifact's own name.
    derivation : Derivation, optional
        For methods that make an embedding from another one: how.
    is_paid : bool
        Whether a service wants money: what all tasks will cost is estimated before the first text is sent.
    bases : Bases, optional
        For methods that evaluate other embeddings of the grid with something added or taken away: which these may be.
    made : str
        For methods that make an embedding from another one: what was done to that one, in names for people (``fused``).
    """

    name: str
    label: str = field(metadata=FOR_PEOPLE)
    options: type[Options]
    source: Source
    supports: frozenset[Support]
    build: str
    train: str = ""
    artifact: Literal["vectors", "encoder", "cross_encoder"] | None = None
    has_dim: bool = True
    requirements: str = ""
    sparse: bool = False
    export: str = ""
    trains_on: bool = True
    tuned_as: str = ""
    derivation: Derivation | None = None
    bases: Bases | None = None
    is_paid: bool = False
    made: str = field(default="", metadata=FOR_PEOPLE)

    @property
    def can_be_tuned(self) -> bool:
        """Tell whether training can go on with a task's labels: it has weights, and is not the copy of another encoder."""
        return self.artifact is not None and self.source != "encoder"

    @property
    def tuned_part(self) -> str:
        """Name what fine-tuning trains: a name of `experiment.model.TUNING`; a kind of task says which of these it can."""
        return self.tuned_as or str(self.artifact)

    @property
    def is_dense(self) -> bool:
        """Tell whether it gives dense vectors of its own, whose dimension says something."""
        return self.has_dim or (not self.sparse and bool(self.supports & {"texts", "labeled_texts", "columns", "tokens"}))

    def load_trainer(self) -> Callable[..., Any]:
        """Import what trains, loads or derives its artifact."""
        return cast(Callable[..., Any], import_place(self.train))

    def build_from(self, ingredients: Mapping[str, Any]) -> Any:
        """Build its encoder from those of the ingredients that it takes.

        Raises
        ------
        ValueError
            One that it cannot do without is None.
        """
        builder = import_place(self.build)
        taken = {name: ingredients[name] for name in inspect.signature(builder).parameters if name in ingredients}
        for name, meaning in _MUST_BE_GIVEN.items():
            if name in taken and not _is_given(taken[name]):
                raise ValueError(f"{self.name} is built from {meaning}: give it as {name}=")
        return builder(**taken)

    def require(self, options: Options) -> None:
        """Refuse options that cannot work on this machine, before anything is trained.

        Raises
        ------
        DataError
            A model that is not there or cannot be used, a GPU where there is none.
        """
        if self.requirements:
            import_place(self.requirements)(options)


def _is_given(ingredient: Any) -> bool:
    return ingredient is not None and ingredient != {}


def import_place(place: str) -> Any:
    """Import what is at ``module:name`` within the package of embeddings."""
    module, _, name = place.partition(":")
    return getattr(import_module(f"{_PACKAGE}.{module}"), name)
