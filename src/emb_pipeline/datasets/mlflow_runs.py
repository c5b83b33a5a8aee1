"""Runs and registered models in an MLflow store."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emb_pipeline.datasets.mlflow_names import clean_mlflow_name
from emb_pipeline.datasets.mlflow_params import list_params
from emb_pipeline.datasets.mlflow_store import LONGEST_TAG, NOTE, clean_tags, find_experiment, is_number, try_store
from emb_pipeline.redaction import redact
from emb_pipeline.statistics.costs import UNTIL_SCORED
from emb_pipeline.storage.atomic import has_ended, name_this_process

if TYPE_CHECKING:
    import pandas as pd

LOGGER = logging.getLogger(__name__)
PARENT_RUN = "EMB_PIPELINE_PARENT_RUN"
INHERITED = "EMB_PIPELINE_PARENT_TAGS"
"""Tags of the parent run that the runs of its cells have, too, as JSON: who started it, from what, at which commit."""
OF_ORIGIN = ("mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit")
"""Tags that MLflow shows as the user, source and version of a run."""
PROCESS = "process"
"""Tag of a run that is open: the process that will close it."""
_IN_PARAMS = "options"
"""Tag of a record that MLflow holds as params."""
_TABLE = "leaderboard.json"
_PARAMS_PER_BATCH, _METRICS_PER_BATCH = 100, 800


def log_run(
    tracking_uri: str, experiment: str, run_name: str, record: Mapping[str, Any], *, status: str = "FINISHED"
) -> str | None:
    """Write one run that is over.

    Returns
    -------
    str or None
        The run's id; None, after a warning, if MLflow cannot be reached or refuses this record.
    """
    return try_store(tracking_uri, run_name, lambda: _write_run(tracking_uri, experiment, run_name, record, status))


def _write_run(tracking_uri: str, experiment: str, run_name: str, record: Mapping[str, Any], status: str) -> str:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client, now = MlflowClient(tracking_uri), int(time.time() * 1000)
    tags = {name: value for name, value in record.get("tags", {}).items() if name != _IN_PARAMS}
    inherited = json.loads(os.environ.get(INHERITED) or "{}")
    tags = clean_tags({PROCESS: name_this_process(), **inherited, **tags})
    if parent := os.environ.get(PARENT_RUN):
        tags["mlflow.parentRunId"] = parent
    values = [(name, value, 0) for name, value in record.get("metrics", {}).items()]
    values += [(name, value, step) for name, series in record.get("series", {}).items() for step, value in enumerate(series)]
    metrics = [Metric(clean_mlflow_name(name), float(value), now, step) for name, value, step in values if is_number(value)]
    params = [Param(name, value) for name, value in list_params(record).items()]
    place, start = find_experiment(client, experiment).experiment_id, now - int(1000 * _find_seconds(record))
    run_id = str(client.create_run(place, start_time=start, run_name=run_name[:250], tags=tags).info.run_id)
    try:
        batches = _cut(metrics, _METRICS_PER_BATCH), _cut(params, _PARAMS_PER_BATCH)
        for of_metrics, of_params in zip_longest(*batches, fillvalue=()):
            client.log_batch(run_id, metrics=of_metrics, params=of_params)
        if inputs := record.get("inputs"):
            client.log_inputs(run_id, [_build_input(each) for each in inputs])
        client.set_terminated(run_id, status, now)
    except Exception:
        _delete_quietly(client, run_id)  # a run without its values would stay open
        raise
    return run_id


def _build_input(facts: Mapping[str, Any]) -> Any:
    """Build what MLflow shows in the column of data sets: name, digest, where it is from, and sizes; never the data."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = Dataset(
        name=facts["name"],
        digest=facts["digest"],
        source_type="local",
        source=json.dumps({"uri": redact(str(facts["source"]))}),
        schema=json.dumps({"mlflow_colspec": facts["columns"]}) if facts.get("columns") else None,
        profile=json.dumps(facts["profile"]),
    )
    return DatasetInput(dataset=data, tags=[InputTag("mlflow.data.context", facts["context"])])


def _find_seconds(record: Mapping[str, Any]) -> float:
    """Find how long the work took that a record is about: it is over when its run is written."""
    metrics = record.get("metrics", {})
    return sum(float(metrics[name]) for name in UNTIL_SCORED if is_number(metrics.get(name)))


