"""A bundle saved is a folder, and a registered model that answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.datasets.bundles import BundleDataset
from emb_pipeline.deployment.bundle import Bundle, TextClassifier
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.pooling import PooledEncoder
from emb_pipeline.embeddings.word_vectors import WordVectors


def test_a_saved_bundle_is_a_registered_model_that_takes_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)
    vectors = WordVectors(["sand", "moss"], np.array([1, 1], dtype=np.int64), np.eye(2, dtype=np.float32))
    model = TextClassifier(PooledEncoder(vectors, "mean"), LinearHead(2 * np.eye(2), np.zeros(2)), ["shore", "wood"])
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    dataset = BundleDataset(
        filepath=str(tmp_path / "places"), registered_name="places", experiment="emb/deploy", tracking_uri=uri
    )
    assert not dataset.exists()
    dataset.save(Bundle(model, {"task": "places"}, "# Places\n"))
    dataset.save(Bundle(model, {"task": "places"}, "# Places\n"))
    assert dataset.exists() and dataset.load().facts == {"task": "places"}
    mlflow.set_tracking_uri(uri)
    (tmp_path / "places" / "bundle.json").unlink()  # the model has a copy of its own
    loaded = mlflow.pyfunc.load_model("models:/places/2")
    answers = loaded.predict(pd.DataFrame({"text": ["moss", "sand sand"]}))
    assert answers["label"].tolist() == ["wood", "shore"]
    assert answers["probability"][0] == pytest.approx(np.exp(2) / (1 + np.exp(2)))
    assert len(list(tmp_path.rglob("probe.parquet"))) == 3 and not list(tmp_path.rglob("*.pkl"))
