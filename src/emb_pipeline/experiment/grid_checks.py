"""Refusals of a grid that cannot be run: of its embeddings as they are written out, then of the experiment as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from emb_pipeline.embeddings.contextual.options import ModelPlace
from emb_pipeline.embeddings.method import Method
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.experiment.problems import GridError
from emb_pipeline.experiment.schema import Derived, Grid, split_name
from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.registry import KINDS


def require_embeddings(grid: Grid, cells: Mapping[str, Any]) -> None:
    """Refuse a grid without an embedding, and methods that have no corpus to learn from."""
    if grid.methods and not grid.corpora:
        raise GridError(
            "globals.yml, grid",
            f"methods ({', '.join(grid.methods)}) are trained on corpora, and corpora: is empty",
            "name a corpus, or leave methods empty to compare pretrained embeddings and baselines only",
        )
    if not cells:
        raise GridError(
            "globals.yml, grid", "there is no embedding", "name one under baselines:, pretrained:, controls: or methods:"
        )


def require_known_tasks(grid: Grid, cells: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Refuse an embedding that is to be evaluated on a task which the grid does not have."""
    for origin, members in cells.items():
        for key, cell in members.items():
            unknown = [task for task in cell.get("evaluate_on") or () if task not in grid.tasks]
            if unknown:
                raise GridError(
                    "globals.yml, grid",
                    f"{origin}.{key} is to be evaluated on {', '.join(unknown)}, which is no task of the grid "
                    f"({', '.join(grid.tasks)})",
                    "add it to tasks:, or leave it out of evaluate_on",
                )


