"""The experiment grid: which cells exist, what they are called, and what each of them is given.

    conf/<use case>/globals.yml     grid: corpora × methods × dimensions, baselines, controls, tasks
    conf/<use case>/parameters*.yml methods: hyper-parameters        ──►  embeddings.<origin>.<method>_<dim>  (one cell)

A cell is written out once, here; Kedro validates it on the signature of every node that takes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, cast

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from emb_pipeline.corrupt.training_text import Spoil
from emb_pipeline.efficiency.vector_search import IN_PROCESS
from emb_pipeline.embeddings.options import BagTuningOptions, EncoderTuningOptions, Options, TuningOptions
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import suggest
from emb_pipeline.names import is_further_seed, is_resample
from emb_pipeline.readers.registry import CorpusReading
from emb_pipeline.tasks.registry import KINDS, Kind

SHUFFLED = "shuffled_"
TUNING: dict[str, tuple[str, type[TuningOptions]]] = {
    "vectors": ("fine_tuned_vectors", BagTuningOptions),
    "encoder": ("fine_tuned_encoder", EncoderTuningOptions),
}
"""How what a method leaves behind is fine-tuned: the name of its hyper-parameters under ``methods:``, and their type."""
_WORD = re.compile(r"[a-z][a-z0-9_]*")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_RESERVED = {
    "corpora": frozenset({"pretrained", "task", "control", "ingest", "report", "overlap", "tasks", "corpora"}),
    "tasks": frozenset({"audit"}),
}
"""Names that would stand for two things in the graph."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Folders(_Strict):
    """Where this machine keeps raw files, scratch space, encodings and what was trained."""

    raw: Path
    scratch: Path
    project: Path
    encodings: Path
    models: Path


class Pretrained(_Strict):
    """An embedding trained elsewhere, named by the user: ``glove_50: {path: …, format: glove_text}``."""

    method: str = Field(default="static_file", description="the method that loads it")
    options: dict[str, Any] = Field(default_factory=dict, description="that method's options")
    evaluate_on: tuple[str, ...] | None = Field(default=None, description="tasks that it is evaluated on; all by default")


class Derived(_Strict):
    """An embedding made from another one of the grid: trained on, distilled, or mixed with something."""

    method: str = Field(
        description="bert: its training goes on, on the corpus of this origin; distilled: static vectors; "
        "hybrid: its scores are mixed with those of a recommender; reduced: fewer numbers, or fewer bits for each; "
        "counter_fitted, retrofitted: word vectors repaired with synonyms and antonyms"
    )
    base: str = Field(
        validation_alias=AliasChoices("continue_from", "teacher", "text", "of"),
        description="<origin>.<embedding> that it is made from",
    )
    options: dict[str, Any] = Field(default_factory=dict, description="what differs from the method's options")
    evaluate_on: tuple[str, ...] | None = Field(default=None, description="tasks that it is evaluated on; all by default")


class FineTuning(_Strict):
    """An embedding of the grid that is trained on with the labels of tasks, one copy for each."""

    base: str = Field(description="<origin>.<embedding> that is tuned")
    tasks: tuple[str, ...] = Field(min_length=1, description="tasks to tune it on")
    name: str = Field(default="tuned", description="the copies are called <base>_<name>_<task>")
    options: dict[str, Any] = Field(default_factory=dict, description="what differs from the options under methods:")
    evaluate_on: tuple[str, ...] | None = Field(
        default=None, description="tasks that a copy is evaluated on beside its own; all by default: what has it forgotten?"
    )


class Spoiling(_Strict):
    """How the text that an embedding is trained on was made worse on purpose."""

    of: str = Field(description="<origin>.<embedding> that learns from the text as it is")
    kind: Spoil
    dose: float = Field(gt=0, le=1, description="share of the text that is left out, shuffled or misspelt")


