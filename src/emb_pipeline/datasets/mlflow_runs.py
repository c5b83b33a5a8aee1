"""Runs and models in an MLflow store, which may be down: then a warning is all that it costs."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from emb_pipeline.datasets.mlflow_names import clean_mlflow_name, flatten_mapping
from emb_pipeline.redaction import redact
from emb_pipeline.statistics.costs import UNTIL_SCORED
from emb_pipeline.storage.atomic import has_ended, name_this_process

LOGGER = logging.getLogger(__name__)
PARENT_RUN = "EMB_PIPELINE_PARENT_RUN"
PROCESS = "process"
"""Tag of a run that is open: the process that will close it."""
NOTE = "mlflow.note.content"
"""Tag that MLflow shows as a run's description."""
_ASK_AGAIN_SECONDS = 60.0
_unreachable_since: dict[str, float] = {}
_PARAMS_PER_BATCH, _METRICS_PER_BATCH = 100, 800
_LONGEST_PARAM, _LONGEST_TAG = 500, 8000


def log_run(
    tracking_uri: str, experiment: str, run_name: str, record: Mapping[str, Any], *, status: str = "FINISHED"
) -> str | None:
    """Write one run that is over.

    Returns
    -------
    str or None
        The run's id; None, after a warning, if MLflow cannot be reached or refuses this record.
    """
    return _try_store(tracking_uri, run_name, lambda: _write_run(tracking_uri, experiment, run_name, record, status))


def forget_outages() -> None:
    """Ask stores again that could not be reached."""
    _unreachable_since.clear()


def _try_store(tracking_uri: str, what: str, work: Callable[[], str]) -> str | None:
    """Do the work and return its result; None, after a warning, if the store cannot be reached or refuses what it is given.

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
    """Tell whether a store that can be reached does not take what it is given."""
    code = str(getattr(error, "error_code", ""))
    return code not in ("", "INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")


def _write_run(tracking_uri: str, experiment: str, run_name: str, record: Mapping[str, Any], status: str) -> str:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client, now = MlflowClient(tracking_uri), int(time.time() * 1000)
    tags = _clean_tags({"cell": run_name, PROCESS: name_this_process(), **record.get("tags", {})})
    if parent := os.environ.get(PARENT_RUN):
        tags["mlflow.parentRunId"] = parent
    values = [(name, value, 0) for name, value in record.get("metrics", {}).items()]
    values += [(name, value, step) for name, series in record.get("series", {}).items() for step, value in enumerate(series)]
    metrics = [Metric(clean_mlflow_name(name), float(value), now, step) for name, value, step in values if _is_number(value)]
    given = _list_params(record)
    params = [Param(name, value) for name, value in given.items()]
    place = find_experiment(client, experiment)
    name, start = _name_run(client, place, run_name, given), now - int(1000 * _find_seconds(record))
    run_id = str(client.create_run(place, start_time=start, run_name=name, tags=tags).info.run_id)
    try:
        batches = _cut(metrics, _METRICS_PER_BATCH), _cut(params, _PARAMS_PER_BATCH)
        for of_metrics, of_params in zip_longest(*batches, fillvalue=()):
            client.log_batch(run_id, metrics=of_metrics, params=of_params)
        client.set_terminated(run_id, status)
    except Exception:
        _delete_quietly(client, run_id)  # a run without its values would stay open
        raise
    return run_id


def _find_seconds(record: Mapping[str, Any]) -> float:
    """Find how long the work took that a record is about: it is over when its run is written."""
    metrics = record.get("metrics", {})
    return sum(float(metrics[name]) for name in UNTIL_SCORED if _is_number(metrics.get(name)))


def _cut(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _delete_quietly(client: Any, run_id: str) -> None:
    try:
        client.set_terminated(run_id, "FAILED")
        client.delete_run(run_id)
    except Exception as error:
        LOGGER.debug("MLflow keeps run %s, which holds nothing: %s", run_id, redact(str(error)))


def _list_params(record: Mapping[str, Any]) -> dict[str, str]:
    """List axes of the grid and hyper-parameters by name; long ones are in the tag ``options`` alone."""
    options = record.get("tags", {}).get("options")
    flat = dict(flatten_mapping(json.loads(options))) if isinstance(options, str) and options.startswith("{") else {}
    given = {**{f"options.{name}": value for name, value in flat.items()}, **record.get("params", {})}
    named = {clean_mlflow_name(name): redact(str(value)) for name, value in given.items() if value is not None}
    return {name: value for name, value in named.items() if len(value) <= _LONGEST_PARAM}


def _name_run(client: Any, experiment: str, run_name: str, params: Mapping[str, str]) -> str:
    """Name a run, with what differs from the last run of the same cell: ``base/domain.word2vec_100 window=9``."""
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


def _clean_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    return {clean_mlflow_name(name): redact(str(value))[:_LONGEST_TAG] for name, value in tags.items()}


def find_experiment(client: Any, name: str) -> str:
    """Find the id of an MLflow experiment; make it, or restore a deleted one. Two processes may ask at once."""
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
        place = find_experiment(client, experiment)
        _close_abandoned(client, place)
        run = client.create_run(place, run_name=name, tags=_clean_tags({**tags, PROCESS: name_this_process()}))
        client.log_dict(run.info.run_id, json.loads(redact(json.dumps(config, default=str))), "config.json")
        return str(run.info.run_id)

    return _try_store(tracking_uri, name, start)


def write_answer(tracking_uri: str, run_id: str, texts: Mapping[str, str], metrics: Mapping[str, float], page: Path) -> None:
    """Give an open run its answer: texts by the name of their file, the first of them its description, too; and a page."""

    def write() -> str:
        from mlflow import MlflowClient
        from mlflow.entities import Metric

        client, now = MlflowClient(tracking_uri), int(time.time() * 1000)
        client.set_tag(run_id, NOTE, redact(next(iter(texts.values())))[:_LONGEST_TAG])
        values = [
            Metric(clean_mlflow_name(name), float(value), now, 0) for name, value in metrics.items() if _is_number(value)
        ]
        client.log_batch(run_id, metrics=values)
        for name, text in texts.items():
            client.log_text(run_id, redact(text), name)
        client.log_artifact(run_id, str(page))
        return run_id

    _try_store(tracking_uri, "the answer of the run", write)


def close_run(tracking_uri: str, run_id: str, status: str) -> None:
    """End a run that ``open_run`` started."""

    def end_run() -> str:
        from mlflow import MlflowClient

        MlflowClient(tracking_uri).set_terminated(run_id, status)
        return run_id

    _try_store(tracking_uri, run_id, end_run)


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
        Other packages that must be installed to serve it: ``name==version``.

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
        run = client.create_run(find_experiment(client, experiment), run_name=name, tags={"cell": name, **tags})
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
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]
        return str(logged.registered_model_version)

    return _try_store(tracking_uri, name, register)
