"""Configuration: the experiment of a use case is written out when its parameters are loaded, and kept for the registry.

The grid is expanded after base and use case have been merged, not by an interpolation inside one of them: Kedro resolves
each folder by itself, so ``conf/base`` could not see the tasks that ``conf/medical`` defines.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader

from emb_pipeline.experiment import evaluated_tasks, expand_grid

_ACTIVE: dict[str, Any] = {"loader": None, "project": None}


class ExperimentConfigLoader(OmegaConfigLoader):
    """Kedro's loader, plus ``embeddings`` and ``tasks``: one parameter for each embedding and task of the grid."""

    def __getitem__(self, key: str) -> dict[str, Any]:
        config: dict[str, Any] = super().__getitem__(key)
        if key != "parameters" or "grid" not in config:
            return config
        return {
            **config,
            "embeddings": expand_grid(config["grid"], config["methods"], config["seed"]),
            "tasks": evaluated_tasks(config["task_definitions"], config["evaluation"]),
        }


def remember(loader: Any, project: Path) -> None:
    """Keep the run's own loader: building pipelines has no context to ask."""
    _ACTIVE.update(loader=loader, project=project)


def active_parameters() -> dict[str, Any]:
    """Parameters of the active use case.

    Commands that build pipelines without a context (``kedro registry list``, ``kedro viz build``) get a loader for
    ``KEDRO_ENV``.
    """
    from kedro.framework.project import settings

    loader = _ACTIVE["loader"]
    if loader is None:
        source = str(project_path() / settings.CONF_SOURCE)
        loader = settings.CONFIG_LOADER_CLASS(source, env=os.getenv("KEDRO_ENV"), **settings.CONFIG_LOADER_ARGS)
    parameters: dict[str, Any] = loader["parameters"]
    return parameters


def project_path() -> Path:
    """The project's folder."""
    from kedro.utils import find_kedro_project

    return Path(_ACTIVE["project"] or find_kedro_project(Path.cwd()) or Path.cwd())


def in_project(path: str) -> str:
    """A path below the project's folder, absolute (an OmegaConf resolver)."""
    return str(project_path() / path)


def tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or the project's own SQLite file (an OmegaConf resolver)."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project_path() / 'mlflow.db'}"


def vector_store() -> str:
    """``MILVUS_URI``; empty where vectors go into files (an OmegaConf resolver)."""
    return os.environ.get("MILVUS_URI", "")
