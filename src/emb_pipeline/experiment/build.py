"""From a use case's parameters, with the grid written out, to the experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from emb_pipeline.efficiency.options import IN_PROCESS
from emb_pipeline.experiment.choosing import ChoosingOptions, list_dropped
from emb_pipeline.experiment.grid_checks import (
    require_definitions,
    require_supported_tasks,
    require_tunable,
    require_word_vectors,
)
from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.experiment.schema import Corruption, Grid, Resample, Variant
from emb_pipeline.tasks.registry import KINDS

if TYPE_CHECKING:
    from emb_pipeline.tasks.examples.reader import ExamplesReader

_CHANGED_TEXT: TypeAdapter[Corruption | Resample | None] = TypeAdapter(Corruption | Resample | None)
_VARIANT: TypeAdapter[Variant | None] = TypeAdapter(Variant | None)


def build_experiment(parameters: Mapping[str, Any]) -> Experiment:
    """Build the experiment that a use case's parameters describe.

    Raises
    ------
    GridError
        A task of the grid that is not defined, or a corpus that is not.
    """
    grid = Grid.model_validate(parameters["grid"])
    require_definitions("tasks", grid.tasks, parameters["tasks"])
    require_definitions("corpora", grid.corpora, parameters["corpora"])
    cells = tuple(
        EmbeddingSpec.model_construct(
            **{
                **cell,
                "options": None,
                "tuning": None,
                "changed_text": _CHANGED_TEXT.validate_python(cell.get("changed_text")),
                "variant": _VARIANT.validate_python(cell.get("variant")),
            }
        )
        for group in parameters["embeddings"].values()
        for cell in group.values()
    )
    require_tunable(cells, parameters["tasks"])
    require_word_vectors(cells, _drawn(parameters.get("diagnosis")))
    experiment = Experiment.model_construct(
        use_case=parameters["use_case"],
        corpora=grid.corpora,
        cells=cells,
        tasks={task: parameters["tasks"][task].get("kind", "") for task in grid.tasks},
        needs={task: needs for task in grid.tasks if (needs := _needs(parameters["tasks"][task])) is not None},
        curves=frozenset(task for task in grid.tasks if _has_learning_curve(parameters["tasks"][task])),
        refuses=_find_refusals(parameters.get("decision") or {}, grid.tasks),
        timed=frozenset(task for task in grid.tasks if _has_times(parameters["tasks"][task])),
        needs_store=_needs_store(parameters.get("vector_search") or {}),
        dropped=_find_dropped(parameters),
    )
    require_supported_tasks(experiment)
    return experiment


def find_unused_embeddings(experiment: Experiment) -> list[EmbeddingSpec]:
    """List the embeddings that no task of the grid can use, but for those that nobody asked to evaluate."""
    return [cell for cell in experiment.cells if cell.evaluate_on is None and not experiment.tasks_of(cell)]


def _find_dropped(parameters: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Find the cells that the rounds of a budgeted run dropped; a plain run has all."""
    if parameters.get("pace") != "budget":
        return frozenset()
    return list_dropped(ChoosingOptions.model_validate(parameters.get("choosing") or {}).outcome)


def _drawn(diagnosis: Any) -> list[str]:
    """List the embeddings that the map is to show; what is no list of names is refused with the section's model."""
    of_map = diagnosis.get("map") if isinstance(diagnosis, Mapping) else None
    names = of_map.get("embeddings") if isinstance(of_map, Mapping) else None
    return [str(name) for name in names] if isinstance(names, list | tuple) else []


def _needs(definition: Mapping[str, Any]) -> frozenset[str] | None:
    """Find what the examples of a task need of an embedding, where the kind leaves a choice."""
    found = _read_source(definition)
    return None if found is None else found[0].requires(found[1])


def _has_times(definition: Mapping[str, Any]) -> bool:
    """Tell whether the examples of a task have a time."""
    found = _read_source(definition)
    return found is not None and found[0].has_times(found[1])


def _read_source(definition: Mapping[str, Any]) -> tuple[ExamplesReader, Any] | None:
    """Find the reader of a task, and validate its source."""
    kind = KINDS.get(str(definition.get("kind")))
    if kind is None:
        return None
    reader = kind.create_reader()
    try:
        return reader, TypeAdapter(reader.source_type).validate_python(definition.get("source"))
    except ValidationError:  # refused with the parameter's name when the nodes that take it are validated
        return None


def _find_refusals(decision: Mapping[str, Any], tasks: Iterable[str]) -> frozenset[str]:
    """Find the tasks whose cut-off the decision requires: it is measured before the decision, and takes what that takes."""
    required = decision.get("refuse")
    return frozenset(name for name in tasks if isinstance(required, Mapping) and name in required)


def _needs_store(vector_search: Mapping[str, Any]) -> bool:
    """Tell whether an index is one of a vector store; what cannot be read is refused with the section's model."""
    if vector_search.get("words") or vector_search.get("sparse"):
        return True
    indexes = vector_search.get("indexes")
    if not isinstance(indexes, list | tuple):
        return False
    return any(not isinstance(each, Mapping) or each.get("index") not in IN_PROCESS for each in indexes)


def _has_learning_curve(definition: Mapping[str, Any]) -> bool:
    """Tell whether the probe of a task is fitted on parts of the labels, too."""
    kind = KINDS.get(str(definition.get("kind")))
    if kind is None:
        return False
    try:
        return getattr(kind.options(**(definition.get("evaluation") or {})), "label_draws", 0) != 0
    except ValidationError:  # refused with the parameter's name when the nodes that take it are validated
        return False
