"""The grid as a user writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Self, TypeAlias

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from emb_pipeline.corrupt.training_text import CorruptionKind
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import suggest

_WORD = re.compile(r"[a-z][a-z0-9_]*")

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

_RESERVED = {
    "corpora": frozenset({"pretrained", "task", "control", "ingest", "report", "overlap", "examples", "tokens"}),
    "tasks": frozenset({"audit"}),
}
"""Names that would stand for two things in the graph."""


Axes: TypeAlias = dict[str, Any]
"""Lists of values of one embedding's options: each combination is an embedding of its own. A single value holds for all."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pretrained(Strict):
    """An embedding trained elsewhere, named by the user: ``glove_50: {path: …, format: glove_text}``."""

    method: str = Field(default="static_file", description="the method that loads it")
    options: dict[str, Any] = Field(default_factory=dict, description="that method's options")
    axes: Axes = Field(
        default_factory=dict,
        description="lists of values to compare, each combined with each: dims, precision, prompt, options of its method",
    )
    evaluate_on: tuple[str, ...] | None = Field(default=None, description="tasks that it is evaluated on; all by default")


class Variant(Strict):
    """An embedding of the grid once more, with other options of its method."""

    of: str = Field(description="<origin>.<embedding> that it equals but for these options")
    options: dict[str, Any] = Field(min_length=1, description="what differs")
    evaluate_on: tuple[str, ...] | None = Field(
        default=None, description="tasks that it is evaluated on; those of the other one by default"
    )


class Derived(Strict):
    """An embedding made from others of the grid: trained on, distilled, mixed with something, or fused."""

    method: str = Field(
        description="bert: its training goes on, on the corpus of this origin; distilled: static vectors; "
        "hybrid: its scores are mixed with those of a recommender; reduced: fewer dimensions, or fewer bits for each; "
        "counter_fitted, retrofitted: word vectors repaired with synonyms and antonyms; fusion: several retrievers as one; "
        "reranker: a cross-encoder puts the first passages of a retriever in order; chunked: a retriever over chunks of the "
        "passages; learned_sparse, late_interaction: an encoder trained to weigh words, or to match tokens"
    )
    made_from: tuple[str, ...] = Field(
        default=(),
        validation_alias=AliasChoices("continue_from", "teacher", "text", "of"),
        description="<origin>.<embedding> that it is made from, or a list of them",
    )
    start_from: str | None = Field(
        default=None,
        description="reranker, learned_sparse, late_interaction: <origin>.<embedding> whose encoder is trained into it; it "
        "is evaluated once it is fine-tuned, under fine_tune:",
    )
    options: dict[str, Any] = Field(default_factory=dict, description="what differs from the method's options")
    evaluate_on: tuple[str, ...] | None = Field(default=None, description="tasks that it is evaluated on; all by default")

    @field_validator("made_from", mode="before")
    @classmethod
    def _may_be_a_single_one(cls, made_from: Any) -> Any:
        return (made_from,) if isinstance(made_from, str) else made_from

    @field_validator("made_from")
    @classmethod
    def _are_different(cls, made_from: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(made_from)) < len(made_from):
            raise ValueError(f"{', '.join(made_from)}: an embedding stands twice")
        return made_from

    @model_validator(mode="after")
    def _are_named(self) -> Self:
        if not self.made_from and self.start_from is None:
            raise ValueError("name the embedding that it is made from under 'of', or the encoder to train as 'start_from'")
        return self


class FineTuning(Strict):
    """An embedding of the grid that is trained on with the labels of tasks, one copy for each."""

    base: str = Field(description="<origin>.<embedding> that is tuned")
    tasks: tuple[str, ...] = Field(min_length=1, description="tasks to tune it on")
    name: str = Field(default="tuned", description="the copies are called <base>_<name>_<task>")
    options: dict[str, Any] = Field(default_factory=dict, description="what differs from the options under methods:")
    evaluate_on: tuple[str, ...] | None = Field(
        default=None, description="tasks that a copy is evaluated on besides its own; all by default: what has it forgotten?"
    )


class Corruption(Strict):
    """Corruption of the text that an embedding is trained on."""

    of: str = Field(description="<origin>.<embedding> that learns from the text as it is")
    kind: CorruptionKind = Field(description="less_text, shuffled_words or typos")
    level: float = Field(gt=0, le=1, description="share of the text that is left out, shuffled or misspelt")


class Corrupted(Strict):
    """Word vectors of the grid that are trained again on corrupted text, one copy for each kind and level."""

    section: ClassVar = "corrupted"
    of: str = Field(description="<origin>.<embedding>")
    less_text: tuple[float, ...] = Field(default=(), description="shares of the text that are left out")
    shuffled_words: tuple[float, ...] = Field(default=(), description="shares of the words that change places")
    typos: tuple[float, ...] = Field(default=(), description="shares of the words that are misspelt")
    evaluate_on: tuple[str, ...] | None = Field(
        default=None, description="tasks that a copy is evaluated on; all by default"
    )

    @property
    def changes(self) -> dict[str, Corruption]:
        """Each kind with each of its levels, by what is added to the embedding's name."""
        kinds: dict[CorruptionKind, tuple[float, ...]] = {
            "less_text": self.less_text,
            "shuffled_words": self.shuffled_words,
            "typos": self.typos,
        }
        return {
            f"{kind}_{round(100 * level)}": Corruption(of=self.of, kind=kind, level=level)
            for kind, shares in kinds.items()
            for level in shares
        }


