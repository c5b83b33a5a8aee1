"""A bundle saved is a folder, and a registered model that answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.datasets.bundles import BundlesDataset
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
    dataset = BundlesDataset(
        filepath=str(tmp_path / "deployment"), registered_name="tiny", experiment="emb/deploy", tracking_uri=uri
    )
    assert not dataset.exists()
    for _ in range(2):
        dataset.save({"places": Bundle(model, {"task": "places"}, "# Places\n")})
    assert dataset.exists() and dataset.load()["places"].facts == {"task": "places"}
    mlflow.set_tracking_uri(uri)
    (tmp_path / "deployment" / "places" / "bundle.json").unlink()  # the model has a copy of its own
    loaded = mlflow.pyfunc.load_model("models:/tiny.places/2")
    answers = loaded.predict(pd.DataFrame({"text": ["moss", "sand sand"]}))
    assert answers["label"].tolist() == ["wood", "shore"]
    assert answers["probability"][0] == pytest.approx(np.exp(2) / (1 + np.exp(2)))
    assert len(list(tmp_path.rglob("probe.parquet"))) == 3 and not list(tmp_path.rglob("*.pkl"))
