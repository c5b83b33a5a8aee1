"""An MLflow store, which may be down: then a warning is all that it costs."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from emb_pipeline.datasets.mlflow.names import clean_mlflow_name
from emb_pipeline.redaction import redact

LOGGER = logging.getLogger(__name__)
NOTE = "mlflow.note.content"
"""Tag that MLflow shows as the description of a run or an experiment."""
LONGEST_TAG = 8000
_MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
"""Tag by which MLflow shows an experiment with its tables of runs and models, not with those of chats."""
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""Schemes of stores that a process writes to by itself, without a server."""
_ASK_AGAIN_SECONDS = 60.0
_unreachable_since: dict[str, float] = {}
Done = TypeVar("Done")


def forget_outages() -> None:
    """Ask stores again that could not be reached."""
    _unreachable_since.clear()


def try_store(tracking_uri: str, what: str, work: Callable[[], Done]) -> Done | None:
    """Do the work and return its result; None, after a warning, if the store cannot be reached or refuses what it is given.

    A store that cannot be reached is asked again after a minute: each record would wait for its time-out otherwise. What a
    store refuses is the matter of one record.
    """
    since = _unreachable_since.get(tracking_uri)
    if since is not None and time.monotonic() - since < _ASK_AGAIN_SECONDS:
        return None
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines a run
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


def is_unreachable(tracking_uri: str) -> bool:
    """Tell whether a store could not be reached when it was last asked."""
    return tracking_uri in _unreachable_since


def locate_artifacts(tracking_uri: str, folder: Path) -> str:
    """Find where artifacts go that nobody named a place for: below a folder, or where the server of a store has them.

    Parameters
    ----------
    tracking_uri : str
        MLflow store. A server has a place for artifacts; a database has none, and MLflow takes the working directory.
    folder : Path
        Their place where the store is a database.

    Returns
    -------
    str
        An absolute URI; empty where a server decides.
    """
    scheme = urlsplit(tracking_uri).scheme.partition("+")[0]
    return folder.absolute().as_uri() if scheme in _DATABASES else ""


def find_experiment(client: Any, name: str, artifact_location: str = "") -> Any:
    """Find an MLflow experiment; make it, or restore a deleted one. Two processes may ask at once.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store.
    name : str
        Of the experiment.
    artifact_location : str
        Where its artifacts go if it is made now: below this URI, in a folder of its name. Empty: the server decides, or the
        working directory does where the store is a database.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        root = artifact_location or locate_artifacts(client.tracking_uri, Path("mlruns"))
        place = f"{root.rstrip('/')}/{quote(name)}" if root else None
        try:
            return client.get_experiment(client.create_experiment(name, artifact_location=place, tags=_MODEL_TRAINING))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
        LOGGER.info("MLflow's experiment %s was deleted; it is restored, since new runs belong to it", name)
    return found


def clean_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Give tags the names and lengths that MLflow takes, and no password."""
    return {clean_mlflow_name(name): redact(str(value))[:LONGEST_TAG] for name, value in tags.items()}


def is_number(value: Any) -> bool:
    """Tell whether MLflow can compare a metric."""
    return isinstance(value, int | float) and math.isfinite(value)