class Resample(Strict):
    """The bootstrap resample of its corpus that an embedding is trained on."""

    of: str = Field(description="<origin>.<embedding> that learns from the text as it is")
    number: int = Field(ge=1, description="which resample: the same number draws the same documents for every embedding")


class Resampled(Strict):
    """Word vectors of the grid that are trained again on resamples of their corpus, one copy for each."""

    section: ClassVar = "resampled"
    of: str = Field(description="<origin>.<embedding>")
    bootstraps: int = Field(description="resamples: documents drawn with replacement, as many as there are")
    evaluate_on: tuple[str, ...] | None = Field(
        default=None, description="tasks that a copy is evaluated on; all by default, [] for its neighbors alone"
    )

    @field_validator("bootstraps")
    @classmethod
    def _is_at_least_one(cls, bootstraps: int) -> int:
        if not 1 <= bootstraps <= 100:
            raise ValueError(
                f"bootstraps is the number of resamples, from 1 to 100, not {bootstraps}: 2 show how far they differ among "
                "each other; leave the line out for none"
            )
        return bootstraps

    @property
    def changes(self) -> dict[str, Resample]:
        """Each resample, by what is added to the embedding's name."""
        return {f"bootstrap{number}": Resample(of=self.of, number=number) for number in range(1, self.bootstraps + 1)}


class Grid(Strict):
    """Which embeddings meet which tasks."""

    corpora: tuple[str, ...] = Field(default=(), description="corpora to train on, in the report's order; none: nothing is")
    methods: dict[str, tuple[int, ...]] = Field(default_factory=dict, description="method: dimensions to train")
    seeds: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="<method>_<dim>: further training seeds, each an embedding of its own"
    )
    baselines: tuple[str, ...] = Field(default=(), description="embeddings fitted on the task's own training texts")
    controls: tuple[str, ...] = Field(default=(), description="random vectors and shuffled labels: the noise floor")
    pretrained: dict[str, Pretrained] = Field(default_factory=dict, description="embeddings trained elsewhere")
    variants: dict[str, Variant] = Field(
        default_factory=dict, description="<origin>.<embedding>: another one of the grid with other options"
    )
    axes: dict[str, Axes] = Field(
        default_factory=dict,
        description="<method>: values of its options, each an embedding next to those under methods: and baselines:",
    )
    derived: dict[str, Derived] = Field(default_factory=dict, description="<origin>.<embedding>: made from another one")
    corrupted: tuple[Corrupted, ...] = Field(default=(), description="embeddings that are trained again on corrupted text")
    resampled: tuple[Resampled, ...] = Field(
        default=(), description="embeddings that are trained again on bootstrap resamples of their corpus"
    )
    fine_tune: tuple[FineTuning, ...] = Field(default=(), description="embeddings that are trained on with a task's labels")
    tasks: tuple[str, ...] = Field(min_length=1, description="downstream tasks")

    @field_validator("corpora", "tasks")
    @classmethod
    def _are_plain_words(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for name in names:
            if not _WORD.fullmatch(name):
                raise ValueError(f"{name!r} must be lower-case letters, digits and underscores: it names files and nodes")
            if name in _RESERVED[str(info.field_name)]:
                raise ValueError(
                    f"{name!r} is the name of something else in the graph; choose another, {name}_1 for instance"
                )
        if len(set(names)) < len(names):
            raise ValueError(f"{', '.join(names)}: a name stands twice")
        return names

    @field_validator("pretrained", "baselines", "controls", mode="after")
    @classmethod
    def _are_keys(cls, names: Iterable[str]) -> Iterable[str]:
        for name in names:
            _require_key(name)
        return names

    @field_validator("derived", "variants")
    @classmethod
    def _have_an_origin(cls, derived: dict[str, Any]) -> dict[str, Any]:
        for name in derived:
            origin, key = split_name(name)
            if not origin or not key:
                raise ValueError(f"{name!r} must be <origin>.<name>, pretrained.{name.strip('.') or 'small'} for instance")
            _require_key(key)
        return derived

    @field_validator("fine_tune")
    @classmethod
    def _have_plain_names(cls, tunings: tuple[FineTuning, ...]) -> tuple[FineTuning, ...]:
        for tuning in tunings:
            _require_key(tuning.name)
        return tunings

    @model_validator(mode="after")
    def _seeds_belong_to_a_method(self) -> Self:
        trained = [f"{method}_{dim}" for method, dims in self.methods.items() for dim in dims]
        for key in self.seeds if all(method in METHODS for method in self.methods) else ():
            if key not in trained:
                raise ValueError(f"seeds.{key} is no embedding that the grid trains; {suggest(key, trained)}")
        return self


def split_name(name: str) -> tuple[str, str]:
    """Split the name that a user gives to a derived embedding, ``<origin>.<key>``, into its two fields."""
    origin, _, key = name.partition(".")
    return origin, key


def _require_key(name: str) -> None:
    if not _KEY.fullmatch(name):
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "mine"
        raise ValueError(
            f"{name!r} must be letters, digits, underscores and hyphens, since dots part the names of files and nodes; "
            f"write {plain}"
        )
