"""The check of a use case: each section by its model, the sections against each other, then each embedding of the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from pydantic import ValidationError

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import EmbPipelineError, suggest
from emb_pipeline.experiment.choosing import keep_candidates
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.fast import keep_first
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.experiment.parameters import SECTIONS, WRITTEN_OUT, Parameters, find_names
from emb_pipeline.experiment.problems import GridError, ParametersError, describe_problems, find_problems
from emb_pipeline.statistics.label_errors import CONSENSUS, NONE
from emb_pipeline.tasks.registry import KINDS


def check_parameters(
    written: Mapping[str, Any],
    *,
    referenced: Callable[[str], bool] = lambda name: False,
    place: Callable[[str], str] = lambda name: "parameters",
) -> dict[str, dict[str, Any]]:
    """Refuse parameters that no part of the program would read, and what it could not run.

    Parameters
    ----------
    written : mapping
        The parameters as they were written: ``task_definitions``, not yet ``tasks``.
    referenced : callable
        Tells whether a top-level name that is no section is used elsewhere, as ``${name}``.
    place : callable
        Names the file that a top-level name was written in, for messages.

    Returns
    -------
    dict
        The embeddings of the grid, as `emb_pipeline.experiment.expand.expand_grid` writes them out; with ``pace: fast``
        those of a first answer.

    Raises
    ------
    ParametersError
        Lists the problems, each once.
    """
    problems = [
        EmbPipelineError(place(name), f"'{name}' is written out from the grid and would be overwritten", remedy)
        for name, remedy in WRITTEN_OUT.items()
        if name in written
    ]
    sections = {
        name: value
        for name, value in written.items()
        if name in SECTIONS or (name not in WRITTEN_OUT and not referenced(name))
    }
    try:
        parameters = Parameters.model_validate(sections)
    except ValidationError as error:
        for keys, where, reason, remedy in describe_problems(error, partial(find_names, sections)):
            file = place(str(keys[0]))
            problems.append(EmbPipelineError(f"{file}: {where.removeprefix('.')}" if where else file, reason, remedy))
        raise ParametersError(problems) from error
    problems += _locate(_find_undefined_names(parameters), place)
    if problems:
        raise ParametersError(problems)
    try:
        cells = expand_grid(parameters.grid, parameters.methods, parameters.seed)
    except GridError as error:
        raise ParametersError([GridError(f"{place('grid')}: {error.place}", error.reason, error.remedy)]) from error
    except ValueError as error:
        raise ParametersError([GridError(place("grid"), str(error))]) from error
    problems = _locate(_check_embeddings(cells, parameters), place)
    if problems:
        raise ParametersError(problems)
    if parameters.pace == "thorough":
        return cells
    if parameters.pace == "budget":
        return keep_candidates(cells, parameters.choosing)
    try:
        return keep_first(cells, parameters.fast)
    except GridError as error:
        raise ParametersError([GridError(f"{place('fast')}: {error.place}", error.reason, error.remedy)]) from error


class _Found(NamedTuple):
    """A problem of a section that is valid by itself."""

    section: str
    written: str
    reason: str
    remedy: str


def _locate(found: Iterable[_Found], place: Callable[[str], str]) -> list[EmbPipelineError]:
    """Name the file of each problem."""
    return [EmbPipelineError(f"{place(each.section)}: {each.written}", each.reason, each.remedy) for each in found]


def _check_embeddings(cells: Mapping[str, Mapping[str, Any]], parameters: Parameters) -> Iterator[_Found]:
    """Find the problems of single embeddings of the grid, and names of embeddings elsewhere that are not in it.

    An option that an embedding has from the section ``methods`` is that section's problem, however many embeddings share it.
    """
    for origin, members in cells.items():
        for key, cell in members.items():
            of_method = parameters.methods.get(cell["method"]) or {}
            for keys, where, reason, remedy in find_problems(EmbeddingSpec, cell, METHODS[cell["method"]].options):
                option = keys[0] if keys else ""
                if option in of_method and cell["options"].get(option) == of_method[option]:
                    yield _Found("methods", f"methods.{cell['method']}{where}", reason, remedy)
                else:
                    yield _Found("grid", f"{origin}.{key}{where}", reason, remedy)
    yield from _find_unknown_embeddings(parameters, [f"{origin}.{key}" for origin in cells for key in cells[origin]])


def _find_undefined_names(parameters: Parameters) -> Iterator[_Found]:
    """Find tasks and corpora that one section names and another does not define."""
    grid = parameters.grid
    for section, names, defined_in, defined in (
        ("tasks", grid.tasks, "task_definitions", parameters.task_definitions),
        ("corpora", grid.corpora, "corpora", parameters.corpora),
    ):
        for name in names:
            if name not in defined:
                reason = f"{name!r} is not defined under {defined_in}"
                yield _Found("grid", f"grid.{section}", reason, suggest(name, defined))
    if all(name in parameters.task_definitions for name in grid.tasks):
        yield from _find_unknown_agreements(parameters)
        yield from _find_unlike_transfers(parameters)
        yield from _find_unknown_requests(parameters)
        yield from _find_unmeasured_refusals(parameters)
    for option in ("margins", "weights", "refuse"):
        named = parameters.decision.get(option)
        for name in named if isinstance(named, Mapping) else ():
            if name not in grid.tasks:
                reason = f"{name!r} is no task of the grid"
                yield _Found("decision", f"decision.{option}", reason, suggest(name, grid.tasks))


def _find_unknown_agreements(parameters: Parameters) -> Iterator[_Found]:
    """Find tasks that are to be compared, and that the grid does not have, or not as tasks of passages to search."""
    defined = parameters.task_definitions
    searched = [name for name in parameters.grid.tasks if "search" in KINDS[defined[name].kind].requires]
    pairs = parameters.report.get("agreement")
    for number, pair in enumerate(pairs if isinstance(pairs, list | tuple) else ()):
        for option in ("made", "real"):
            name = pair.get(option) if isinstance(pair, Mapping) else None
            if name is not None and name not in searched:
                reason = f"{name!r} is no task of the grid in which passages are searched"
                yield _Found("report", f"report.agreement[{number}].{option}", reason, suggest(name, searched))


def _find_unlike_transfers(parameters: Parameters) -> Iterator[_Found]:
    """Find tasks whose domains are to be compared, and that the grid does not have, or that are of two kinds."""
    tasks, pairs = parameters.grid.tasks, parameters.report.get("transfers")
    for number, pair in enumerate(pairs if isinstance(pairs, list | tuple) else ()):
        names = [pair.get(option) for option in ("within", "across")] if isinstance(pair, Mapping) else []
        for option, name in zip(("within", "across"), names, strict=False):
            if name is not None and name not in tasks:
                place = f"report.transfers[{number}].{option}"
                yield _Found("report", place, f"{name!r} is no task of the grid", suggest(str(name), tasks))
        if names and set(names) <= set(tasks):
            kinds = {parameters.task_definitions[str(name)].kind for name in names}
            if len(kinds) > 1 or len(set(names)) < 2:
                reason = f"{names[0]} and {names[1]} are {'tasks of two kinds' if len(kinds) > 1 else 'one task'}"
                yield _Found("report", f"report.transfers[{number}]", reason, "name two tasks of one kind")


def _find_unknown_requests(parameters: Parameters) -> Iterator[_Found]:
    """Find tasks with unanswerable requests, or tasks that these are from, that the grid does not have."""
    tasks, given = parameters.grid.tasks, parameters.cutoffs.get("unanswerable")
    for name, options in given.items() if isinstance(given, Mapping) else ():
        place = f"cutoffs.unanswerable.{name}"
        if name not in tasks:
            yield _Found("cutoffs", place, f"{name!r} is no task of the grid", suggest(str(name), tasks))
        elif not KINDS[parameters.task_definitions[str(name)].kind].best_scores:
            kinds = [kind.name for kind in KINDS.values() if kind.best_scores]
            yield _Found(
                "cutoffs", place, f"{name} has no best score", f"leave it out: kinds with one are {', '.join(kinds)}"
            )
        left_out = options.get("leave_out") if isinstance(options, Mapping) else None
        own = KINDS[parameters.task_definitions[str(name)].kind].leaves_out if name in tasks else ""
        if left_out is not None and own and left_out != own:
            yield _Found("cutoffs", f"{place}.leave_out", f"{name} has no {left_out} to leave out", f"write {own}")
        other = options.get("task") if isinstance(options, Mapping) else None
        if other is not None and (other not in tasks or other == name):
            reason = f"{other!r} is {'the task itself' if other == name else 'no task of the grid'}"
            yield _Found("cutoffs", f"{place}.task", reason, suggest(str(other), [each for each in tasks if each != name]))


def _find_unmeasured_refusals(parameters: Parameters) -> Iterator[_Found]:
    """Find tasks whose cut-off the decision requires, and that have none."""
    required, given = parameters.decision.get("refuse"), parameters.cutoffs.get("unanswerable")
    for name in required if isinstance(required, Mapping) else ():
        if name not in parameters.grid.tasks:
            continue
        kind = KINDS[parameters.task_definitions[str(name)].kind]
        if not kind.best_scores:
            kinds = [each.name for each in KINDS.values() if each.best_scores]
            reason, remedy = f"{name} has no best score", f"leave it out: kinds with one are {', '.join(kinds)}"
            yield _Found("decision", f"decision.refuse.{name}", reason, remedy)
        elif kind.hold_out and name not in (given if isinstance(given, Mapping) else ()):
            reason = f"{name} has no requests that cannot be answered"
            yield _Found("decision", f"decision.refuse.{name}", reason, f"name them under cutoffs.unanswerable.{name}")


def _find_unknown_embeddings(parameters: Parameters, names: Sequence[str]) -> Iterator[_Found]:
    """Find embeddings that a section names and the grid does not have."""
    listed = parameters.report.get("label_errors", CONSENSUS)
    if listed not in (*names, CONSENSUS, NONE):
        reason = f"{listed!r} is no embedding of the grid"
        yield _Found("report", "report.label_errors", reason, suggest(str(listed), [CONSENSUS, NONE, *names]))
    for name in parameters.choosing.keep:
        if name not in names:
            yield _Found("choosing", "choosing.keep", f"{name!r} is no embedding of the grid", suggest(name, names))
    for option, also in (("embeddings", ()), ("beside", METHODS), ("words", METHODS), ("sparse", METHODS)):
        named = parameters.vector_search.get(option)
        for name in named if isinstance(named, list | tuple) else ():
            if name not in names and str(name).removeprefix("task.") not in also:
                reason = f"{name!r} is no embedding of the grid"
                yield _Found("vector_search", f"vector_search.{option}", reason, suggest(name, names))
