"""The check of a use case: each section by its model, the sections against each other, then each embedding of the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import suggest
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.experiment.parameters import SECTIONS, WRITTEN_OUT, Parameters, find_names
from emb_pipeline.experiment.problems import ParametersError, describe_problems, find_problems


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
        The embeddings of the grid, as `emb_pipeline.experiment.expand.expand_grid` writes them out.

    Raises
    ------
    ParametersError
        Lists the problems, each once.
    """
    problems = [
        f"{place(name)}: '{name}' is written out from the grid and would be overwritten; {remedy}"
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
        found = describe_problems(error, partial(find_names, sections))
        problems += [f"{place(str(keys[0]))}: {sentence.lstrip('.: ')}" for keys, sentence in found]
        raise ParametersError(list(dict.fromkeys(problems))) from error
    problems += [f"{place(section)}: {sentence}" for section, sentence in _find_undefined_names(parameters)]
    if problems:
        raise ParametersError(problems)
    try:
        cells = expand_grid(parameters.grid, parameters.methods, parameters.seed)
    except ValueError as error:
        raise ParametersError([f"{place('grid')}: {error}"]) from error
    problems = [f"{place(section)}: {sentence}" for section, sentence in _check_embeddings(cells, parameters)]
    if problems:
        raise ParametersError(list(dict.fromkeys(problems)))
    return cells


def _check_embeddings(cells: Mapping[str, Mapping[str, Any]], parameters: Parameters) -> Iterator[tuple[str, str]]:
    """Find the problems of single embeddings of the grid, and names of embeddings elsewhere that are not in it.

    An option that an embedding has from the section ``methods`` is that section's problem, however many embeddings share it.
    """
    for origin, members in cells.items():
        for key, cell in members.items():
            of_method = parameters.methods.get(cell["method"]) or {}
            for sentence in find_problems(EmbeddingSpec, cell, METHODS[cell["method"]].options):
                option = sentence.removeprefix(".").partition(":")[0].partition(".")[0]
                if option in of_method and cell["options"].get(option) == of_method[option]:
                    yield "methods", f"methods.{cell['method']}{sentence}"
                else:
                    yield "grid", f"{origin}.{key}{sentence}"
    yield from _find_unknown_embeddings(parameters, [f"{origin}.{key}" for origin in cells for key in cells[origin]])


def _find_undefined_names(parameters: Parameters) -> Iterator[tuple[str, str]]:
    """Find tasks and corpora that one section names and another does not define: section, sentence."""
    grid = parameters.grid
    for section, names, defined_in, defined in (
        ("tasks", grid.tasks, "task_definitions", parameters.task_definitions),
        ("corpora", grid.corpora, "corpora", parameters.corpora),
    ):
        for name in names:
            if name not in defined:
                yield "grid", f"grid.{section}: {name!r} is not defined under {defined_in}; {suggest(name, defined)}"
    for option in ("margins", "weights"):
        named = parameters.decision.get(option)
        for name in named if isinstance(named, Mapping) else ():
            if name not in grid.tasks:
                yield "decision", f"decision.{option}: {name!r} is no task of the grid; {suggest(name, grid.tasks)}"


def _find_unknown_embeddings(parameters: Parameters, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find embeddings that a section names and the grid does not have: section, sentence."""
    for option, also in (("embeddings", ()), ("beside", METHODS)):
        named = parameters.vector_search.get(option)
        for name in named if isinstance(named, list | tuple) else ():
            if name not in names and str(name).removeprefix("task.") not in also:
                wrong = f"{name!r} is no embedding of the grid; {suggest(name, names)}"
                yield "vector_search", f"vector_search.{option}: {wrong}"