class Spoilt(_Strict):
    """Word vectors of the grid that are trained again on worse text, one copy for each kind and dose."""

    section: ClassVar = "spoilt"
    of: str = Field(description="<origin>.<embedding>")
    less_text: tuple[float, ...] = Field(default=(), description="shares of the text that are left out")
    shuffled_words: tuple[float, ...] = Field(default=(), description="shares of the words that change places")
    typos: tuple[float, ...] = Field(default=(), description="shares of the words that are misspelt")
    evaluate_on: tuple[str, ...] | None = Field(
        default=None, description="tasks that a copy is evaluated on; all by default"
    )

    @property
    def changes(self) -> dict[str, Spoiling]:
        """Each kind with each of its doses, by what is added to the embedding's name."""
        kinds: dict[Spoil, tuple[float, ...]] = {
            "less_text": self.less_text,
            "shuffled_words": self.shuffled_words,
            "typos": self.typos,
        }
        return {
            f"{kind}_{round(100 * dose)}": Spoiling(of=self.of, kind=kind, dose=dose)
            for kind, shares in kinds.items()
            for dose in shares
        }


class Resample(_Strict):
    """The bootstrap resample of its corpus that an embedding is trained on."""

    of: str = Field(description="<origin>.<embedding> that learns from the text as it is")
    number: int = Field(ge=1, description="which resample: the same number draws the same documents for every embedding")


class Resampled(_Strict):
    """Word vectors of the grid that are trained again on resamples of their corpus, one copy for each."""

    section: ClassVar = "resampled"
    of: str = Field(description="<origin>.<embedding>")
    bootstraps: int = Field(description="resamples: documents drawn with replacement, as many as there are")
    evaluate_on: tuple[str, ...] | None = Field(
        default=None, description="tasks that a copy is evaluated on; all by default, [] for its neighbours alone"
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


class Grid(_Strict):
    """Which embeddings meet which tasks."""

    corpora: tuple[str, ...] = Field(default=(), description="corpora to train on, in the report's order; none: nothing is")
    methods: dict[str, tuple[int, ...]] = Field(default_factory=dict, description="method: dimensions to train")
    seeds: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="<method>_<dim>: further training seeds, each an embedding of its own"
    )
    baselines: tuple[str, ...] = Field(default=(), description="embeddings fitted on the task's own training texts")
    controls: tuple[str, ...] = Field(default=(), description="random vectors and shuffled labels: the noise floor")
    pretrained: dict[str, Pretrained] = Field(default_factory=dict, description="embeddings trained elsewhere")
    derived: dict[str, Derived] = Field(default_factory=dict, description="<origin>.<embedding>: made from another one")
    spoilt: tuple[Spoilt, ...] = Field(default=(), description="embeddings that are trained again on worse text")
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

    @field_validator("derived")
    @classmethod
    def _have_an_origin(cls, derived: dict[str, Derived]) -> dict[str, Derived]:
        for name in derived:
            origin, _, key = name.partition(".")
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


def _require_key(name: str) -> None:
    if not _KEY.fullmatch(name):
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "mine"
        raise ValueError(
            f"{name!r} must be letters, digits, underscores and hyphens, since dots part the names of files and nodes; "
            f"write {plain}"
        )


class EmbeddingSpec(_Strict):
    """One embedding of the grid and everything that fixes it."""

    origin: str = Field(description="domain, generic, pretrained, task or control")
    key: str = Field(description="name below the origin: <method>_<dim>")
    method: str
    dim: int | None = Field(default=None, ge=1, le=4096, description="numbers per vector; none where the task fixes it")
    seed: int = Field(default=0, ge=0)
    base: str | None = Field(default=None, description="the embedding that this one is made from")
    shuffle_labels: bool = Field(default=False, description="train the probe on permuted labels: a control")
    changed_text: Spoiling | Resample | None = Field(default=None, description="how its training text was changed")
    tuned_on: str | None = Field(default=None, description="the task whose labels it was fine-tuned on")
    tuning: SerializeAsAny[TuningOptions] | None = Field(default=None, description="how it was fine-tuned")
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
            _, tuning = TUNING[str(method.artifact)]
            made["tuning"] = tuning(**cast(Mapping[str, Any], values["tuning"]))
        return made

    @property
    def name(self) -> str:
        """``<origin>.<method>_<dim>``, as it stands in every table."""
        return f"{self.origin}.{self.key}"

    @property
    def is_trained(self) -> bool:
        """Whether a training (or loading) node of its own comes before its evaluation."""
        return self.artifact is not None

    @property
    def artifact(self) -> str | None:
        """What a training leaves behind: word ``vectors`` or an ``encoder``; None for what needs no training."""
        return METHODS[self.method].artifact

    @property
    def adds_to_base(self) -> bool:
        """Whether it is its base that is evaluated, with something added."""
        return METHODS[self.method].source == "embedding"

    def supports(self, kind: str) -> bool:
        """Whether this embedding can be evaluated on tasks of this kind."""
        wanted = KINDS[kind]
        return bool(wanted.needs & METHODS[self.method].supports) and (wanted.learns_from_labels or not self.shuffle_labels)


