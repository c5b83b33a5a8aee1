"""The registered model as MLflow loads it: this script, not a pickle, next to the folder of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd


class BundleModel(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined]
    """Takes a table (texts are a column ``text``) and answers as the task asks; a bad row is answered with an error."""

    def load_context(self, context: Any) -> None:
        from emb_pipeline.deployment.bundle import Bundle

        bundle = Bundle.read(Path(context.artifacts["bundle"]))
        bundle.warm_up()
        self._bundle = bundle

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        answers = self._bundle.answer(model_input)
        for name in answers.select_dtypes("float"):  # JSON has no NaN
            if answers[name].isna().any():
                answers[name] = answers[name].astype(object).where(answers[name].notna(), None)
        return answers


mlflow.models.set_model(BundleModel())