def _cut(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _delete_quietly(client: Any, run_id: str) -> None:
    try:
        client.set_terminated(run_id, "FAILED")
        client.delete_run(run_id)
    except Exception as error:
        LOGGER.debug("MLflow keeps run %s, which holds nothing: %s", run_id, redact(str(error)))


def name_run(name: str, record: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Name a run, with the hyper-parameters that differ from the run before it: ``domain.word2vec_100 window=9``."""
    now, known = list_params(record), list_params(before)
    changed = [f"{key}={value}" for key, value in now.items() if key in known and known[key] != value]
    return " ".join([name, *changed])[:250]


def open_run(
    tracking_uri: str, experiment: str, name: str, tags: Mapping[str, str], config: Mapping[str, Any]
) -> str | None:
    """Start a run and store ``config`` with it; None, after a warning, if MLflow cannot be reached."""

    def start() -> str:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri)
        place = find_experiment(client, experiment).experiment_id
        _close_abandoned(client, place)
        run = client.create_run(place, run_name=name, tags=clean_tags({**tags, PROCESS: name_this_process()}))
        client.log_dict(run.info.run_id, json.loads(redact(json.dumps(config, default=str))), "config.json")
        return str(run.info.run_id)

    return try_store(tracking_uri, name, start)


@dataclass(frozen=True)
class Answer:
    """The findings of a run.

    Attributes
    ----------
    note : str
        The answer in Markdown: the description of the run, and a file.
    metrics : mapping of str to float
        The highest score of each task, and counts.
    leaderboard : DataFrame
        A file of comma-separated values, and a table that MLflow compares between runs.
    page : Path
        The report.
    """

    note: str
    metrics: Mapping[str, float]
    leaderboard: pd.DataFrame
    page: Path


def write_answer(tracking_uri: str, run_id: str, answer: Answer) -> None:
    """Give an open run its answer."""

    def write() -> str:
        from mlflow import MlflowClient
        from mlflow.entities import Metric, RunTag

        client, now = MlflowClient(tracking_uri), int(time.time() * 1000)
        metrics = [
            Metric(clean_mlflow_name(name), float(value), now, 0)
            for name, value in answer.metrics.items()
            if is_number(value)
        ]
        note = redact(answer.note)
        client.log_batch(run_id, metrics=metrics, tags=[RunTag(NOTE, note[:LONGEST_TAG])])
        client.log_text(run_id, note, "answer.md")
        client.log_text(run_id, answer.leaderboard.to_csv(index=False), "leaderboard.csv")
        client.log_table(run_id, answer.leaderboard.astype(object).where(answer.leaderboard.notna(), None), _TABLE)
        client.log_artifact(run_id, str(answer.page))
        return run_id

    try_store(tracking_uri, "the answer of the run", write)


def close_run(tracking_uri: str, run_id: str, status: str) -> None:
    """End a run that ``open_run`` started."""

    def end_run() -> str:
        from mlflow import MlflowClient

        MlflowClient(tracking_uri).set_terminated(run_id, status)
        return run_id

    try_store(tracking_uri, run_id, end_run)


def _close_abandoned(client: Any, experiment: str) -> None:
    """Mark runs as killed whose process is gone: parents, and their children in other experiments."""
    for parent in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if not has_ended(parent.data.tags.get(PROCESS, "")):
            continue
        others = [each.experiment_id for each in client.search_experiments()]
        below = f"attributes.status = 'RUNNING' and tags.mlflow.parentRunId = '{parent.info.run_id}'"
        for run in [*client.search_runs(others, below), parent]:
            client.set_terminated(run.info.run_id, "KILLED")


def register_model(
    tracking_uri: str,
    experiment: str,
    name: str,
    *,
    script: Path,
    artifacts: Mapping[str, str],
    tags: Mapping[str, str],
    code: Path,
    requirements: Sequence[str],
    inputs: Mapping[str, str],
) -> str | None:
    """Add a version to a registered model that takes a table; None, after a warning, if MLflow cannot be reached.

    Parameters
    ----------
    tracking_uri, experiment
        MLflow store, and the experiment of the run that the model belongs to.
    name : str
        Of the registered model.
    script : Path
        The model as code: nothing is pickled.
    artifacts : mapping of str to str
        Files and folders that are stored with it.
    tags : mapping of str to str
        Of the run.
    code : Path
        The package that the script imports: its source is stored with the model, since no index of packages has it.
    requirements : sequence of str
        Other packages that must be installed to serve it: ``name==version``.
    inputs : mapping of str to str
        Columns of the table, each with its type: ``string`` or ``double``.

    Returns
    -------
    str or None
        The new version.
    """

    def register() -> str:
        import mlflow
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, DataType, Schema

        client = mlflow.MlflowClient(tracking_uri)
        # None unsets it again: MLflow writes it into the environment, where later runs of the process would find it.
        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        place = find_experiment(client, experiment).experiment_id
        run = client.create_run(place, run_name=name, tags=clean_tags({"cell": name, **tags}))
        mlflow.set_tracking_uri(tracking_uri)
        try:
            with mlflow.start_run(run_id=run.info.run_id):
                logged = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(script),
                    artifacts=dict(artifacts),
                    signature=ModelSignature(
                        inputs=Schema([ColSpec(DataType[kind], column) for column, kind in inputs.items()])
                    ),
                    pip_requirements=list(requirements),
                    code_paths=[str(code)],
                    registered_model_name=name,
                )
        finally:
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]
        return str(logged.registered_model_version)

    return try_store(tracking_uri, name, register)
