"""Evaluate every embedding on every task that it serves, and gather the scores level by level.

examples@<task> ─┐
vectors,         │
encoder ─────────┤
predictions ─────┴─► evaluate_<kind> ──► <origin>.<embedding>.<task>.item_scores, .metrics, .predicted, .training_draws ──┐
                                                                                              ▼ collect_tasks
                                          <origin>.scores ◄── collect_embeddings ◄── <origin>.<embedding>.card

Variants of an embedding (derived, corrupted, resampled, fine-tuned) are gathered by group first: <origin>.<group>.scores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.pipelines.diagnose.pipeline import list_diagnosed_origins
from emb_pipeline.pipelines.evaluate import nodes
from emb_pipeline.pipelines.namespaces import find_group, find_namespace
from emb_pipeline.provenance.reuse import AGGREGATE
from emb_pipeline.tasks.registry import KINDS

STAGE = "evaluate"
LEAVES = ("item_scores", "metrics", "predicted", "training_draws")
"""What is stored of a cell."""
EVALUATIONS: dict[str | None, Callable[..., Any]] = {
    "vectors": nodes.evaluate_trained,
    "encoder": nodes.evaluate_encoder,
    "predictions": nodes.evaluate_predictions,
    "estimate": nodes.evaluate_paid,
    None: nodes.evaluate_untrained,
}


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that scores every embedding on every task that it supports."""
    cells = [
        (_evaluate_with_bases if cell.bases else _evaluate)(cell, task, experiment)
        for cell in experiment.cells
        for task in experiment.tasks_of(cell)
    ]
    estimates = [
        _estimate_cost(cell, experiment)
        for cell in experiment.cells
        if METHODS[cell.method].is_paid and experiment.reading_tasks_of(cell)
    ]
    gathered = [_collect_tasks(cell, experiment) for cell in experiment.cells if experiment.tasks_of(cell)]
    origins = [_collect_origin(origin, experiment) for origin in experiment.origins]
    groups = [_collect_group(*group, experiment) for group in _list_groups(experiment)]
    return Pipeline([*estimates, *cells, *gathered, *groups, *origins])


def _evaluate(cell: EmbeddingSpec, task: str, experiment: Experiment) -> Pipeline:
    kind = experiment.tasks[task]
    inputs = {"task": f"examples@{task}"}
    parameters = {"params:cell": f"params:embeddings.{cell.name}", "params:definition": f"params:tasks.{task}"}
    takes = "predictions" if task == cell.tuned_on and KINDS[kind].score else cell.artifact
    if METHODS[cell.method].is_paid:
        takes = "estimate"
    if takes:
        inputs[takes] = f"{cell.trained_as}.{takes}"
    if takes in ("encoder", "estimate", None):
        parameters["params:folders"] = "params:folders"
    return pipeline(
        [
            node(
                EVALUATIONS[takes],
                [*inputs, *parameters],
                list(LEAVES),
                name=f"evaluate_{kind}",
            )
        ],
        namespace=f"{find_namespace(cell)}.{task}",
        inputs=inputs,
        outputs={leaf: f"{cell.name}.{task}.{leaf}" for leaf in LEAVES},
        parameters=parameters,
        tags=[STAGE, task, cell.method],
    )


def _estimate_cost(cell: EmbeddingSpec, experiment: Experiment) -> Pipeline:
    of_bases, specs = _list_bases(cell, experiment)
    inputs = {**{f"task_{task}": f"examples@{task}" for task in experiment.reading_tasks_of(cell)}, **of_bases}
    parameters = {"params:cell": f"params:embeddings.{cell.name}", "params:folders": "params:folders", **specs}
    takes = {**{name: name for name in inputs}, **{name.removeprefix("params:"): name for name in parameters}}
    return pipeline(
        [node(nodes.estimate_cost, takes, "estimate", name="estimate_cost")],
        namespace=find_namespace(cell),
        inputs=inputs,
        outputs={"estimate": f"{cell.name}.estimate"},
        parameters=parameters,
        tags=[STAGE, cell.method],
    )


