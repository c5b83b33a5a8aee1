"""From the grid as it is written to one plain dictionary for each embedding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import suggest
from emb_pipeline.experiment.axes import expand_axes
from emb_pipeline.experiment.grid_checks import (
    leave_out_untuned,
    require_bases,
    require_embeddings,
    require_known_tasks,
    require_no_circle,
)
from emb_pipeline.experiment.model import TUNING
from emb_pipeline.experiment.problems import GridError
from emb_pipeline.experiment.schema import Corrupted, Derived, FineTuning, Grid, Resampled, Variant, split_name
from emb_pipeline.experiment.shared_trainings import share_trainings

SHUFFLED = "shuffled_"


def expand_grid(grid: Grid | Mapping[str, Any], methods: Mapping[str, Any], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Write out all embeddings of a grid: ``{origin: {key: cell}}`` as plain dictionaries.

    Raises
    ------
    GridError
        A method that does not exist, or an embedding that cannot be made.
    """
    plan = expand_axes(Grid.model_validate(grid), methods)
    cells: dict[str, dict[str, Any]] = {}
    for cell in _cells(plan, seed):
        method = cell["method"]
        if method not in METHODS:
            raise GridError("globals.yml, grid", f"unknown method {method!r}", suggest(method, METHODS))
        cell["options"] = {**(methods.get(method) or {}), **cell.get("options", {})}
        _add(cells, cell)
    for name, variant in plan.variants.items():
        _add(cells, _vary(name, variant, _by_name(cells)))
    require_bases(plan, cells)
    require_no_circle(plan)
    leave_out_untuned(plan, cells)
    share_trainings(cells)
    known = _by_name(cells)
    for name in [name for name, cell in known.items() if cell.get("starts_from") or cell.get("bases")]:
        known[name]["dim"] = _derived_dim(name, known)
    changed: tuple[Corrupted | Resampled, ...] = (*plan.corrupted, *plan.resampled)
    for cell in [copy for plan_of in changed for copy in _on_changed_text(plan_of, _by_name(cells))]:
        _add(cells, cell)
    for cell in [copy for tuning in plan.fine_tune for copy in _tuned(tuning, _by_name(cells), methods, plan.tasks)]:
        _add(cells, cell)
    share_trainings(cells)
    require_embeddings(plan, cells)
    require_known_tasks(plan, cells)
    return cells


def _cells(grid: Grid, seed: int) -> Iterator[dict[str, Any]]:
    for corpus in grid.corpora:
        for method, dims in grid.methods.items():
            for dim in dims:
                key = f"{method}_{dim}"
                yield {"origin": corpus, "key": key, "method": method, "dim": dim, "seed": seed}
                for other in grid.seeds.get(key, ()):
                    cell_key = f"{key}_seed{other}"
                    repeated = {"seed": other, "repeats": f"{corpus}.{key}"}
                    yield {"origin": corpus, "key": cell_key, "method": method, "dim": dim, **repeated}
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
        origin, key = split_name(name)
        yield {
            "origin": origin,
            "key": key,
            "method": derived.method,
            "dim": derived.options.get("dims"),
            "seed": seed,
            **_name_origins(derived),
            "options": derived.options,
            "evaluate_on": derived.evaluate_on,
        }
    for key in grid.baselines:
        yield {"origin": "task", **_named(key), "seed": seed}
    for key in grid.controls:
        shuffled = key.startswith(SHUFFLED)
        cell = _named(key.removeprefix(SHUFFLED))
        yield {"origin": "control", **cell, "key": key, "seed": seed, "shuffle_labels": shuffled}


def _name_origins(derived: Derived) -> dict[str, Any]:
    """Say what an embedding builds on whenever it is evaluated, or what its training starts from."""
    method = METHODS.get(derived.method)
    if method is not None and method.bases is not None:
        return {"bases": derived.made_from, "starts_from": derived.start_from}
    return {"starts_from": derived.start_from or derived.made_from[0]}


def _named(key: str) -> dict[str, Any]:
    """Read a key: ``lsa_100`` is method lsa with 100 dimensions, ``one_hot`` a method of its own."""
    if key in METHODS:
        return {"key": key, "method": key, "dim": None}
    method, _, dim = key.rpartition("_")
    return {"key": key, "method": method or key, "dim": int(dim) if dim.isdecimal() else None}