class CorpusDefinition(_Strict):
    """Where a corpus comes from."""

    readings: tuple[CorpusReading, ...] = Field(min_length=1)


class CorpusOptions(_Strict):
    """What holds for all corpora of a use case."""

    held_out: Literal["remove", "keep"] = Field(
        default="remove", description="remove: no sentence of a task's held-out text stands in a corpus; keep: as it is"
    )
    equal_size: bool = Field(default=True, description="cut all corpora to the tokens of the smallest one")
    max_tokens: int | None = Field(default=None, ge=1000, description="tokens to keep of each corpus at most")


class TaskDefinition(_Strict):
    """One labelled downstream problem: its kind, where it is read from, how it is evaluated."""

    name: str = Field(default="", description="the task's name in the grid; filled in")
    kind: str
    reading: SerializeAsAny[Any]
    evaluation: SerializeAsAny[BaseModel]

    @model_validator(mode="before")
    @classmethod
    def _reading_and_evaluation_belong_to_the_kind(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        kind = KINDS.get(str(values.get("kind")))
        if kind is None:
            raise ValueError(f"unknown kind {values.get('kind')!r}; {suggest(str(values.get('kind')), KINDS)}")
        evaluation = values.get("evaluation") or {}
        if isinstance(evaluation, Mapping):
            evaluation = kind.options(**evaluation)
        reading = TypeAdapter(kind.reader().readings).validate_python(values.get("reading"))
        return {**values, "reading": reading, "evaluation": evaluation}


class Experiment(_Strict):
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
    needs_store: bool = Field(default=False, description="whether passages are put into a vector store and indexed there")

    def cell_named(self, name: str) -> EmbeddingSpec:
        """The embedding of this name."""
        return next(cell for cell in self.cells if cell.name == name)

    def bases_of(self, cell: EmbeddingSpec) -> list[EmbeddingSpec]:
        """What an embedding is made from, directly or not, the nearest first."""
        found: list[EmbeddingSpec] = []
        while cell.base:
            cell = self.cell_named(cell.base)
            found.append(cell)
        return found

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
        """The tasks that an embedding is evaluated on."""
        wanted = self.tasks if cell.evaluate_on is None else {*cell.evaluate_on, cell.tuned_on}
        return [
            task
            for task, kind in self.tasks.items()
            if task in wanted and cell.supports(kind) and self._is_served(task, cell)
        ]

    @property
    def spoilt_on(self) -> list[str]:
        """The tasks that embeddings from spoilt text are evaluated on."""
        spoilt = [cell for cell in self.cells if isinstance(cell.changed_text, Spoiling)]
        return [task for task in self.tasks if any(task in self.tasks_of(cell) for cell in spoilt)]

    def _is_served(self, task: str, cell: EmbeddingSpec) -> bool:
        """Whether it gives what the task's examples need, a hybrid's base too."""
        needs = self.needs.get(task)
        parts = [cell, self.cell_named(cell.base)] if cell.adds_to_base and cell.base else [cell]
        return needs is None or all(needs & METHODS[part.method].supports for part in parts)


def expand_grid(grid: Mapping[str, Any], methods: Mapping[str, Any], seed: int = 0) -> dict[str, dict[str, Any]]:
    """All embeddings of a grid: ``{origin: {key: cell}}`` as plain dictionaries.

    Raises
    ------
    ValueError
        A method that does not exist, or one without hyper-parameters under ``methods:``.
    """
    plan = Grid.model_validate(grid)
    cells: dict[str, dict[str, Any]] = {}
    for cell in _cells(plan, seed):
        method = cell["method"]
        if method not in METHODS:
            raise ValueError(f"globals.yml, grid: unknown method {method!r}; {suggest(method, METHODS)}")
        cell["options"] = {**(methods.get(method) or {}), **cell.get("options", {})}
        _add(cells, cell)
    _require_bases(plan, cells)
    for name in plan.derived:
        origin, _, key = name.rpartition(".")
        cells[origin][key]["dim"] = _derived_dim(name, cells)
    changed: tuple[Spoilt | Resampled, ...] = (*plan.spoilt, *plan.resampled)
    for cell in [copy for plan_of in changed for copy in _on_changed_text(plan_of, cells)]:
        _add(cells, cell)
    for cell in [copy for tuning in plan.fine_tune for copy in _tuned(tuning, cells, methods, plan.tasks)]:
        _add(cells, cell)
    _require_embeddings(plan, cells)
    _require_known_tasks(plan, cells)
    _require_no_repetition_by_name(plan, cells)
    return cells


def _require_embeddings(grid: Grid, cells: Mapping[str, Any]) -> None:
    """Refuse a grid without an embedding, and methods that have no corpus to learn from."""
    if grid.methods and not grid.corpora:
        raise ValueError(
            f"globals.yml, grid: methods ({', '.join(grid.methods)}) are trained on corpora, and corpora: is empty; "
            "name a corpus, or leave methods empty to compare pretrained embeddings and baselines only"
        )
    if not cells:
        raise ValueError(
            "globals.yml, grid: there is no embedding; name one under baselines:, pretrained:, controls: or methods:"
        )


def _require_no_repetition_by_name(grid: Grid, cells: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Refuse names that say what only the grid's own repetitions are: their scores would be averaged with another's."""
    tuned = [f"{origin}.{key}" for origin, members in cells.items() for key, cell in members.items() if cell.get("tuned_on")]
    for name in (*(f"pretrained.{key}" for key in grid.pretrained), *grid.derived, *tuned):
        if is_further_seed(name) or is_resample(name):
            raise ValueError(
                f"globals.yml, grid: {name} ends like a repetition with another seed or on a resample of a corpus "
                "(_seed<number>, _bootstrap<number>); call it something else"
            )


def _add(cells: dict[str, dict[str, Any]], cell: dict[str, Any]) -> None:
    members = cells.setdefault(cell["origin"], {})
    if cell["key"] in members:
        raise ValueError(
            f"globals.yml, grid: two embeddings are called {cell['origin']}.{cell['key']}; leave one out or rename it"
        )
    members[cell["key"]] = cell


def _require_known_tasks(grid: Grid, cells: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    for origin, members in cells.items():
        for key, cell in members.items():
            unknown = [task for task in cell.get("evaluate_on") or () if task not in grid.tasks]
            if unknown:
                raise ValueError(
                    f"globals.yml, grid: {origin}.{key} is to be evaluated on {', '.join(unknown)}, which is no task of the "
                    f"grid ({', '.join(grid.tasks)})"
                )


def _on_changed_text(plan: Spoilt | Resampled, cells: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The copies of an embedding that are trained on changed text: ``word2vec_100_typos_30`` on 30 % misspelt words,
    ``word2vec_100_bootstrap1`` on a resample.
    """
    origin, _, key = plan.of.rpartition(".")
    cell = cells.get(origin, {}).get(key)
    if cell is None or not _is_trained_vectors(cell):
        trained = [
            f"{group}.{name}"
            for group, members in cells.items()
            for name, each in members.items()
            if _is_trained_vectors(each)
        ]
        raise ValueError(
            f"globals.yml, grid.{plan.section}: {plan.of} is no word vectors that the grid trains; "
            f"these are: {', '.join(trained) or 'none'}"
        )
    for name, change in plan.changes.items():
        yield {
            **cell,
            "key": f"{key}_{name}",
            "changed_text": change.model_dump(),
            "evaluate_on": plan.evaluate_on,
        }


def _is_trained_vectors(cell: Mapping[str, Any]) -> bool:
    method = METHODS[cell["method"]]
    return (method.source, method.artifact) == ("corpus", "vectors")


def _tuned(
    tuning: FineTuning, cells: Mapping[str, Mapping[str, Any]], methods: Mapping[str, Any], tasks: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The copies of an embedding that are tuned on one task each."""
    origin, _, key = tuning.base.rpartition(".")
    base = cells.get(origin, {}).get(key)
    if base is None or not METHODS[base["method"]].can_be_tuned:
        tunable = [
            f"{group}.{name}"
            for group, members in cells.items()
            for name, cell in members.items()
            if METHODS[cell["method"]].can_be_tuned
        ]
        raise ValueError(
            f"globals.yml, grid.fine_tune: {tuning.base} is no embedding that can be tuned; "
            f"these can: {', '.join(tunable) or 'none'}"
        )
    section, _ = TUNING[str(METHODS[base["method"]].artifact)]
    for task in tuning.tasks:
        if task not in tasks:
            raise ValueError(f"globals.yml, grid.fine_tune: {task!r} is no task of the grid ({', '.join(tasks)})")
        yield {
            **base,
            "key": f"{key}_{tuning.name}_{task}",
            "base": tuning.base,
            "tuned_on": task,
            "tuning": {**(methods.get(section) or {}), **tuning.options},
            "evaluate_on": tuning.evaluate_on,
        }


def evaluated_tasks(tasks: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Task definitions with the use case's evaluation options filled in below each task's own."""
    return {
        name: {
            **task,
            "name": name,
            "evaluation": {**(evaluation.get(task.get("kind")) or {}), **(task.get("evaluation") or {})},
        }
        for name, task in tasks.items()
    }


def _cells(grid: Grid, seed: int) -> Iterator[dict[str, Any]]:
    for corpus in grid.corpora:
        for method, dims in grid.methods.items():
            for dim in dims:
                key = f"{method}_{dim}"
                yield {"origin": corpus, "key": key, "method": method, "dim": dim, "seed": seed}
                for other in grid.seeds.get(key, ()):
                    cell_key = f"{key}_seed{other}"
                    yield {"origin": corpus, "key": cell_key, "method": method, "dim": dim, "seed": other}
    for key, vectors in grid.pretrained.items():
        yield {
            "origin": "pretrained",
            "key": key,
            "method": vectors.method,
            "dim": None,  # its file says it
            "seed": seed,
            "options": vectors.options,
            "evaluate_on": vectors.evaluate_on,
        }
    for name, derived in grid.derived.items():
        origin, _, key = name.rpartition(".")
        yield {
            "origin": origin,
            "key": key,
            "method": derived.method,
            "dim": derived.options.get("dims"),
            "seed": seed,
            "base": derived.base,
            "options": derived.options,
            "evaluate_on": derived.evaluate_on,
        }
    for key in grid.baselines:
        yield {"origin": "task", **_named(key), "seed": seed}
    for key in grid.controls:
        shuffled = key.startswith(SHUFFLED)
        cell = _named(key.removeprefix(SHUFFLED))
        yield {"origin": "control", **cell, "key": key, "seed": seed, "shuffle_labels": shuffled}


def _require_bases(grid: Grid, cells: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    for name, derived in grid.derived.items():
        origin = METHODS[derived.method].source if derived.method in METHODS else "encoder"
        wanted, several, fits = _BASES.get(origin, _BASES["encoder"])
        known = [
            f"{group}.{other}"
            for group, members in cells.items()
            for other, cell in members.items()
            if f"{group}.{other}" != name and fits(cell)
        ]
        if derived.base not in known:
            raise ValueError(
                f"globals.yml, grid.derived: {name} is to be made from {derived.base}, which is no {wanted} of the grid; "
                f"{several} are: {', '.join(known) or 'none'}"
            )
        needs_corpus = METHODS[derived.method].source == "corpus" if derived.method in METHODS else False
        own_origin = name.rpartition(".")[0]
        if needs_corpus and own_origin not in grid.corpora:
            raise ValueError(
                f"globals.yml, grid.derived: {name} is trained on a corpus, so its name must start with one of "
                f"{', '.join(grid.corpora)}"
            )


def _has_texts(cell: Mapping[str, Any]) -> bool:
    return "texts" in METHODS[cell["method"]].supports and not cell.get("shuffle_labels")


def _has_encoder(cell: Mapping[str, Any]) -> bool:
    return METHODS[cell["method"]].artifact == "encoder"


def _has_vectors(cell: Mapping[str, Any]) -> bool:
    return METHODS[cell["method"]].artifact == "vectors"


_BASES: dict[str, tuple[str, str, Callable[[Mapping[str, Any]], bool]]] = {
    "embedding": ("embedding of texts", "embeddings of texts", _has_texts),
    "encoder": ("encoder", "encoders", _has_encoder),
    "vectors": ("word vectors", "word vectors", _has_vectors),
}
"""What a derived embedding can be made from, by its method's origin: in words, in the plural, and the test."""


def _named(key: str) -> dict[str, Any]:
    """``lsa_100`` is method lsa with 100 dimensions; ``one_hot`` is a method of its own."""
    if key in METHODS:
        return {"key": key, "method": key, "dim": None}
    method, _, dim = key.rpartition("_")
    return {"key": key, "method": method or key, "dim": int(dim) if dim.isdecimal() else None}


def _derived_dim(
    name: str, cells: Mapping[str, Mapping[str, Mapping[str, Any]]], below: frozenset[str] = frozenset()
) -> int | None:
    """Tell the dimension that is known beforehand: its options' own, or its base's where it keeps that."""
    origin, _, key = name.rpartition(".")
    cell = cells.get(origin, {}).get(key, {})
    method = METHODS.get(cell.get("method", ""))
    if method is None or name in below:
        return None
    if "base" in cell and method.source in ("corpus", "vectors"):
        return _derived_dim(cell["base"], cells, below | {name})
    return cast("int | None", cell["options"].get("dims") if "base" in cell else cell["dim"])


def without_a_task(experiment: Experiment) -> list[EmbeddingSpec]:
    """Embeddings that no task of the grid can use, but for those that nobody asked to evaluate."""
    return [cell for cell in experiment.cells if cell.evaluate_on is None and not experiment.tasks_of(cell)]


_CHANGED_TEXT: TypeAdapter[Spoiling | Resample | None] = TypeAdapter(Spoiling | Resample | None)


def experiment_from(parameters: Mapping[str, Any]) -> Experiment:
    """The experiment that a use case's parameters describe.

    Raises
    ------
    ValueError
        A task of the grid that is not defined, or a corpus that is not.
    """
    grid = Grid.model_validate(parameters["grid"])
    _require_definitions("tasks", grid.tasks, parameters["tasks"])
    _require_definitions("corpora", grid.corpora, parameters["corpora"])
    cells = tuple(
        EmbeddingSpec.model_construct(
            **{
                **cell,
                "options": None,
                "tuning": None,
                "changed_text": _CHANGED_TEXT.validate_python(cell.get("changed_text")),
            }
        )
        for group in parameters["embeddings"].values()
        for cell in group.values()
    )
    _require_tunable(cells, parameters["tasks"])
    _require_word_vectors(cells, _drawn(parameters.get("diagnosis")))
    experiment = Experiment.model_construct(
        use_case=parameters["use_case"],
        corpora=grid.corpora,
        cells=cells,
        tasks={task: parameters["tasks"][task].get("kind", "") for task in grid.tasks},
        needs={task: needs for task in grid.tasks if (needs := _needs(parameters["tasks"][task])) is not None},
        curves=frozenset(task for task in grid.tasks if _has_learning_curve(parameters["tasks"][task])),
        needs_store=_needs_store(parameters.get("vector_search") or {}),
    )
    _require_served(experiment)
    return experiment


def _require_served(experiment: Experiment) -> None:
    """Refuse a task that no embedding of the grid can be evaluated on: it would be missing from the report."""
    if not experiment.cells:
        return
    kinds = {task: KINDS[kind] for task, kind in experiment.tasks.items() if kind in KINDS}
    served = (
        {task for cell in experiment.cells for task in experiment.tasks_of(cell)}
        if len(kinds) == len(experiment.tasks)
        else kinds
    )
    for task in [task for task in kinds if task not in served]:
        needs = experiment.needs.get(task) or kinds[task].needs
        able = [name for name, method in METHODS.items() if method.source == "task" and needs & method.supports]
        raise ValueError(
            f"globals.yml, grid: no embedding can be evaluated on {task} ({kinds[task].name}, which takes "
            f"{' or '.join(sorted(needs))}); add one of baselines: {', '.join(able)}, or leave {task} out of tasks:"
        )


def _require_tunable(cells: Sequence[EmbeddingSpec], tasks: Mapping[str, Any]) -> None:
    for cell in cells:
        if cell.tuned_on is None:
            continue
        definition = tasks[cell.tuned_on]
        kind = KINDS.get(str(definition.get("kind")))
        if kind is None or cell.artifact not in kind.tunes:
            can = ", ".join(sorted(kind.tunes)) if kind and kind.tunes else "nothing"
            raise ValueError(
                f"globals.yml, grid.fine_tune: {cell.base} leaves {cell.artifact}, and a task of kind "
                f"{definition.get('kind')} ({cell.tuned_on}) can tune {can}"
            )
        if not _has_training_examples(kind, definition.get("reading")):
            raise ValueError(
                f"globals.yml, grid.fine_tune: {cell.tuned_on} has nothing to tune {cell.base} on; "
                "set training_queries, or name the column split, in its reading"
            )


def _drawn(diagnosis: Any) -> list[str]:
    """Embeddings that the map is to show; what is no list of names is refused with the section's model."""
    of_map = diagnosis.get("map") if isinstance(diagnosis, Mapping) else None
    names = of_map.get("embeddings") if isinstance(of_map, Mapping) else None
    return [str(name) for name in names] if isinstance(names, list | tuple) else []


def _require_word_vectors(cells: Sequence[EmbeddingSpec], drawn: Sequence[str]) -> None:
    known = [cell.name for cell in cells if cell.artifact == "vectors" and not cell.tuned_on]
    if unknown := [name for name in drawn if name not in known]:
        raise ValueError(
            f"diagnosis.map.embeddings: {', '.join(unknown)} is no word vectors of the grid; these are: "
            f"{', '.join(known) or 'none'}"
        )


def _needs(definition: Mapping[str, Any]) -> frozenset[str] | None:
    """What the examples of a task need of an embedding, where the kind leaves a choice."""
    kind = KINDS.get(str(definition.get("kind")))
    if kind is None or "interactions" not in kind.needs:
        return None
    reader = kind.reader()
    try:
        return reader.needs(TypeAdapter(reader.readings).validate_python(definition.get("reading")))
    except ValidationError:  # refused with the parameter's name when the nodes that take it are validated
        return None


def _needs_store(vector_search: Mapping[str, Any]) -> bool:
    """Whether an index is one of a vector store; what cannot be read is refused when the nodes' parameters are validated."""
    indexes = vector_search.get("indexes")
    if not isinstance(indexes, list | tuple):
        return False
    return any(not isinstance(each, Mapping) or each.get("index") not in IN_PROCESS for each in indexes)


def _has_learning_curve(definition: Mapping[str, Any]) -> bool:
    """Whether the probe of a task is fitted on parts of the labels, too."""
    kind = KINDS.get(str(definition.get("kind")))
    if kind is None:
        return False
    try:
        return getattr(kind.options(**(definition.get("evaluation") or {})), "label_draws", 0) != 0
    except ValidationError:  # refused with the parameter's name when the nodes that take it are validated
        return False


def _has_training_examples(kind: Kind, reading: Any) -> bool:
    reader = kind.reader()
    try:
        return reader.has_training_examples(TypeAdapter(reader.readings).validate_python(reading))
    except ValidationError:  # refused with the parameter's name when the nodes that take it are validated
        return True


def _require_definitions(section: str, names: Sequence[str], defined: Mapping[str, Any]) -> None:
    missing = [name for name in names if name not in defined]
    if missing:
        raise ValueError(
            f"grid.{section} names {', '.join(missing)}, which {section}: does not define "
            f"(defined: {', '.join(defined) or 'none'})"
        )
