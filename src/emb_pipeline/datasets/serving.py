"""The registered model as MLflow loads it: this script, not a pickle, beside the folder of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd


class BundleModel(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined]
    """Takes texts (a column ``text``) and answers as the task asks."""

    def load_context(self, context: Any) -> None:
        from emb_pipeline.deployment.bundle import Bundle

        self._model = Bundle.read(Path(context.artifacts["bundle"])).model

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        return self._model.answer(model_input["text"].tolist())


mlflow.models.set_model(BundleModel())