def _add(cells: dict[str, dict[str, Any]], cell: dict[str, Any]) -> None:
    members = cells.setdefault(cell["origin"], {})
    if cell["key"] in members:
        raise GridError(
            "globals.yml, grid",
            f"two embeddings are called {cell['origin']}.{cell['key']}",
            "leave one out or rename it",
        )
    members[cell["key"]] = cell


def _by_name(cells: Mapping[str, Mapping[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Gather the embeddings of all origins by their full name."""
    return {f"{origin}.{key}": cell for origin, members in cells.items() for key, cell in members.items()}


def _derived_dim(name: str, cells: Mapping[str, Mapping[str, Any]], below: frozenset[str] = frozenset()) -> int | None:
    """Find the dimension that is known beforehand: its options' own, or its base's where it keeps that."""
    cell = cells.get(name, {})
    method = METHODS.get(cell.get("method", ""))
    if method is None or name in below:
        return None
    if cell.get("starts_from") and method.source in ("corpus", "vectors"):
        return _derived_dim(cell["starts_from"], cells, below | {name})
    is_derived = cell.get("starts_from") or cell.get("bases")
    return cast("int | None", cell["options"].get("dims") if is_derived else cell["dim"])


def _vary(name: str, variant: Variant, known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Copy an embedding with other options of its method."""
    place = f"globals.yml, grid.variants.{name}"
    base, (origin, key) = known.get(variant.of), split_name(name)
    if base is None:
        raise GridError(place, f"{variant.of} is no embedding of the grid", suggest(variant.of, known))
    if origin != base["origin"]:
        raise GridError(place, f"{variant.of} learns from {base['origin']}", f"call it {base['origin']}.{key}")
    return {
        **base,
        "key": key,
        "options": {**base["options"], **variant.options},
        "repeats": None,
        "variant": variant.model_dump(),
        "evaluate_on": base.get("evaluate_on") if variant.evaluate_on is None else variant.evaluate_on,
    }


def _on_changed_text(plan: Corrupted | Resampled, cells: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Copy an embedding for each change of its training text: ``word2vec_100_typos_30`` on 30 % misspelt words,
    ``word2vec_100_bootstrap1`` on a resample.
    """
    cell = cells.get(plan.of)
    if cell is None or not _is_trained_vectors(cell):
        trained = [name for name, each in cells.items() if _is_trained_vectors(each)]
        raise GridError(
            f"globals.yml, grid.{plan.section}",
            f"{plan.of} is no word vectors that the grid trains",
            f"these are: {', '.join(trained) or 'none'}",
        )
    for name, change in plan.changes.items():
        yield {
            **cell,
            "key": f"{cell['key']}_{name}",
            "changed_text": change.model_dump(),
            "repeats": None,
            "evaluate_on": plan.evaluate_on,
        }


def _is_trained_vectors(cell: Mapping[str, Any]) -> bool:
    method = METHODS[cell["method"]]
    return (method.source, method.artifact) == ("corpus", "vectors")


def _tuned(
    tuning: FineTuning, cells: Mapping[str, Mapping[str, Any]], methods: Mapping[str, Any], tasks: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Copy an embedding for each task that it is fine-tuned on."""
    base = cells.get(tuning.base)
    if base is None or not METHODS[base["method"]].can_be_tuned:
        tunable = [name for name, cell in cells.items() if METHODS[cell["method"]].can_be_tuned]
        raise GridError(
            "globals.yml, grid.fine_tune",
            f"{tuning.base} is no embedding that can be tuned",
            f"these can: {', '.join(tunable) or 'none'}",
        )
    section, _ = TUNING[METHODS[base["method"]].tuned_part]
    for task in tuning.tasks:
        if task not in tasks:
            raise GridError("globals.yml, grid.fine_tune", f"{task!r} is no task of the grid", suggest(task, tasks))
        yield {
            **base,
            "key": f"{base['key']}_{tuning.name}_{task}",
            "starts_from": base.get("shares_training") or tuning.base,
            "repeats": None,
            "tuned_on": task,
            "tuning": {**(methods.get(section) or {}), **tuning.options},
            "evaluate_on": tuning.evaluate_on,
        }


def merge_evaluation(tasks: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Put the use case's evaluation options below each task's own."""
    return {
        name: {
            **task,
            "name": name,
            "evaluation": {**(evaluation.get(task.get("kind")) or {}), **(task.get("evaluation") or {})},
        }
        for name, task in tasks.items()
    }
