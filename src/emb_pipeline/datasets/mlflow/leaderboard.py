"""A leaderboard in MLflow: intervals and costs in the runs of its cells, a model per embedding, a view per task."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emb_pipeline.datasets.mlflow.names import clean_mlflow_name
from emb_pipeline.datasets.mlflow.store import NOTE, find_experiment, is_number, try_store
from emb_pipeline.datasets.mlflow.views import LEADERBOARD, View, link_view

_REFUSED_IN_MODELS = str.maketrans(dict.fromkeys("/:.%\"'", " "))
_RUNS_PER_SEARCH = 100
_OF_TASK = "probe."
"""Prefix of the params that belong to a task, not to an embedding."""
_MODEL = "model"
"""Tag of a run: the model that it scored. A search for runs does not tell what they are linked to."""
_SPECIFICATION = "specification"
"""Tag of a model: the fingerprint of its params. An embedding with other hyper-parameters is another model."""


@dataclass(frozen=True)
class RankedCell:
    """One cell of a leaderboard.

    Attributes
    ----------
    embedding, run_id : str
        The embedding, and the run of the cell.
    metrics : mapping of str to float
        Scores, their intervals, units and costs.
    params : mapping of str to str
        Params of the run (`emb_pipeline.datasets.mlflow.params.list_params`).
    dataset, digest : str
        The examples that the scores are of.
    """

    embedding: str
    run_id: str
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    dataset: str
    digest: str


@dataclass(frozen=True)
class RankedTask:
    """The leaderboard of one task: its MLflow experiment, the view of it, what it is about, and its cells."""

    experiment: str
    view: View
    note: str
    cells: Sequence[RankedCell]


@dataclass(frozen=True)
class Scorecards:
    """Where the models are: an MLflow experiment, with one run per embedding."""

    experiment: str
    runs: Mapping[str, str] = field(default_factory=dict)


def track_leaderboard(tracking_uri: str, use_case: str, tasks: Sequence[RankedTask], scorecards: Scorecards) -> bool:
    """Write what a leaderboard knows of cells into their runs. What is there already is not written again.

    Returns
    -------
    bool
        False, after a warning, if MLflow does not take it.
    """

    def write() -> bool:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri)
        models = _find_models(client, use_case, tasks, scorecards)
        for task in tasks:
            _write_task(client, use_case, task, models)
        return True

    return try_store(tracking_uri, "a leaderboard", write) is True


def find_links(tracking_uri: str, use_case: str, tasks: Mapping[str, str]) -> dict[str, str]:
    """Find the links to the views of tasks, given the experiment of each; none where MLflow cannot be reached."""

    def find() -> dict[str, str]:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri)
        found = {task: client.get_experiment_by_name(name) for task, name in tasks.items()}
        return {task: link_view(tracking_uri, place.experiment_id, use_case) for task, place in found.items() if place}

    return try_store(tracking_uri, "links", find) or {}


def _write_task(client: Any, use_case: str, task: RankedTask, models: Mapping[str, str]) -> None:
    place = find_experiment(client, task.experiment)
    saved = {task.view.tag: task.view.encode(), NOTE: place.tags.get(NOTE) or task.note}  # a person's note stays
    for tag, value in saved.items():
        if place.tags.get(tag) != value:
            client.set_experiment_tag(place.experiment_id, tag, value)
    cells = {cell.run_id: cell for cell in task.cells}
    quoted = ", ".join(f"'{run_id}'" for run_id in cells)
    if not cells:
        return
    for run in _search(client, place.experiment_id, f"attributes.run_id IN ({quoted})"):
        _write_cell(client, use_case, run, cells[run.info.run_id], models)
    for run in _search(client, place.experiment_id, f"tags.{LEADERBOARD} = '{use_case}'"):
        if run.info.run_id not in cells:
            client.delete_tag(run.info.run_id, LEADERBOARD)


def _write_cell(client: Any, use_case: str, run: Any, cell: RankedCell, models: Mapping[str, str]) -> None:
    from mlflow.entities import LoggedModelInput, Metric, RunTag

    wanted = {clean_mlflow_name(name): float(value) for name, value in cell.metrics.items() if is_number(value)}
    known, model, now = run.data.metrics, models[cell.embedding], int(time.time() * 1000)
    tags = {LEADERBOARD: use_case, _MODEL: model}
    before = {tag: run.data.tags.get(tag) for tag in tags}
    if before == tags and all(known.get(name) == value for name, value in wanted.items()):
        return
    # The end of the run as the time of what it has, too: a value is in its history once.
    end = run.info.end_time or now
    metrics = [
        Metric(name, value, end if known.get(name, value) == value else now, 0, model, cell.dataset, cell.digest)
        for name, value in wanted.items()
    ]
    client.log_batch(run.info.run_id, metrics=metrics, tags=[RunTag(*tag) for tag in tags.items()])
    if before[_MODEL] != model:
        client.log_inputs(run.info.run_id, models=[LoggedModelInput(model)])


def _search(client: Any, experiment: str, wanted: str) -> Iterator[Any]:
    found = client.search_runs([experiment], wanted, max_results=_RUNS_PER_SEARCH)
    runs = list(found)
    while found.token:
        found = client.search_runs([experiment], wanted, max_results=_RUNS_PER_SEARCH, page_token=found.token)
        runs += found
    return iter(runs)


def _find_models(client: Any, use_case: str, tasks: Sequence[RankedTask], scorecards: Scorecards) -> dict[str, str]:
    """Find the model of each embedding; make those that are not there."""
    place = find_experiment(client, scorecards.experiment)
    known = {
        (model.tags.get("embedding"), model.tags.get(_SPECIFICATION)): model.model_id
        for model in _list_models(client, place.experiment_id, f"tags.use_case = '{use_case}'")
    }
    found: dict[str, str] = {}
    for cell in (cell for task in tasks for cell in task.cells if cell.embedding not in found):
        params = {name: value for name, value in cell.params.items() if not name.startswith(_OF_TASK)}
        specification = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:16]
        tags = {"use_case": use_case, "embedding": cell.embedding, _SPECIFICATION: specification}
        model_id = known.get((cell.embedding, specification))
        if model_id is None:
            model = client.create_logged_model(
                place.experiment_id,
                name=cell.embedding.translate(_REFUSED_IN_MODELS),
                source_run_id=scorecards.runs.get(cell.embedding),
                tags={**tags, "mlflow.model.isExternal": "true"},
                params=params,
                model_type="embedding",
            )
            model_id = client.finalize_logged_model(model.model_id, "READY").model_id
        found[cell.embedding] = model_id
    return found


def _list_models(client: Any, experiment: str, wanted: str) -> Iterator[Any]:
    found = client.search_logged_models([experiment], wanted)
    yield from found
    while found.token:
        found = client.search_logged_models([experiment], wanted, page_token=found.token)
        yield from found
