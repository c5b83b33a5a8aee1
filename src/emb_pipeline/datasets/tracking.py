"""MLflow runs as datasets: saving one writes one finished run.

A dataset works alike under every runner, where a call inside a node or MLflow's notion of an active run does not. The
record is kept as a local JSON file first; MLflow being down costs a warning, and the run is written when it is back.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from emb_pipeline.datasets.mlflow_names import dotted, mlflow_name
from emb_pipeline.datasets.tables import Tables, TablesDataset, failure_preview, table_preview
from emb_pipeline.redaction import redact
from emb_pipeline.storage.atomic import atomic_path, has_ended, this_process
from emb_pipeline.storage.failures import Failed, forget_failure, load_failure, store_failure
from emb_pipeline.storage.sealed_files import read_json, write_json

LOGGER = logging.getLogger(__name__)
PARENT_RUN = "EMB_PIPELINE_PARENT_RUN"
PROCESS = "process"
"""Tag of a run that is open: the process that will close it."""
_ASK_AGAIN_SECONDS = 60.0
_unreachable_since: dict[str, float] = {}
_PARAMS_PER_BATCH, _METRICS_PER_BATCH = 100, 800
_LONGEST_PARAM, _LONGEST_TAG = 500, 8000


class TrackedRunDataset(AbstractDataset[Mapping[str, Any] | Failed, dict[str, Any] | Failed]):
    """A record as one JSON file and one finished MLflow run.

    The record's ``params`` are the axes that vary over the grid, ``metrics`` numbers, ``series`` lists of numbers by
    step, ``tags`` everything else. A failure in place of the record is a failed run, with its reason among the tags.

    Parameters
    ----------
    filepath : str
        The JSON file. It alone decides whether the dataset exists.
    experiment : str
        MLflow experiment.
    run_name : str
        Name of the run, and its ``cell`` tag.
    tracking_uri : str
        MLflow store.
    metadata : dict, optional
        Anything for other tools.
    """

    def __init__(
        self, *, filepath: str, experiment: str, run_name: str, tracking_uri: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._filepath = PurePosixPath(filepath)
        self._experiment, self._run_name, self._tracking_uri = experiment, run_name, tracking_uri
        self.metadata = metadata

    def load(self) -> dict[str, Any] | Failed:
        return self.failure() or self._record()

    def save(self, data: Mapping[str, Any] | Failed) -> None:
        if isinstance(data, Failed):
            store_failure(Path(self._filepath), data)
            log_run(self._tracking_uri, self._experiment, self._run_name, failed_record(data), status="FAILED")
            return
        self._write({**data, "mlflow_run_id": self._track(data)})
        forget_failure(Path(self._filepath))

    def failure(self) -> Failed | None:
        """Why there is no record; None where there is one."""
        return load_failure(Path(self._filepath))

    def flush(self) -> bool:
        """Write the run that MLflow could not take when the record was saved; whether nothing is left to write."""
        if not self._exists() or (record := self._record()).get("mlflow_run_id"):
            return True
        record["mlflow_run_id"] = self._track(record)
        self._write(record)
        return record["mlflow_run_id"] is not None

    def preview(self) -> TablePreview:
        """Give the metrics to Kedro-Viz: it looks for this return type."""
        record = self.load()
        if isinstance(record, Failed):
            return failure_preview(record)
        metrics = record.get("metrics", {})
        return table_preview(pa.table({"metric": list(metrics), "value": list(metrics.values())}))

    def _record(self) -> dict[str, Any]:
        return read_json(Path(self._filepath))

    def _write(self, record: Mapping[str, Any]) -> None:
        with atomic_path(Path(self._filepath)) as path:
            write_json(record, path)

    def _track(self, record: Mapping[str, Any]) -> str | None:
        return log_run(self._tracking_uri, self._experiment, self._run_name, record)

    def _exists(self) -> bool:
        return Path(self._filepath).is_file() and self.failure() is None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "experiment": self._experiment, "run_name": self._run_name}


class TrackedTablesDataset(TablesDataset):
    """The scores of one embedding as tables, and one wide MLflow run of them: its scorecard.

    Parameters
    ----------
    filepath, experiment, run_name, tracking_uri, metadata
        As for ``TrackedRunDataset``; ``filepath`` is a folder.
    """

    def __init__(
        self, *, filepath: str, experiment: str, run_name: str, tracking_uri: str, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._experiment, self._run_name, self._tracking_uri = experiment, run_name, tracking_uri

    TRACKED = "mlflow.json"

    def save(self, data: Tables | Failed) -> None:
        super().save(data)
        if not isinstance(data, Failed):
            self._track(data["cells"])

    def flush(self) -> bool:
        """Write the scorecard that MLflow could not take when the tables were saved; whether nothing is left to write."""
        if not self._exists() or (Path(self._filepath) / self.TRACKED).is_file():
            return True
        tables = self.load()
        return isinstance(tables, Failed) or self._track(tables["cells"])

    def _track(self, cells: pa.Table) -> bool:
        if not cells.num_rows:
            return True
        run_id = log_run(self._tracking_uri, self._experiment, self._run_name, _scorecard(cells))
        if run_id is not None:
            with atomic_path(Path(self._filepath) / self.TRACKED) as path:
                path.write_text(json.dumps({"mlflow_run_id": run_id}), encoding="utf-8")
        return run_id is not None


def _scorecard(cells: pa.Table) -> dict[str, Any]:
    rows = cells.to_pylist()
    costs = ("train_seconds", "bytes_per_item")
    return {
        "params": {**{axis: rows[0][axis] for axis in ("origin", "method", "tuned", "seed")}, "dim": rows[0]["grid_dim"]},
        "metrics": {
            **{f"{row['task']}/{row['metric']}": row["value"] for row in rows},
            **{cost: rows[0][cost] for cost in costs},
        },
    }


def failed_record(failed: Failed) -> dict[str, Any]:
    """What MLflow keeps of a step that failed."""
    axes = ("origin", "method", "dim", "tuned", "seed")
    return {
        "params": {name: failed.cell[name] for name in axes if name in failed.cell},
        "tags": {"failed": failed.reason},
    }


def log_run(
    tracking_uri: str, experiment: str, run_name: str, record: Mapping[str, Any], *, status: str = "FINISHED"
) -> str | None:
    """Write one run that is over.

    Returns
    -------
    str or None
        The run's id; None, after a warning, if MLflow cannot be reached or refuses this record.
    """
    return _tolerantly(tracking_uri, run_name, lambda: _log_run(tracking_uri, experiment, run_name, record, status))


def forget_outages() -> None:
    """Ask stores again that could not be reached."""
    _unreachable_since.clear()


def _tolerantly(tracking_uri: str, what: str, work: Callable[[], str]) -> str | None:
    """Result of ``work``; None, after a warning, if the store cannot be reached or refuses what it is given.

    A store that cannot be reached is asked again after a minute: each record would wait for its time-out otherwise. What a
    store refuses is the matter of one record.
    """
    since = _unreachable_since.get(tracking_uri)
    if since is not None and time.monotonic() - since < _ASK_AGAIN_SECONDS:
        return None
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        done = work()
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = redact(str(error).splitlines()[0] if str(error) else type(error).__name__)
        if _is_refusal(error):
            LOGGER.warning("MLflow refuses %s (%s); its result is kept, and a later run tries again", what, reason)
            return None
        if since is None:
            LOGGER.warning(
                "MLflow at %s takes no runs (%s); results are kept and written to it by a later run",
                redact(tracking_uri),
                reason,
            )
        _unreachable_since[tracking_uri] = time.monotonic()
        return None
    _unreachable_since.pop(tracking_uri, None)
    return done


def _is_refusal(error: Exception) -> bool:
    """Whether a store that can be reached does not take what it is given."""
    code = str(getattr(error, "error_code", ""))
    return code not in ("", "INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")


def _log_run(tracking_uri: str, experiment: str, run_name: str, record: Mapping[str, Any], status: str) -> str:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client, now = MlflowClient(tracking_uri), int(time.time() * 1000)
    tags = _tags({"cell": run_name, PROCESS: this_process(), **record.get("tags", {})})
    if parent := os.environ.get(PARENT_RUN):
        tags["mlflow.parentRunId"] = parent
    values = [(name, value, 0) for name, value in record.get("metrics", {}).items()]
    values += [(name, value, step) for name, series in record.get("series", {}).items() for step, value in enumerate(series)]
    metrics = [Metric(mlflow_name(name), float(value), now, step) for name, value, step in values if _is_number(value)]
    given = _params(record)
    params = [Param(name, value) for name, value in given.items()]
    place = experiment_id(client, experiment)
    run = client.create_run(place, run_name=_told_apart(client, place, run_name, given), tags=tags)
    run_id = str(run.info.run_id)
    try:
        for start in range(0, len(metrics), _METRICS_PER_BATCH):
            client.log_batch(run_id, metrics=metrics[start : start + _METRICS_PER_BATCH])
        for start in range(0, len(params), _PARAMS_PER_BATCH):
            client.log_batch(run_id, params=params[start : start + _PARAMS_PER_BATCH])
        client.set_terminated(run_id, status)
    except Exception:
        _delete_quietly(client, run_id)  # a run without its values would stay open
        raise
    return run_id


def _delete_quietly(client: Any, run_id: str) -> None:
    try:
        client.set_terminated(run_id, "FAILED")
        client.delete_run(run_id)
    except Exception as error:
        LOGGER.debug("MLflow keeps run %s, which holds nothing: %s", run_id, redact(str(error)))


def _params(record: Mapping[str, Any]) -> dict[str, str]:
    """Axes of the grid and hyper-parameters by name; long ones stand in the tag ``options`` alone."""
    options = record.get("tags", {}).get("options")
    flat = dict(dotted(json.loads(options))) if isinstance(options, str) and options.startswith("{") else {}
    given = {**{f"options.{name}": value for name, value in flat.items()}, **record.get("params", {})}
    named = {mlflow_name(name): redact(str(value)) for name, value in given.items() if value is not None}
    return {name: value for name, value in named.items() if len(value) <= _LONGEST_PARAM}


def _told_apart(client: Any, experiment: str, run_name: str, params: Mapping[str, str]) -> str:
    """The run's name, and what differs from the last run of the same cell: ``base/domain.word2vec_100 window=9``."""
    quoted = run_name.replace("'", "")
    before = client.search_runs(
        [experiment], f"tags.cell = '{quoted}'", max_results=1, order_by=["attributes.start_time DESC"]
    )
    if not before:
        return run_name
    known = before[0].data.params
    changed = [
        f"{name.removeprefix('options.')}={value}"
        for name, value in params.items()
        if name in known and known[name] != value
    ]
    return " ".join([run_name, *changed])[:250]


