"""The parameters of a use case as a person writes them: no unknown name, no value that cannot be used.

The model speaks of the parameters after base, use case, ``conf/local`` and ``--params`` were merged, and before the grid is
written out. Pydantic finds every unknown name and every value that cannot be used; `emb_pipeline.experiment.checks` then
compares the sections of the valid model with each other. Three things are not the model's:

* sections that a stage reads as a whole (``report``, ``decision``, …) are checked by that stage's own model, which is
  above this room: `emb_pipeline.experiment.problems.check_options`;
* under ``methods`` and ``evaluation`` only names are checked: a method that needs a path takes only a part of its options
  there, and the values are checked with the embedding or the task that has them;
* a name that another value refers to, ``${name}``, is known from the files alone, and taken out before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.choosing import ChoosingOptions
from emb_pipeline.experiment.expand import merge_evaluation
from emb_pipeline.experiment.fast import FastRun, Pace
from emb_pipeline.experiment.model import TUNING, CorpusDefinition, CorpusOptions, TaskDefinition
from emb_pipeline.experiment.problems import Keys, Names, list_names
from emb_pipeline.experiment.schema import Grid, Strict
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.registry import KINDS

_OPTIONS_OF_METHODS: dict[str, type[BaseModel]] = {
    **{name: method.options for name, method in METHODS.items()},
    **dict(TUNING.values()),
}
_OPTIONS_OF_KINDS: dict[str, type[BaseModel]] = {name: kind.options for name, kind in KINDS.items()}
WRITTEN_OUT = {
    "tasks": "define tasks under task_definitions and choose them under grid.tasks",
    "embeddings": "choose embeddings under grid",
}


def _require_names(models: Mapping[str, type[BaseModel]]) -> AfterValidator:
    """Make a validator of options by name, of methods or kinds, that looks at the names of options alone."""
    strict = ConfigDict(extra="forbid", protected_namespaces=())
    of_each: dict[str, Any] = {}
    for name, model in models.items():
        fields: dict[str, Any] = {
            option: (Any, Field(default=None, validation_alias=field.validation_alias))
            for option, field in model.model_fields.items()
        }
        of_each[name] = (create_model(f"NamesOf{model.__name__}", __config__=strict, **fields) | None, None)
    names = create_model("OptionsByName", __config__=strict, **of_each)

    def require(given: dict[str, Any]) -> dict[str, Any]:
        names.model_validate(given)
        return given

    return AfterValidator(require)


class MachineOptions(Strict):
    """Checks of this machine before a run."""

    check: bool = Field(default=True, description="refuse a run that cannot fit its memory or its disk")


class Parameters(Strict):
    """Every section that something reads."""

    use_case: Annotated[
        str, Field(coerce_numbers_to_str=True, description="name of the use case: its results are in folders of this name")
    ] = ""
    seed: int = Field(default=0, ge=0, description="seed of everything that is drawn")
    pace: Pace = Field(
        default="thorough",
        description="fast: a first answer, of what `fast:` names; budget: what the rounds under a budget keep",
    )
    choosing: ChoosingOptions = Field(
        default_factory=ChoosingOptions, description="rounds of a budgeted run: emb-pipeline run --budget"
    )
    fast: FastRun = Field(default_factory=FastRun, description="embeddings and sample of a fast run")
    grid: Grid = Field(description="which embeddings meet which tasks; in globals.yml")
    corpora: dict[str, CorpusDefinition] = Field(default_factory=dict, description="where each corpus comes from")
    corpus_options: CorpusOptions = Field(default_factory=CorpusOptions, description="options of all corpora")
    task_definitions: dict[str, TaskDefinition] = Field(
        default_factory=dict, description="each task's kind, source and evaluation"
    )
    evaluation: Annotated[dict[str, Any], _require_names(_OPTIONS_OF_KINDS)] = Field(
        default_factory=dict, description="options of the evaluation, by kind of task"
    )
    methods: Annotated[dict[str, Any], _require_names(_OPTIONS_OF_METHODS)] = Field(
        default_factory=dict, description="hyper-parameters, by method"
    )
    training: dict[str, Any] = Field(default_factory=dict, description="use of the machine by a training")
    diagnosis: dict[str, Any] = Field(default_factory=dict, description="checks of word vectors, and their word lists")
    vector_search: dict[str, Any] = Field(default_factory=dict, description="indexes to build over passages, and to time")
    matrix_operations: dict[str, Any] = Field(
        default_factory=dict, description="sizes of matrices whose operations are timed, and the seconds for all of them"
    )
    latency: dict[str, Any] = Field(default_factory=dict, description="how long requests are timed")
    decision: dict[str, Any] = Field(default_factory=dict, description="budgets, margins and weights of the choice")
    deploy: dict[str, Any] = Field(default_factory=dict, description="choice of what is exported")
    report: dict[str, Any] = Field(default_factory=dict, description="intervals, tests and the page")
    cutoffs: dict[str, Any] = Field(default_factory=dict, description="from which score on a request is answered")
    drift: dict[str, Any] = Field(default_factory=dict, description="how scores over time are cut into periods")
    folders: dict[str, Any] = Field(default_factory=dict, description="where this machine keeps its files")
    machine: MachineOptions = Field(default_factory=lambda: MachineOptions(), description="what is checked of this machine")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        """Leave out empty sections, and put the options of the section ``evaluation`` below each task's own."""
        if not isinstance(values, Mapping):
            return values
        filled = {name: value for name, value in values.items() if value is not None}
        tasks, evaluation = filled.get("task_definitions"), filled.get("evaluation", {})
        if isinstance(tasks, Mapping) and isinstance(evaluation, Mapping):
            filled["task_definitions"] = {
                name: merge_evaluation({name: task}, evaluation)[name] if _can_be_merged(task, evaluation) else task
                for name, task in tasks.items()
            }
        return filled