def require_bases(grid: Grid, cells: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Refuse a derived embedding whose base is not in the grid or does not fit, or that has no corpus to learn from."""
    for name, derived in grid.derived.items():
        method = METHODS.get(derived.method)
        wanted, several, fits = _find_rule(method)
        fewest, most = _count_bases(method)
        if not fewest <= len(derived.made_from) <= most:
            number = str(most) if fewest == most else f"{fewest} to {most}"
            named = ", ".join(derived.made_from) or "nothing"
            raise GridError(
                "globals.yml, grid.derived",
                f"{name} is to be made from {named}, and {derived.method} takes {number}",
                "name as many under of:" if most else "name the encoder to train as start_from instead of of:",
            )
        known = [
            f"{group}.{other}"
            for group, members in cells.items()
            for other, cell in members.items()
            if f"{group}.{other}" != name and fits(cell)
        ]
        _require_start(name, derived, cells)
        for base in derived.made_from:
            if base not in known:
                raise GridError(
                    "globals.yml, grid.derived",
                    f"{name} is to be made from {base}, which is no {wanted} of the grid",
                    f"{several} are: {', '.join(known) or 'none'}",
                )
        needs_corpus = METHODS[derived.method].source == "corpus" if derived.method in METHODS else False
        own_origin, _ = split_name(name)
        if needs_corpus and own_origin not in grid.corpora:
            raise GridError(
                "globals.yml, grid.derived",
                f"{name} is trained on a corpus, so its name must start with one",
                f"start it with one of {', '.join(grid.corpora)}",
            )


def _count_bases(method: Method | None) -> tuple[int, int]:
    """Count the embeddings that a method is made from, besides one that its training starts from: fewest and most."""
    if method is None:
        return 1, 1
    if method.bases is not None:
        return method.bases.fewest, method.bases.most
    return (0, 0) if _may_start_elsewhere(method) else (1, 1)


def _may_start_elsewhere(method: Method) -> bool:
    return issubclass(method.options, ModelPlace) and method.options.may_start_elsewhere


def _require_start(name: str, derived: Derived, cells: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Refuse a training that starts from what is no encoder of the grid, or where no training starts from one."""
    if derived.start_from is None:
        return
    if derived.method in METHODS and not _may_start_elsewhere(METHODS[derived.method]):
        raise GridError(
            "globals.yml, grid.derived", f"{name} has start_from, which means nothing to {derived.method}", "leave it out"
        )
    known = [
        f"{group}.{other}"
        for group, members in cells.items()
        for other, cell in members.items()
        if METHODS[cell["method"]].artifact == "encoder" and METHODS[cell["method"]].trains_on
    ]
    if derived.start_from not in known:
        raise GridError(
            "globals.yml, grid.derived",
            f"{name} is to start from {derived.start_from}, which is no encoder of the grid",
            f"encoders are: {', '.join(known) or 'none'}",
        )


def _find_rule(method: Method | None) -> tuple[str, str, Callable[[Mapping[str, Any]], bool]]:
    """Find what a method can be made from: in words, in the plural, and the test."""
    if method is not None and method.bases is not None:
        bases = method.bases

        def fits(cell: Mapping[str, Any]) -> bool:
            return bases.admit(METHODS[cell["method"]]) and not cell.get("shuffle_labels")

        return bases.meaning, bases.several, fits
    artifact = "vectors" if method is not None and method.source == "vectors" else "encoder"
    meaning, several = ("word vectors", "word vectors") if artifact == "vectors" else ("encoder", "encoders")

    def leaves_it(cell: Mapping[str, Any]) -> bool:
        made = METHODS[cell["method"]]
        return made.artifact == artifact and made.trains_on

    return meaning, several, leaves_it


def leave_out_untuned(grid: Grid, cells: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """Evaluate no model that starts from an encoder of the grid before it is tuned, and refuse one that nothing tunes."""
    tuned = {tuning.base for tuning in grid.fine_tune}
    for origin, members in cells.items():
        for key, cell in members.items():
            options = METHODS[cell["method"]].options
            if not (cell.get("starts_from") and issubclass(options, ModelPlace) and options.may_start_elsewhere):
                continue
            if f"{origin}.{key}" not in tuned:
                raise GridError(
                    "globals.yml, grid.derived",
                    f"{origin}.{key} starts from {cell['starts_from']}, which is no {options.model_word} yet",
                    f"name it under fine_tune: {{base: {origin}.{key}, tasks: […]}}, or give the path of one that is",
                )
            cell["evaluate_on"] = ()


def require_no_circle(grid: Grid) -> None:
    """Refuse embeddings that are made from each other in a circle."""
    for name in grid.derived:
        waiting, seen = [name], set[str]()
        while waiting:
            for base in grid.derived[waiting.pop()].made_from:
                if base == name:
                    raise GridError(
                        "globals.yml, grid.derived",
                        f"{name} is made from itself, by way of {', '.join(sorted(seen)) or 'nothing else'}",
                        "let one of them be made from something else",
                    )
                if base in grid.derived and base not in seen:
                    seen.add(base)
                    waiting.append(base)


def require_definitions(section: str, names: Sequence[str], defined: Mapping[str, Any]) -> None:
    """Refuse tasks or corpora of the grid that are not defined."""
    missing = [name for name in names if name not in defined]
    if missing:
        raise GridError(
            f"globals.yml, grid.{section}",
            f"{', '.join(missing)} is not defined under {section}:",
            f"define it, or choose of those that are: {', '.join(defined) or 'none'}",
        )


def require_supported_tasks(experiment: Experiment) -> None:
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
        needs = experiment.needs.get(task) or kinds[task].requires
        able = [name for name, method in METHODS.items() if method.source == "task" and needs & method.supports]
        raise GridError(
            "globals.yml, grid",
            f"no embedding can be evaluated on {task} ({kinds[task].name}, which takes {' or '.join(sorted(needs))})",
            f"add one of baselines: {', '.join(able)}, or leave {task} out of tasks:",
        )


def require_tunable(cells: Sequence[EmbeddingSpec], tasks: Mapping[str, Any]) -> None:
    """Refuse fine-tuning on a task that cannot tune such an embedding, or has no training examples."""
    for cell in cells:
        if cell.tuned_on is None:
            continue
        definition = tasks[cell.tuned_on]
        kind = KINDS.get(str(definition.get("kind")))
        part = METHODS[cell.method].tuned_part
        if kind is None or part not in kind.tunes:
            can = ", ".join(sorted(kind.tunes)) if kind and kind.tunes else "nothing"
            raise GridError(
                "globals.yml, grid.fine_tune",
                f"{cell.starts_from} leaves {part}, and a task of kind {definition.get('kind')} ({cell.tuned_on}) "
                f"can tune {can}",
                f"leave {cell.tuned_on} out of the tasks of {cell.starts_from}",
            )
        if not _has_training_examples(kind, definition.get("source")):
            raise GridError(
                "globals.yml, grid.fine_tune",
                f"{cell.tuned_on} has nothing to tune {cell.starts_from} on",
                "set training_queries, or name the column split, in its source",
            )


def _has_training_examples(kind: Kind, source: Any) -> bool:
    reader = kind.create_reader()
    try:
        return reader.has_training_examples(TypeAdapter(reader.source_type).validate_python(source))
    except ValidationError:  # refused with the parameter's name when the nodes that take it are validated
        return True


def require_word_vectors(cells: Sequence[EmbeddingSpec], drawn: Sequence[str]) -> None:
    """Refuse names of embeddings on the map that are no word vectors."""
    known = [cell.name for cell in cells if cell.artifact == "vectors" and not cell.tuned_on]
    if unknown := [name for name in drawn if name not in known]:
        raise GridError(
            "diagnosis.map.embeddings",
            f"{', '.join(unknown)} is no word vectors of the grid",
            f"these are: {', '.join(known) or 'none'}",
        )