def _tags(tags: Mapping[str, Any]) -> dict[str, str]:
    return {mlflow_name(name): redact(str(value))[:_LONGEST_TAG] for name, value in tags.items()}


def experiment_id(client: Any, name: str) -> str:
    """Id of an MLflow experiment, made if it is not there, restored if it was deleted; two processes may ask at once."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
        LOGGER.info("MLflow's experiment %s was deleted; it is restored, since new runs belong to it", name)
    return str(found.experiment_id)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def open_run(
    tracking_uri: str, experiment: str, name: str, tags: Mapping[str, str], config: Mapping[str, Any]
) -> str | None:
    """Start a run and store ``config`` with it; None, after a warning, if MLflow cannot be reached."""

    def start() -> str:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri)
        place = experiment_id(client, experiment)
        _close_abandoned(client, place)
        run = client.create_run(place, run_name=name, tags=_tags({**tags, PROCESS: this_process()}))
        client.log_dict(run.info.run_id, json.loads(redact(json.dumps(config, default=str))), "config.json")
        return str(run.info.run_id)

    return _tolerantly(tracking_uri, name, start)


def close_run(tracking_uri: str, run_id: str, status: str) -> None:
    """End a run that ``open_run`` started."""

    def end() -> str:
        from mlflow import MlflowClient

        MlflowClient(tracking_uri).set_terminated(run_id, status)
        return run_id

    _tolerantly(tracking_uri, run_id, end)


def _close_abandoned(client: Any, experiment: str) -> None:
    """Mark runs as killed whose process is gone: parents, and what stands below them in other experiments."""
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
) -> str | None:
    """Add a version to a registered model that takes a column ``text``; None, after a warning, if MLflow cannot be reached.

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
        What else must be installed to serve it: ``name==version``.

    Returns
    -------
    str or None
        The new version.
    """

    def register() -> str:
        import mlflow
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, DataType, Schema

        client, before = mlflow.MlflowClient(tracking_uri), mlflow.get_tracking_uri()
        run = client.create_run(experiment_id(client, experiment), run_name=name, tags={"cell": name, **tags})
        mlflow.set_tracking_uri(tracking_uri)
        try:
            with mlflow.start_run(run_id=run.info.run_id):
                logged = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(script),
                    artifacts=dict(artifacts),
                    signature=ModelSignature(inputs=Schema([ColSpec(DataType.string, "text")])),
                    pip_requirements=list(requirements),
                    code_paths=[str(code)],
                    registered_model_name=name,
                )
        finally:
            mlflow.set_tracking_uri(before)
        return str(logged.registered_model_version)

    return _tolerantly(tracking_uri, name, register)
