"""The model of a run: an embedding, a task and a corpus with all that fixes them, and the experiment that holds them.

Kedro validates each on the signature of every node that takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import BaseModel, Field, SerializeAsAny, TypeAdapter, model_validator

from emb_pipeline.embeddings.contextual.options import EncoderTuningOptions
from emb_pipeline.embeddings.learned.options import SparseTuningOptions, TokenTuningOptions
from emb_pipeline.embeddings.options import Options, TuningOptions
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.retrieval.options import RerankerTuningOptions
from emb_pipeline.embeddings.static.options import BagTuningOptions
from emb_pipeline.errors import suggest
from emb_pipeline.experiment.schema import Corruption, Resample, Strict, Variant
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.registry import KINDS

TUNING: dict[str, tuple[str, type[TuningOptions]]] = {
    "vectors": ("fine_tuned_vectors", BagTuningOptions),
    "encoder": ("fine_tuned_encoder", EncoderTuningOptions),
    "cross_encoder": ("fine_tuned_reranker", RerankerTuningOptions),
    "sparse_encoder": ("fine_tuned_sparse", SparseTuningOptions),
    "token_encoder": ("fine_tuned_late_interaction", TokenTuningOptions),
}
"""How a method's part is fine-tuned (`Method.tuned_part`): its hyper-parameters' name under ``methods:``, and their type."""


class EmbeddingSpec(Strict):
    """One embedding of the grid and everything that fixes it."""

    origin: str = Field(description="domain, generic, pretrained, task or control")
    key: str = Field(description="name below the origin: <method>_<dim>")
    method: str
    dim: int | None = Field(default=None, ge=1, le=4096, description="dimensions of a vector; none where the task fixes it")
    seed: int = Field(default=0, ge=0)
    starts_from: str | None = Field(default=None, description="the embedding that its training starts from")
    bases: tuple[str, ...] = Field(default=(), description="the embeddings that it builds on whenever it is evaluated")
    repeats: str | None = Field(default=None, description="the embedding that this one repeats with another seed")
    shuffle_labels: bool = Field(default=False, description="train the probe on permuted labels: a control")
    changed_text: Corruption | Resample | None = Field(default=None, description="how its training text was changed")
    variant: Variant | None = Field(default=None, description="the embedding that it equals but for some options")
    tuned_on: str | None = Field(default=None, description="the task whose labels it was fine-tuned on")
    tuning: SerializeAsAny[TuningOptions] | None = Field(default=None, description="how it was fine-tuned")
    shares_training: str | None = Field(
        default=None, description="the embedding whose training it shares, as they differ in nothing that is trained"
    )
    evaluate_on: tuple[str, ...] | None = Field(default=None, description="tasks that it is evaluated on; None: all")
    options: SerializeAsAny[Options]

    @model_validator(mode="before")
    @classmethod
    def _options_belong_to_the_method(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not isinstance(values.get("options"), Mapping):
            return values
        method = METHODS.get(str(values.get("method")))
        if method is None:
            raise ValueError(f"unknown method {values.get('method')!r}; {suggest(str(values.get('method')), METHODS)}")
        made = {**values, "options": method.options(**cast(Mapping[str, Any], values["options"]))}
        if isinstance(values.get("tuning"), Mapping):
            _, tuning = TUNING[method.tuned_part]
            made["tuning"] = tuning(**cast(Mapping[str, Any], values["tuning"]))
        return made

    @model_validator(mode="after")
    def _options_suit_the_bases(self) -> Self:
        if METHODS[self.method].bases is not None:
            self.options.check_bases(len(self.bases))
        if not self.tuned_on:
            self.options.check_start(is_given=self.starts_from is not None)
        return self

    @property
    def name(self) -> str:
        """``<origin>.<method>_<dim>``, as it is in every table."""
        return f"{self.origin}.{self.key}"

    @property
    def family(self) -> str:
        """Name of the embedding that it repeats with another seed, or its own."""
        return self.repeats or self.name

    @property
    def is_trained(self) -> bool:
        """True where a training (or loading) node comes before its evaluation: its own, or one that it shares."""
        return self.artifact is not None

    @property
    def artifact(self) -> str | None:
        """The artifact of its training: word ``vectors``, an ``encoder`` or a ``cross_encoder``; None without training."""
        return METHODS[self.method].artifact

    @property
    def trained_as(self) -> str:
        """Name of the embedding whose training left its artifact: its own, unless it shares one."""
        return self.shares_training or self.name

    @property
    def made_from(self) -> tuple[str, ...]:
        """The embeddings that this one is made from: what was trained on, then what it builds on."""
        return (*((self.starts_from,) if self.starts_from else ()), *self.bases)

    def supports(self, kind: str) -> bool:
        """Tell whether this embedding can be evaluated on tasks of this kind."""
        wanted = KINDS[kind]
        return bool(wanted.requires & METHODS[self.method].supports) and (
            wanted.learns_from_labels or not self.shuffle_labels
        )


class CorpusDefinition(Strict):
    """Where a corpus comes from."""

    sources: tuple[CorpusSource, ...] = Field(min_length=1, description="where its texts are, each with a reader")


class CorpusOptions(Strict):
    """The options of all corpora of a use case."""

    held_out: Literal["remove", "keep"] = Field(
        default="remove", description="remove: no sentence of a task's held-out text stands in a corpus; keep: as it is"
    )
    equal_size: bool = Field(default=True, description="cut all corpora to the tokens of the smallest one")
    max_tokens: int | None = Field(default=None, ge=1000, description="tokens to keep of each corpus at most")


class TaskDefinition(Strict):
    """One labeled downstream problem: its kind, where it is read from, how it is evaluated."""

    name: str = Field(default="", description="the task's name in the grid; filled in")
    kind: str = Field(description="kind of task")
    source: SerializeAsAny[Any] = Field(description="where its examples are, with a reader of its kind")
    sample: int | None = Field(
        default=None,
        ge=50,
        description="examples to take, about, drawn by hash; all by default. Scores are those of the sample",
    )
    test_share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of the test units that is scored, in an order drawn by hash; all by default. Training texts "
        "stay whole",
    )
    passage_share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of the passages that is searched, next to those that answer a query; all by default",
    )
    primary_metric: str = Field(
        default="",
        description="metric that its embeddings are ranked, compared and chosen by; by default the first of its kind",
    )
    evaluation: SerializeAsAny[BaseModel] = Field(description="options of its kind's evaluation, where they differ")

    @model_validator(mode="before")
    @classmethod
    def _source_and_evaluation_belong_to_the_kind(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        kind = KINDS.get(str(values.get("kind")))
        if kind is None:
            raise ValueError(f"unknown kind {values.get('kind')!r}; {suggest(str(values.get('kind')), KINDS)}")
        evaluation = values.get("evaluation") or {}
        if set(values) - set(cls.model_fields):  # refused by their names, with the nearest known ones
            return {**values, "evaluation": evaluation}
        if "source" not in values:
            raise ValueError("'source' is missing: it says where the examples are")
        if isinstance(evaluation, Mapping):
            evaluation = kind.read_options(evaluation, values.get("primary_metric") or None)
        primary = getattr(evaluation, "primary_metric", None) or kind.primary_metric
        source = TypeAdapter(kind.create_reader().source_type).validate_python(values.get("source"))
        return {**values, "source": source, "primary_metric": primary, "evaluation": evaluation}


class Folders(Strict):
    """Where this machine keeps raw files, scratch space, encodings and what was trained."""

    raw: Path = Field(description="files that were downloaded, or that you brought")
    scratch: Path = Field(description="files of a run that is going on, and checkpoints")
    project: Path = Field(description="what relative paths start from")
    encodings: Path = Field(description="vectors of texts, shared by all use cases")
    models: Path = Field(description="what was trained")


class Experiment(Strict):
    """The grid of one use case, ready to build pipelines from."""

    use_case: str
    corpora: tuple[str, ...]
    cells: tuple[EmbeddingSpec, ...]
    tasks: dict[str, str] = Field(description="task: kind")
    needs: dict[str, frozenset[str]] = Field(
        default_factory=dict, description="what an embedding must give, for tasks where the kind does not say it alone"
    )
    curves: frozenset[str] = Field(
        default=frozenset(), description="tasks whose probes are fitted on parts of the labels, too"
    )
    refuses: frozenset[str] = Field(
        default=frozenset(), description="tasks on which an embedding must have a cut-off to be chosen"
    )
    timed: frozenset[str] = Field(default=frozenset(), description="tasks whose examples have a time")
    needs_store: bool = Field(default=False, description="whether passages are put into a vector store and indexed there")
    dropped: frozenset[tuple[str, str]] = Field(
        default=frozenset(), description="(embedding, task): cells that a budgeted run has dropped"
    )

    def cell_named(self, name: str) -> EmbeddingSpec:
        """Find the embedding of this name."""
        return next(cell for cell in self.cells if cell.name == name)

    def sources_of(self, cell: EmbeddingSpec) -> list[EmbeddingSpec]:
        """List the embeddings that one is made from or builds on, directly or not, the nearest first."""
        return self._walk(cell, lambda each: (*((each.starts_from,) if each.starts_from else ()), *each.bases))

    def bases_of(self, cell: EmbeddingSpec) -> list[EmbeddingSpec]:
        """List the embeddings that one builds on whenever it is evaluated, directly or not, the nearest first."""
        return self._walk(cell, lambda each: each.bases)

    def _walk(self, cell: EmbeddingSpec, list_next: Callable[[EmbeddingSpec], tuple[str, ...]]) -> list[EmbeddingSpec]:
        found: dict[str, EmbeddingSpec] = {}
        waiting = list(list_next(cell))
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found[name] = self.cell_named(name)
                waiting += list_next(found[name])
        return list(found.values())

    @property
    def origins(self) -> list[str]:
        """Origins with something to show, in the grid's order: an evaluation, or word vectors to look at."""
        return list(
            dict.fromkeys(
                cell.origin
                for cell in self.cells
                if self.tasks_of(cell) or (cell.artifact == "vectors" and not cell.tuned_on)
            )
        )

    def tasks_of(self, cell: EmbeddingSpec) -> list[str]:
        """Find the tasks that an embedding is evaluated on."""
        wanted = self.tasks if cell.evaluate_on is None else {*cell.evaluate_on, cell.tuned_on}
        return [
            task
            for task, kind in self.tasks.items()
            if task in wanted
            and cell.supports(kind)
            and self._supports_examples(task, cell)
            and (cell.family, task) not in self.dropped
        ]

    def reading_tasks_of(self, cell: EmbeddingSpec) -> list[str]:
        """Find the tasks whose texts an embedding reads: its own, and those of embeddings that build on it."""
        readers = [cell, *(each for each in self.cells if each.bases and cell in self.bases_of(each))]
        read = {task for each in readers for task in self.tasks_of(each)}
        return [task for task in self.tasks if task in read]

    @property
    def corrupted_on(self) -> list[str]:
        """Tasks that embeddings from corrupted text are evaluated on."""
        corrupted = [cell for cell in self.cells if isinstance(cell.changed_text, Corruption)]
        return [task for task in self.tasks if any(task in self.tasks_of(cell) for cell in corrupted)]

    def _supports_examples(self, task: str, cell: EmbeddingSpec) -> bool:
        """Tell whether it gives what the task's examples need, and what it builds on too."""
        needs = self.needs.get(task)
        return needs is None or all(needs & METHODS[part.method].supports for part in [cell, *self.bases_of(cell)])
