"""Runs and registered models in an MLflow store."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emb_pipeline.datasets.mlflow.names import clean_mlflow_name
from emb_pipeline.datasets.mlflow.origin import RUN_KEY, Origin
from emb_pipeline.datasets.mlflow.params import list_params
from emb_pipeline.datasets.mlflow.store import LONGEST_TAG, NOTE, clean_tags, find_experiment, is_number, try_store
from emb_pipeline.redaction import redact
from emb_pipeline.statistics.costs import UNTIL_SCORED
from emb_pipeline.storage.atomic import has_ended, name_this_process

if TYPE_CHECKING:
    import pandas as pd

LOGGER = logging.getLogger(__name__)
PARENTS = "emb/runs"
"""MLflow experiment of the parent runs."""
CELL = "cell"
"""Tag of a run: use case and embedding. One run of the pipeline has one run of a cell in an experiment."""
OF_ORIGIN = ("mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit")
"""Tags that MLflow shows as the user, source and version of a run."""
PROCESS = "process"
"""Tag of a run that is open: the process that will close it."""
MACHINE_METRICS = "system/"
"""Prefix of the metrics that a run has of its machine."""
_SILENT_SECONDS, _LOST_SECONDS = 3600.0, 24 * 3600.0
_IN_PARAMS = "options"
"""Tag of a record that MLflow holds as params."""
_TABLE = "leaderboard.json"
_PARAMS_PER_BATCH, _METRICS_PER_BATCH = 100, 800


def log_run(
    tracking_uri: str,
    experiment: str,
    run_name: str,
    record: Mapping[str, Any],
    *,
    status: str = "FINISHED",
    origin: Origin | None = None,
    artifact_location: str = "",
) -> str | None:
    """Write one run that is over.

    A record that the same run of the pipeline wrote before, of the same cell, is replaced: a step may run twice, and a
    server may have taken what it never confirmed.

    Parameters
    ----------
    tracking_uri, experiment, run_name
        MLflow store, experiment and name of the run.
    record : mapping
        What the run holds: ``params``, ``metrics``, ``series``, ``inputs``, ``tags``.
    status : {"FINISHED", "FAILED"}
        How it ended.
    origin : Origin, optional
        The run of the pipeline that made the record; the one that goes on, unless it is given.
    artifact_location : str
        See `find_experiment`.

    Returns
    -------
    str or None
        The run's id; None, after a warning, if MLflow cannot be reached or refuses this record. None, too, while MLflow has
        not taken the parent run: the record waits for it.
    """
    made_by = origin or Origin.of_this_run()
    return try_store(
        tracking_uri,
        run_name,
        lambda: _write_run(tracking_uri, experiment, run_name, record, status, made_by, artifact_location),
    )


def _write_run(
    tracking_uri: str,
    experiment: str,
    run_name: str,
    record: Mapping[str, Any],
    status: str,
    origin: Origin,
    artifact_location: str,
) -> str | None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client, end = MlflowClient(tracking_uri), origin.ended
    parent = _find_parent(client, origin)
    if origin.key and not parent:
        return None
    tags = {name: value for name, value in record.get("tags", {}).items() if name != _IN_PARAMS}
    tags = clean_tags({PROCESS: name_this_process(), **origin.tags, **tags})
    if parent:
        tags["mlflow.parentRunId"] = parent
    values = [(name, value, 0) for name, value in record.get("metrics", {}).items()]
    values += [(name, value, step) for name, series in record.get("series", {}).items() for step, value in enumerate(series)]
    metrics = [Metric(clean_mlflow_name(name), float(value), end, step) for name, value, step in values if is_number(value)]
    params = [Param(name, value) for name, value in list_params(record).items()]
    place, start = (
        find_experiment(client, experiment, artifact_location).experiment_id,
        end - int(1000 * _find_seconds(record)),
    )
    run_id = str(client.create_run(place, start_time=start, run_name=run_name[:250], tags=tags).info.run_id)
    try:
        batches = _cut(metrics, _METRICS_PER_BATCH), _cut(params, _PARAMS_PER_BATCH)
        for of_metrics, of_params in zip_longest(*batches, fillvalue=()):
            client.log_batch(run_id, metrics=of_metrics, params=of_params)
        if inputs := record.get("inputs"):
            client.log_inputs(run_id, [_build_input(each) for each in inputs])
        client.set_terminated(run_id, status, end)
    except Exception:
        _delete_quietly(client, run_id)  # a run without its values would stay open
        raise
    return _keep_last(client, place, run_id, end, tags) if origin.key and CELL in tags else run_id


def _find_parent(client: Any, origin: Origin) -> str:
    """Find the parent of a record's run: by its key where MLflow took it later; empty where the record has to wait for it.

    A record of another run of the pipeline waits until that one is over, since it may still write this record itself. One
    whose parent is not to be found for a day goes below the run that goes on.
    """
    now = Origin.of_this_run()
    if not origin.key or (origin.parent and origin.key == now.key):
        return origin.parent
    if origin.key == now.key:
        return now.parent or _find_by_key(client, origin.key)
    parent = origin.parent or _find_by_key(client, origin.key)
    if not parent:
        return now.parent if now.ended - origin.ended > 1000 * _LOST_SECONDS else ""
    return "" if client.get_run(parent).info.status == "RUNNING" else parent


def _find_by_key(client: Any, key: str) -> str:
    place = client.get_experiment_by_name(PARENTS) if key else None
    found = client.search_runs([place.experiment_id], f"tags.{RUN_KEY} = '{key}'", max_results=1) if place else []
    return str(found[0].info.run_id) if found else ""


def _keep_last(client: Any, experiment: str, run_id: str, end: int, tags: Mapping[str, str]) -> str:
    """Delete all runs of a cell in one run of the pipeline but the last one that is over, and give that one's id."""
    cell, wanted = tags[CELL], f"tags.{RUN_KEY} = '{tags[RUN_KEY]}'"
    if not {"'", '"'} & set(cell):  # a filter has no way to write both
        wanted += f" and tags.{CELL} = '{cell}'"
    found = [run for run in client.search_runs([experiment], wanted) if run.data.tags.get(CELL) == cell]
    others = [run for run in found if run.info.run_id != run_id]
    over = {run.info.run_id: run.info.end_time for run in others if run.info.status != "RUNNING"} | {run_id: end}
    last: str = max(over, key=lambda name: (over[name], name))
    for name in {run_id, *(run.info.run_id for run in others)} - {last}:
        _delete_quietly(client, name)
    return last


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
        LOGGER.debug("MLflow keeps run %s, which is not wanted: %s", run_id, redact(str(error)))


