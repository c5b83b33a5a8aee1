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
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from kedro.io import AbstractDataset

from emb_pipeline.atomic import atomic_path
from emb_pipeline.datasets.failures import failure_at, forget_failure, store_failure
from emb_pipeline.datasets.tables import TablesDataset
from emb_pipeline.failures import Failed

LOGGER = logging.getLogger(__name__)
PARENT_RUN = "EMB_PIPELINE_PARENT_RUN"
_UNREACHABLE: set[str] = set()


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
        return failure_at(Path(self._filepath))

    def flush(self) -> bool:
        """Write the run that MLflow could not take when the record was saved; whether nothing is left to write."""
        if not self._exists() or (record := self._record()).get("mlflow_run_id"):
            return True
        record["mlflow_run_id"] = self._track(record)
        self._write(record)
        return record["mlflow_run_id"] is not None

    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(Path(self._filepath).read_text(encoding="utf-8"))
        return record

    def _write(self, record: Mapping[str, Any]) -> None:
        with atomic_path(Path(self._filepath)) as path:
            path.write_text(json.dumps(record, indent=1, default=str), encoding="utf-8")

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

    def save(self, data: Mapping[str, pa.Table] | Failed) -> None:
        super().save(data)
        if isinstance(data, Failed) or not data["cells"].num_rows:
            return
        log_run(self._tracking_uri, self._experiment, self._run_name, _scorecard(data["cells"]))


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
        The run's id; None, after a warning, if MLflow cannot be reached.
    """
    return _tolerantly(tracking_uri, lambda: _log_run(tracking_uri, experiment, run_name, record, status))


def _tolerantly(tracking_uri: str, work: Callable[[], str]) -> str | None:
    """Result of ``work``; None, after one warning, if the store cannot be reached."""
    if tracking_uri in _UNREACHABLE:
        return None
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return work()
    except (MlflowException, SQLAlchemyError, OSError) as error:
        _UNREACHABLE.add(tracking_uri)
        LOGGER.warning(
            "MLflow at %s takes no runs (%s); results are kept and written to it by a later run",
            tracking_uri,
            str(error).splitlines()[0],
        )
        return None


def _log_run(tracking_uri: str, experiment: str, run_name: str, record: Mapping[str, Any], status: str) -> str:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client, now = MlflowClient(tracking_uri), int(time.time() * 1000)
    tags = {"cell": run_name, **{name: str(value) for name, value in record.get("tags", {}).items()}}
    if parent := os.environ.get(PARENT_RUN):
        tags["mlflow.parentRunId"] = parent
    run = client.create_run(experiment_id(client, experiment), run_name=run_name, tags=tags)
    values = [(name, value, 0) for name, value in record.get("metrics", {}).items()]
    values += [(name, value, step) for name, series in record.get("series", {}).items() for step, value in enumerate(series)]
    metrics = [Metric(_metric_name(name), float(value), now, step) for name, value, step in values if _is_number(value)]
    params = [Param(name, str(value)) for name, value in record.get("params", {}).items() if value is not None]
    for start in range(0, max(len(metrics), 1), 900):
        client.log_batch(
            run.info.run_id,
            metrics=metrics[start : start + 900],
            params=params if start == 0 else [],
        )
    client.set_terminated(run.info.run_id, status)
    return str(run.info.run_id)


def experiment_id(client: Any, name: str) -> str:
    """Id of an MLflow experiment, made if it is not there; two processes may ask at once."""
    from mlflow.exceptions import MlflowException

    if (found := client.get_experiment_by_name(name)) is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException:
        return str(client.get_experiment_by_name(name).experiment_id)


def _metric_name(name: str) -> str:
    return name.replace("@", "_at_")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def open_run(
    tracking_uri: str, experiment: str, name: str, tags: Mapping[str, str], config: Mapping[str, Any]
) -> str | None:
    """Start a run and store ``config`` with it; None, after a warning, if MLflow cannot be reached."""

    def start() -> str:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri)
        run = client.create_run(experiment_id(client, experiment), run_name=name, tags=dict(tags))
        client.log_dict(run.info.run_id, json.loads(json.dumps(config, default=str)), "config.json")
        return str(run.info.run_id)

    return _tolerantly(tracking_uri, start)


def close_run(tracking_uri: str, run_id: str, status: str) -> None:
    """End a run that ``open_run`` started."""

    def end() -> str:
        from mlflow import MlflowClient

        MlflowClient(tracking_uri).set_terminated(run_id, status)
        return run_id

    _tolerantly(tracking_uri, end)


def register_model(
    tracking_uri: str,
    experiment: str,
    name: str,
    *,
    script: Path,
    artifacts: Mapping[str, str],
    tags: Mapping[str, str],
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
                    pip_requirements=["emb_pipeline"],
                    registered_model_name=name,
                )
        finally:
            mlflow.set_tracking_uri(before)
        return str(logged.registered_model_version)

    return _tolerantly(tracking_uri, register)
