"""Checks of what a person wrote for a use case: nothing of it may be silently ignored.

They speak of the parameters as they were written: after base, use case, ``conf/local`` and ``--params`` were merged, before
the grid is expanded. Every problem is listed, each once, with the nearest known name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, get_args

from pydantic import AliasChoices, BaseModel, ValidationError

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import nearest, suggest
from emb_pipeline.experiment.expand import evaluated_tasks, expand_grid
from emb_pipeline.experiment.model import TUNING, CorpusDefinition, CorpusOptions, EmbeddingSpec, TaskDefinition
from emb_pipeline.experiment.schema import Grid
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.registry import KINDS

SECTIONS = (
    "use_case",
    "seed",
    "grid",
    "corpora",
    "corpus_options",
    "task_definitions",
    "evaluation",
    "methods",
    "training",
    "diagnosis",
    "vector_search",
    "latency",
    "decision",
    "deploy",
    "report",
    "folders",
)
"""Every top-level name of the parameters that something reads."""
_VALUES = ("use_case", "seed")
_WRITTEN_OUT = {
    "tasks": "define tasks under task_definitions and choose them under grid.tasks",
    "embeddings": "choose embeddings under grid",
}
_TUNING_OPTIONS = dict(TUNING.values())
_Known: TypeAlias = Callable[[tuple[Any, ...]], Sequence[str]]
_FROM_PYDANTIC = "Value error, "


class ParametersError(ValueError):
    """Parameters that say something that nothing reads, or that cannot be run.

    Parameters
    ----------
    problems : sequence of str
        One sentence each: place, reason, remedy.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(list(problems))
        self.problems = list(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


def check_parameters(
    parameters: Mapping[str, Any],
    *,
    referenced: Callable[[str], bool] = lambda name: False,
    place: Callable[[str], str] = lambda name: "parameters",
) -> dict[str, dict[str, Any]]:
    """Refuse what no part of the program would read, and what it could not run.

    Parameters
    ----------
    parameters : mapping
        As they were written: ``task_definitions``, not yet ``tasks``.
    referenced : callable
        Tells whether a top-level name that is no section is used elsewhere, as ``${name}``.
    place : callable
        Names the file that a top-level name was written in, for messages.

    Returns
    -------
    dict
        The embeddings of the grid, as `emb_pipeline.experiment.expand.expand_grid` writes them out.

    Raises
    ------
    ParametersError
        Lists the problems.
    """
    problems = list(_unknown_sections(parameters, referenced, place))
    problems += [
        f"{place(section)}: {section} must hold options, not {parameters[section]!r}"
        for section in SECTIONS
        if section not in _VALUES and not isinstance(parameters.get(section), Mapping | None)
    ]
    for section, check in _CHECKS.items():
        if isinstance(parameters.get(section), Mapping):
            problems += [f"{place(section)}: {section}{problem}" for problem in check(parameters[section], parameters)]
    cells: dict[str, dict[str, Any]] = {}
    if not problems:  # the grid is expanded from sections that are known to be right
        try:
            cells = expand_grid(parameters["grid"], parameters.get("methods") or {}, parameters.get("seed") or 0)
        except ValueError as error:
            raise ParametersError([f"{place('grid')}: {error}"]) from error
        problems = [f"{place(section)}: {problem}" for section, problem in _embeddings(cells, parameters)]
    if problems:
        raise ParametersError(list(dict.fromkeys(problems)))
    return cells


def check_options(
    parameters: Mapping[str, Any],
    models: Mapping[str, type[BaseModel]],
    *,
    place: Callable[[str], str] = lambda name: "parameters",
) -> None:
    """Refuse options that the sections' own models do not know, or whose values they cannot take.

    Parameters
    ----------
    parameters : mapping
        The use case's parameters.
    models : mapping of str to model
        The model of each section that has one.
    place : callable
        Names the file that a section was written in.

    Raises
    ------
    ParametersError
        Lists the problems.
    """
    problems = [
        f"{place(section)}: {section}{sentence}"
        for section, model in models.items()
        if section in parameters
        for sentence in _validate(model, parameters[section], _names_of(model))
    ]
    if problems:
        raise ParametersError(problems)


def describe(error: ValidationError, known: _Known) -> list[str]:
    """Say each problem that pydantic found in a sentence: ``.folds: input should be greater than 1``.

    Parameters
    ----------
    error : ValidationError
        What pydantic raised.
    known : callable
        Gives the names that may be written at a place (a tuple of keys), for a suggestion where a name is unknown there.
    """
    sentences = []
    meant: set[tuple[Any, ...]] = set()
    problems = error.errors(include_url=False)
    for problem in sorted(problems, key=lambda problem: problem["type"] != "extra_forbidden"):
        *path, last = problem["loc"] or ("",)
        if problem["type"] == "extra_forbidden":
            names = known(tuple(path))
            meant |= {(*path, name) for name in nearest(str(last), names)}
            hint = f"; {suggest(str(last), names)}" if names else ""
            sentences.append(f"{_path(path)}: unknown option '{last}'{hint}")
        elif problem["type"] == "missing":
            if (*path, last) not in meant:  # a name that was misspelt is not missing, too
                sentences.append(f"{_path(path)}: '{last}' is missing")
        else:
            sentences.append(f"{_path(problem['loc'])}: {problem['msg'].removeprefix(_FROM_PYDANTIC)}")
    return sentences


def _path(keys: Iterable[Any]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys if key != "")


def _unknown_sections(
    parameters: Mapping[str, Any], referenced: Callable[[str], bool], place: Callable[[str], str]
) -> Iterator[str]:
    for name in parameters:
        if name in _WRITTEN_OUT:
            yield f"{place(name)}: '{name}' is written out from the grid and would be overwritten; {_WRITTEN_OUT[name]}"
        elif name not in SECTIONS and not referenced(name):
            yield f"{place(name)}: unknown section '{name}'; {suggest(name, SECTIONS)}"


def _methods(methods: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    known = {**{name: method.options for name, method in METHODS.items()}, **_TUNING_OPTIONS}
    yield from _options_by_name(methods, known, "method")


def _evaluation(evaluation: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    yield from _options_by_name(evaluation, {name: kind.options for name, kind in KINDS.items()}, "kind")


def _options_by_name(given: Any, known: Mapping[str, type[BaseModel]], what: str) -> Iterator[str]:
    """Problems of a section that holds options under the names of methods or kinds.

    Values are checked where the options are used: a method that needs a path takes only a part of its options here.
    """
    for name, options in given.items():
        if name not in known:
            yield f": unknown {what} '{name}'; {suggest(name, known)}"
        elif options is not None and not isinstance(options, Mapping):
            yield f".{name}: must hold options, not {options!r}"
        else:
            names = _names_of(known[name])
            yield from (
                f".{name}: unknown option '{option}'; {suggest(option, names)}"
                for option in options or {}
                if option not in names
            )


def _names_of(model: type[BaseModel]) -> list[str]:
    """Names that a person may write for a model's fields."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        names += map(str, alias.choices) if isinstance(alias, AliasChoices) else [name]
    return names


def _task_definitions(definitions: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    evaluation = parameters.get("evaluation")
    shared = evaluation if isinstance(evaluation, Mapping) else {}
    for name, definition in definitions.items():
        if not isinstance(definition, Mapping):
            yield f".{name}: must hold kind and source, not {definition!r}"
            continue
        kind = KINDS.get(str(definition.get("kind")))
        if kind is None:
            yield f".{name}: unknown kind {definition.get('kind')!r}; {suggest(str(definition.get('kind')), KINDS)}"
            continue
        if unknown := [key for key in definition if key not in TaskDefinition.model_fields]:
            yield from (f".{name}: unknown option '{key}'; {suggest(key, TaskDefinition.model_fields)}" for key in unknown)
            continue
        if "source" not in definition:
            yield f".{name}: 'source' is missing: it says where the examples are"
            continue
        if not isinstance(definition.get("evaluation"), Mapping | None):
            yield f".{name}.evaluation: must hold options, not {definition['evaluation']!r}"
            continue
        if not isinstance(shared.get(kind.name), Mapping | None):
            continue  # said of the section evaluation
        try:
            TaskDefinition.model_validate(evaluated_tasks({name: definition}, shared)[name])
        except ValidationError as error:
            source_type = kind.create_reader().source_type
            yield from (f".{name}{sentence}" for sentence in describe(error, _known_in(kind.options, source_type)))


def _known_in(options: type[BaseModel], source_type: Any) -> _Known:
    """Names that are known at a place of a task's definition."""

    def known(path: tuple[Any, ...]) -> list[str]:
        reader = next((str(part) for part in path if str(part) in _readers(source_type)), None)
        return _names_of(_readers(source_type)[reader]) if reader else _names_of(options)

    return known


def _readers(source_type: Any) -> dict[str, type[BaseModel]]:
    """Models of a union of sources, by their ``reader``."""
    if isinstance(source_type, type) and issubclass(source_type, BaseModel):
        field = source_type.model_fields.get("reader")
        return {str(name): source_type for name in get_args(field.annotation)} if field else {}
    return {name: model for part in get_args(source_type) for name, model in _readers(part).items()}


def _corpora(corpora: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    readers = _readers(CorpusSource)

    def known(path: tuple[Any, ...]) -> list[str]:
        reader = next((part for part in path if part in readers), None)
        return _names_of(readers[reader]) if reader else list(CorpusDefinition.model_fields)

    for name, definition in corpora.items():
        yield from (f".{name}{sentence}" for sentence in _validate(CorpusDefinition, definition, known))


def _corpus_options(options: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    yield from _validate(CorpusOptions, options, list(CorpusOptions.model_fields))


def _grid(grid: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    def known(path: tuple[Any, ...]) -> list[str]:
        """Names of the grid's sections, or those that an entry of one of its sections may hold."""
        if not path:
            return list(Grid.model_fields)
        parts = [part for part in _flat(Grid.model_fields[str(path[0])].annotation) if isinstance(part, type)]
        return [name for model in parts if issubclass(model, BaseModel) for name in _names_of(model)]

    yield from _validate(Grid, grid, known)
    for section, defined_in in (("tasks", "task_definitions"), ("corpora", "corpora")):
        defined = parameters.get(defined_in) or {}
        if isinstance(defined, Mapping):
            yield from (
                f".{section}: {name!r} is not defined under {defined_in}; {suggest(name, defined)}"
                for name in _listed(grid.get(section))
                if name not in defined
            )


def _flat(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _flat(part)


def _decision(decision: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Tasks that margins and weights name; their values are checked where the decision is made."""
    tasks = (parameters.get("grid") or {}).get("tasks") or ()
    for option in ("margins", "weights"):
        named = decision.get(option) if isinstance(decision, Mapping) else None
        if isinstance(named, Mapping):
            yield from (
                f".{option}: {name!r} is no task of the grid; {suggest(name, tasks)}" for name in named if name not in tasks
            )


def _validate(model: type[BaseModel], values: Any, known: _Known | Sequence[str]) -> Iterator[str]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        yield from describe(error, known if callable(known) else lambda path: known)


def _embeddings(cells: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Problems of single embeddings of the grid, and of names of embeddings elsewhere that are not in it: section, sentence.

    An option that an embedding has from the section ``methods`` is that section's problem, however many embeddings share it.
    """
    shared = parameters.get("methods") or {}
    for origin, members in cells.items():
        for key, cell in members.items():
            of_method = shared.get(cell["method"]) or {}
            for sentence in _validate(EmbeddingSpec, cell, _names_of(METHODS[cell["method"]].options)):
                option = sentence.removeprefix(".").partition(":")[0].partition(".")[0]
                if option in of_method and cell["options"].get(option) == of_method[option]:
                    yield "methods", f"methods.{cell['method']}{sentence}"
                else:
                    yield "grid", f"{origin}.{key}{sentence}"
    names = [f"{origin}.{key}" for origin, members in cells.items() for key in members]
    search = parameters.get("vector_search") or {}
    for name in _listed(search.get("embeddings")):
        if name not in names:
            yield "vector_search", f"vector_search.embeddings: {name!r} is no embedding of the grid; {suggest(name, names)}"
    for name in _listed(search.get("beside")):
        if name not in names and str(name).removeprefix("task.") not in METHODS:
            yield "vector_search", f"vector_search.beside: {name!r} is no embedding of the grid; {suggest(name, names)}"


def _listed(names: Any) -> list[str]:
    """Names of a list; none where it is no list, which the section's own model refuses."""
    return [name for name in names if isinstance(name, str)] if isinstance(names, list | tuple) else []


_CHECKS: Mapping[str, Callable[[Any, Mapping[str, Any]], Iterator[str]]] = {
    "methods": _methods,
    "evaluation": _evaluation,
    "task_definitions": _task_definitions,
    "corpora": _corpora,
    "corpus_options": _corpus_options,
    "grid": _grid,
    "decision": _decision,
}
