"""The hook that makes the project known before anything asks for it."""

from __future__ import annotations

import os
from typing import Any

from kedro.framework.hooks import hook_impl

from emb_pipeline.config import remember


class ActiveProject:
    """Remembers the run's project, and logs in to MLflow with the project's credentials."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Remember the project; hand the credentials ``mlflow`` to MLflow, which takes them from the environment."""
        remember(context.project_path)
        for name, value in context.config_loader["credentials"]["mlflow"].items():
            os.environ.setdefault(f"MLFLOW_TRACKING_{name.upper()}", str(value))