SECTIONS = tuple(Parameters.model_fields)
"""Every top-level name of the parameters that something reads."""


def _can_be_merged(task: Any, evaluation: Mapping[str, Any]) -> bool:
    if not isinstance(task, Mapping):
        return False
    shared = evaluation.get(str(task.get("kind")))
    return isinstance(shared, Mapping | None) and isinstance(task.get("evaluation"), Mapping | None)


def find_names(written: Mapping[str, Any], keys: Keys) -> Names:
    """Find the names that a person may write at a place of the parameters."""
    match keys:
        case ():
            return Names("section", SECTIONS)
        case ("methods",):
            return Names("method", list(_OPTIONS_OF_METHODS))
        case ("methods", str(method), *_):
            return Names("option", list_names(_OPTIONS_OF_METHODS[method]))
        case ("evaluation",):
            return Names("kind", list(_OPTIONS_OF_KINDS))
        case ("evaluation", str(name), *_):
            return Names("option", list_names(_OPTIONS_OF_KINDS[name]))
        case ("grid",):
            return Names("option", list(Grid.model_fields))
        case ("grid", str(section), *_):
            parts = [part for part in _flatten(Grid.model_fields[section].annotation) if isinstance(part, type)]
            return Names("option", [name for part in parts if issubclass(part, BaseModel) for name in list_names(part)])
        case ("corpora", _, *below):
            readers = _list_readers(CorpusSource)
            reader = next((part for part in below if part in readers), None)
            return Names("option", list_names(readers[reader] if reader else CorpusDefinition))
        case ("task_definitions", task, *below):
            kind = KINDS[written["task_definitions"][task]["kind"]]
            readers = _list_readers(kind.create_reader().source_type)
            reader = next((part for part in reversed(below) if part in readers), None)  # a source may be inside another
            own = [*TaskDefinition.model_fields, *list_names(kind.options)]
            return Names("option", list_names(readers[reader]) if reader else own)
        case ("fast", *_):
            return Names("option", list_names(FastRun))
        case ("choosing", *_):
            return Names("option", list_names(ChoosingOptions))
        case ("corpus_options", *_):
            return Names("option", list_names(CorpusOptions))
    return Names("option", ())


def _list_readers(source_type: Any) -> dict[str, type[BaseModel]]:
    """List the models of a union of sources, by their ``reader``, and of the sources that are inside one."""
    if isinstance(source_type, type) and issubclass(source_type, BaseModel):
        fields = dict(source_type.model_fields)
        own = fields.pop("reader", None)
        within = [_list_readers(field.annotation) for field in fields.values()]
        named = {str(name): source_type for name in get_args(own.annotation)} if own else {}
        return {name: model for part in (*within, named) for name, model in part.items()}
    return {name: model for part in get_args(source_type) for name, model in _list_readers(part).items()}


def _flatten(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _flatten(part)
