"""The active use case and project: the context of the last command, and what follows from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from kedro.framework.context import KedroContext
from pydantic import BaseModel

from emb_pipeline.config.errors import ConfigurationError
from emb_pipeline.config.loader import USUAL_DATA_ROOT, ExperimentConfigLoader
from emb_pipeline.datasets.mlflow.store import locate_artifacts
from emb_pipeline.experiment.build import build_experiment
from emb_pipeline.experiment.model import Experiment
from emb_pipeline.experiment.problems import ParametersError, check_options
from emb_pipeline.storage.copies import find_copy, normalize_url
from emb_pipeline.storage.copy_space import name_project_cache
from emb_pipeline.storage.local_paths import is_url

COPIES = "data/02_intermediate/copies"
"""Folder of the project for local copies of results that are in an object store."""


class ExperimentContext(KedroContext):
    """Kedro's context of a command; the last one that a command made is the active one.

    Kedro calls ``register_pipelines`` without arguments, and Kedro-Viz without the project's hooks: the context that every
    session makes is the one public place where environment, parameters and project are known together
    (docs/decisions/0021-kedro-structure.md).
    """

    config_loader: ExperimentConfigLoader
    active: ClassVar[ExperimentContext | None] = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        ExperimentContext.active = self
        name_project_cache(self.project_path / COPIES)


def find_active_loader() -> ExperimentConfigLoader:
    """Find the configuration that was asked for.

    Commands that build pipelines without a session (``kedro registry list``) get a loader for ``KEDRO_ENV``.
    """
    from kedro.framework.project import settings

    if ExperimentContext.active is not None:
        return ExperimentContext.active.config_loader
    source = str(project_path() / settings.CONF_SOURCE)
    return ExperimentConfigLoader(source, env=os.getenv("KEDRO_ENV"), **settings.CONFIG_LOADER_ARGS)


def load_active_parameters() -> dict[str, Any]:
    """Load the parameters of the active use case."""
    return find_active_loader()["parameters"]


def build_active_experiment() -> Experiment:
    """Build the experiment of the active use case.

    Raises
    ------
    ConfigurationError
        It cannot be run as it is written.
    """
    try:
        return build_experiment(load_active_parameters())
    except ValueError as error:
        raise ConfigurationError.from_error(error) from error


def check_sections(models: Mapping[str, type[BaseModel]]) -> None:
    """Check the active use case's sections by the models that nodes take them as, whichever nodes are going to run.

    Raises
    ------
    ConfigurationError
        An option that a model does not know, or a value that it cannot take.
    """
    loader = find_active_loader()
    try:
        check_options(loader["parameters"], models, place=loader.place)
    except ParametersError as error:
        raise ConfigurationError.from_error(error) from error


def find_active_environment() -> str | None:
    """Name the environment that was asked for: ``medical`` with ``--env medical``; None for the default use case."""
    context = ExperimentContext.active
    return context.env if context is not None else os.getenv("KEDRO_ENV")


def project_path() -> Path:
    """Find the project's folder."""
    from kedro.utils import find_kedro_project

    if ExperimentContext.active is not None:
        return ExperimentContext.active.project_path
    return Path(find_kedro_project(Path.cwd()) or Path.cwd())


def resolve_in_project(path: str) -> str:
    """Give the absolute path of a place below the project's folder (an OmegaConf resolver); of a URL that of its copy."""
    if is_url(path):
        name_project_cache(project_path() / COPIES)
        return str(find_copy(normalize_url(path)))
    return str(project_path() / path)


def find_report() -> str:
    """Find the newest report of the active use case; of one in an object store its copy."""
    use_case = find_active_loader()["globals"]["use_case"]
    return resolve_in_project(f"{find_data_root()}/08_reporting/{use_case}/latest/report.html")


def find_data_root() -> str:
    """Find where results are: a folder, or a URL."""
    return str(find_active_loader()["globals"].get("data_root", USUAL_DATA_ROOT))


def find_tracking_uri() -> str:
    """Give ``MLFLOW_TRACKING_URI``, or the project's own SQLite file (an OmegaConf resolver)."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project_path() / 'mlflow.db'}"


def find_artifact_location() -> str:
    """Give the place of MLflow's artifacts as an absolute URI; empty where an MLflow server decides (an OmegaConf resolver).

    It is ``mlflow.artifact_location`` of globals.yml: a URI, or a folder, below the project's where it is relative. Without
    it, a server decides; artifacts of a database are in ``mlruns/`` of the project, whichever process makes the experiment.
    """
    named = str((find_active_loader()["globals"].get("mlflow") or {}).get("artifact_location") or "")
    if not named:
        return locate_artifacts(find_tracking_uri(), project_path() / "mlruns")
    return named if is_url(named) else (project_path() / Path(named).expanduser()).absolute().as_uri()


def find_vector_store() -> str:
    """Give ``MILVUS_URI``; empty where vectors go into files (an OmegaConf resolver)."""
    return os.environ.get("MILVUS_URI", "")