def _evaluate_with_bases(cell: EmbeddingSpec, task: str, experiment: Experiment) -> Pipeline:
    of_bases, specs = _list_bases(cell, experiment)
    paid = [each for each in (cell, *experiment.bases_of(cell)) if METHODS[each.method].is_paid]
    estimates = {f"{nodes.ESTIMATE}{number}": f"{each.name}.estimate" for number, each in enumerate(paid)}
    inputs = {"task": f"examples@{task}", **of_bases, **estimates}
    parameters = {
        "params:cell": f"params:embeddings.{cell.name}",
        "params:definition": f"params:tasks.{task}",
        "params:folders": "params:folders",
        **specs,
    }
    takes = {**{name: name for name in inputs}, **{name.removeprefix("params:"): name for name in parameters}}
    name = f"evaluate_{experiment.tasks[task]}"
    return pipeline(
        [node(nodes.evaluate_with_bases, takes, list(LEAVES), name=name)],
        namespace=f"{find_namespace(cell)}.{task}",
        inputs=inputs,
        outputs={leaf: f"{cell.name}.{task}.{leaf}" for leaf in LEAVES},
        parameters=parameters,
        tags=[STAGE, task, cell.method],
    )


def _list_bases(cell: EmbeddingSpec, experiment: Experiment) -> tuple[dict[str, str], dict[str, str]]:
    """List what an embedding's own training left and those of its bases, and the parameters that specify the bases."""
    inputs = {cell.artifact: f"{cell.trained_as}.{cell.artifact}"} if cell.artifact else {}
    parameters = {}
    for number, base in enumerate(experiment.bases_of(cell)):
        name = nodes.name_base(number)
        parameters[f"params:{name}"] = f"params:embeddings.{base.name}"
        if base.artifact:
            inputs[f"{name}_{base.artifact}"] = f"{base.trained_as}.{base.artifact}"
    return inputs, parameters


def _collect_tasks(cell: EmbeddingSpec, experiment: Experiment) -> Pipeline:
    tasks = experiment.tasks_of(cell)
    inputs = {f"{task}_{leaf}": f"{cell.name}.{task}.{leaf}" for task in tasks for leaf in LEAVES}
    if cell.is_trained:
        inputs["training"] = f"{cell.trained_as}.training"
    trained = [base for base in experiment.sources_of(cell) if base.is_trained]
    inputs |= {f"{nodes.BASE_TRAINING}{number}": f"{base.trained_as}.training" for number, base in enumerate(trained)}
    of_bases, specs = _list_bases(cell, experiment)
    inputs |= of_bases
    parameters = {"params:cell": f"params:embeddings.{cell.name}", **specs}
    takes = {**{name: name for name in inputs}, **{name.removeprefix("params:"): name for name in parameters}}
    return pipeline(
        [node(nodes.collect_tasks, takes, "card", name="collect_tasks")],
        namespace=find_namespace(cell),
        inputs=inputs,
        outputs={"card": f"{cell.name}.card"},
        parameters=parameters,
        tags=[STAGE, AGGREGATE, *tasks],
    )


def _list_groups(experiment: Experiment) -> list[tuple[str, str]]:
    """List the groups of variants, each with its origin."""
    scored = [cell for cell in experiment.cells if experiment.tasks_of(cell)]
    return list(dict.fromkeys((cell.origin, group) for cell in scored if (group := find_group(cell))))


def _collect_group(origin: str, group: str, experiment: Experiment) -> Pipeline:
    cells = [cell for cell in experiment.cells if (cell.origin, find_group(cell)) == (origin, group)]
    inputs = {cell.key: f"{cell.name}.card" for cell in cells if experiment.tasks_of(cell)}
    return pipeline(
        [node(nodes.collect_embeddings, {name: name for name in inputs}, "scores", name="collect_embeddings")],
        namespace=f"{origin}.{group}",
        inputs=inputs,
        tags=[STAGE, AGGREGATE],
    )


def _collect_origin(origin: str, experiment: Experiment) -> Pipeline:
    inputs: dict[str, str] = {}
    for cell in experiment.cells:
        if cell.origin == origin and experiment.tasks_of(cell):
            group = find_group(cell)
            inputs[group or cell.key] = f"{origin}.{group}.scores" if group else f"{cell.name}.card"
    if origin in list_diagnosed_origins(experiment):
        inputs["diagnosis"] = f"{origin}.diagnosis"
    return pipeline(
        [node(nodes.collect_embeddings, {name: name for name in inputs}, "scores", name="collect_embeddings")],
        namespace=origin,
        inputs=inputs,
        tags=[STAGE, AGGREGATE],
    )
