"""A first answer: some embeddings of the grid, on a sample of each task's examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from emb_pipeline.errors import suggest
from emb_pipeline.experiment.problems import GridError
from emb_pipeline.experiment.schema import Strict

Pace = Literal["thorough", "fast", "budget"]
"""How much of a use case is run."""


class FastRun(Strict):
    """The embeddings of a fast run, and the size of its samples."""

    embeddings: tuple[str, ...] = Field(default=(), description="<origin>.<embedding>: those of a fast run")
    sample: int | None = Field(default=None, ge=50, description="examples of a task at most, drawn by hash; all by default")


def keep_first(cells: Mapping[str, Mapping[str, dict[str, Any]]], fast: FastRun) -> dict[str, dict[str, Any]]:
    """Keep the embeddings of a fast run, and those that they are made from.

    Parameters
    ----------
    cells : mapping
        All embeddings: ``{origin: {key: cell}}``.
    fast : FastRun
        Names those that are kept.

    Raises
    ------
    GridError
        None is named, or one that is not in the grid.
    """
    known = name_cells(cells)
    if not fast.embeddings:
        raise GridError(
            "fast.embeddings", "a fast run compares nothing", f"name some of the grid: {', '.join([*known][:4])}, …"
        )
    for name in fast.embeddings:
        if name not in known:
            raise GridError("fast.embeddings", f"{name!r} is no embedding of the grid", suggest(name, known))
    return keep_with_bases(cells, fast.embeddings)


def name_cells(cells: Mapping[str, Mapping[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Name each embedding of ``{origin: {key: cell}}`` as ``<origin>.<key>``."""
    return {f"{origin}.{key}": cell for origin, members in cells.items() for key, cell in members.items()}


def keep_with_bases(cells: Mapping[str, Mapping[str, dict[str, Any]]], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Keep some embeddings of ``{origin: {key: cell}}``, and those that they are made from or repeat."""
    known, kept, wanted = name_cells(cells), set[str](), list(names)
    while wanted:
        name = wanted.pop()
        if name in known and name not in kept:
            kept.add(name)
            cell = known[name]
            wanted += [each for each in (*(cell.get("bases") or ()), cell.get("starts_from"), cell.get("repeats")) if each]
    return {
        origin: members
        for origin, group in cells.items()
        if (members := {key: cell for key, cell in group.items() if f"{origin}.{key}" in kept})
    }


def sample_tasks(tasks: Mapping[str, dict[str, Any]], n_examples: int | None) -> dict[str, dict[str, Any]]:
    """Take a sample of each task, where it does not say how large its own is."""
    if n_examples is None:
        return dict(tasks)
    return {name: {**task, "sample": task.get("sample") or n_examples} for name, task in tasks.items()}