def name_run(name: str, record: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Name a run, with the hyper-parameters that differ from the run before it: ``domain.word2vec_100 window=9``."""
    now, known = list_params(record), list_params(before)
    changed = [f"{key}={value}" for key, value in now.items() if key in known and known[key] != value]
    return " ".join([name, *changed])[:250]


def open_run(
    tracking_uri: str,
    experiment: str,
    name: str,
    tags: Mapping[str, str],
    config: Mapping[str, Any],
    *,
    started: int | None = None,
    artifact_location: str = "",
) -> str | None:
    """Start a run and store ``config`` with it; None, after a warning, if MLflow cannot be reached.

    A run with the same run key among its tags is opened again: MLflow may have taken it without saying so, and the jobs of
    one run share it.

    Parameters
    ----------
    tracking_uri, experiment, name
        MLflow store, experiment and name of the run.
    tags, config : mapping
        Tags of the run; what is stored with it.
    started : int, optional
        Milliseconds since 1970; now, unless it is given.
    artifact_location : str
        See `find_experiment`.
    """

    def start() -> str:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri)
        place = find_experiment(client, experiment, artifact_location).experiment_id
        _close_abandoned(client, place)
        run_id, mine = _find_by_key(client, tags.get(RUN_KEY, "")), {**tags, PROCESS: name_this_process()}
        if run_id:
            client.update_run(run_id, "RUNNING")
            client.set_tag(run_id, PROCESS, mine[PROCESS])
        else:
            run_id = str(client.create_run(place, start_time=started, run_name=name, tags=clean_tags(mine)).info.run_id)
        written = json.loads(redact(json.dumps(config, default=str)))
        _store_files(run_id, lambda: client.log_dict(run_id, written, "config.json"))
        return run_id

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


def write_answer(tracking_uri: str, run_id: str, answer: Answer) -> bool:
    """Give a run its answer; False, after a warning, if MLflow does not take it."""

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
        board = answer.leaderboard

        def store_files() -> None:
            client.log_text(run_id, note, "answer.md")
            client.log_text(run_id, board.to_csv(index=False), "leaderboard.csv")
            client.log_table(run_id, board.astype(object).where(board.notna(), None), _TABLE)
            client.log_artifact(run_id, str(answer.page))

        client.log_batch(run_id, metrics=metrics, tags=[RunTag(NOTE, note[:LONGEST_TAG])])
        _store_files(run_id, store_files)
        return run_id

    return try_store(tracking_uri, "the answer of the run", write) is not None


def _store_files(run_id: str, work: Callable[[], object]) -> None:
    """Store files of a run; a warning where their place, a bucket or a folder, does not take them: the run goes on."""
    try:
        work()
    except Exception as error:  # each kind of place has errors of its own
        reason = redact(str(error).splitlines()[0] if str(error) else type(error).__name__)
        LOGGER.warning("MLflow's place for files does not take those of run %s (%s)", run_id, reason)


def close_run(tracking_uri: str, run_id: str, status: str, ended: int | None = None) -> bool:
    """End a run that ``open_run`` started; False, after a warning, if MLflow does not take it."""

    def end_run() -> str:
        from mlflow import MlflowClient

        MlflowClient(tracking_uri).set_terminated(run_id, status, ended)
        return run_id

    return try_store(tracking_uri, f"the end of run {run_id}", end_run) is not None


def _close_abandoned(client: Any, experiment: str) -> None:
    """Mark runs as killed whose process is gone: parents, and their children in other experiments."""
    for parent in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        process = parent.data.tags.get(PROCESS, "")  # the run of several jobs has none
        if not process or not (has_ended(process) or _is_silent(client, parent)):
            continue
        others = [each.experiment_id for each in client.search_experiments()]
        below = f"attributes.status = 'RUNNING' and tags.mlflow.parentRunId = '{parent.info.run_id}'"
        for run in [*client.search_runs(others, below), parent]:
            client.set_terminated(run.info.run_id, "KILLED")


def _is_silent(client: Any, run: Any) -> bool:
    """Tell whether a run has had no sample of its machine for an hour: its process is on another machine, or was.

    One that goes on all the same is closed by its own process later.
    """
    samples = [name for name in run.data.metrics if name.startswith(MACHINE_METRICS)][:1]
    history = [point.timestamp for name in samples for point in client.get_metric_history(run.info.run_id, name)]
    last = int(max([run.info.start_time, *history]))
    return time.time() * 1000 - last > 1000 * _SILENT_SECONDS


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
    artifact_location: str = "",
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
    artifact_location : str
        See `find_experiment`.

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
        place = find_experiment(client, experiment, artifact_location).experiment_id
        run = client.create_run(place, run_name=name, tags=clean_tags({CELL: name, **tags}))
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
