"""Login to MLflow, before anything writes to it."""

from __future__ import annotations

import os
from typing import Any

from kedro.framework.hooks import hook_impl


class MlflowLogin:
    """Logs in to MLflow with the project's credentials."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Hand the credentials ``mlflow`` to MLflow, which takes them from the environment."""
        for name, value in context.config_loader["credentials"]["mlflow"].items():
            os.environ.setdefault(f"MLFLOW_TRACKING_{name.upper()}", str(value))
