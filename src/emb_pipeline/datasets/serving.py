"""The registered model as MLflow loads it: this script, not a pickle, next to the folder of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd


class BundleModel(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined]
    """Takes texts (a column ``text``) and answers as the task asks; a row that is no text is answered with an error."""

    def load_context(self, context: Any) -> None:
        from emb_pipeline.deployment.bundle import Bundle

        self._model = Bundle.read(Path(context.artifacts["bundle"])).model
        self._model.answer([""])  # kernels are compiled, and models read, before the first request

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        answers = self._model.answer(model_input)
        for name in answers.select_dtypes("float"):  # JSON has no NaN
            if answers[name].isna().any():
                answers[name] = answers[name].astype(object).where(answers[name].notna(), None)
        return answers


mlflow.models.set_model(BundleModel())
