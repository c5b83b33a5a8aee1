"""A bundle saved is a folder, and a registered model that answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.datasets.bundles import BundlesDataset
from emb_pipeline.datasets.mlflow.store import forget_outages
from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.tasks.classification.export import TextClassifier


@contextmanager
def mlflow_is_away(database: Path) -> Iterator[None]:
    """MLflow cannot be reached: there is a file in place of the folder of its database."""
    database.parent.touch()
    yield
    database.parent.unlink()
    forget_outages()


@pytest.mark.slow
def test_a_saved_bundle_is_a_registered_model_that_takes_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)
    vectors = WordVectors(["sand", "moss"], np.array([1, 1], dtype=np.int64), np.eye(2, dtype=np.float32))
    model = TextClassifier(PooledEncoder(vectors, "mean"), LinearHead(2 * np.eye(2), np.zeros(2)), ["shore", "wood"])
    database = tmp_path / "store" / "mlflow.db"
    uri = f"sqlite:///{database}"
    dataset = BundlesDataset(
        filepath=str(tmp_path / "deployment"), registered_name="tiny", experiment="emb/deploy", tracking_uri=uri
    )
    assert not dataset.exists()
    with mlflow_is_away(database):
        dataset.save({"places": Bundle(model, {"task": "places"}, "# Places\n")})
        assert not dataset.flush()
    assert dataset.flush() and dataset.flush()
    dataset.save({"places": Bundle(model, {"task": "places"}, "# Places\n")})
    assert dataset.exists() and dataset.load()["places"].facts == {"task": "places"}
    assert "MLFLOW_TRACKING_URI" not in os.environ and not mlflow.is_tracking_uri_set(), "later runs would go there"
    mlflow.set_tracking_uri(uri)
    (tmp_path / "deployment" / "places" / "bundle.json").unlink()  # the model has a copy of its own
    loaded = mlflow.pyfunc.load_model("models:/tiny.places/2")
    answers = loaded.predict(pd.DataFrame({"text": ["moss", "sand sand"]}))
    assert answers["label"].tolist() == ["wood", "shore"]
    assert answers["probability"][0] == pytest.approx(np.exp(2) / (1 + np.exp(2)))
    assert len(list(tmp_path.rglob("probe.parquet"))) == 3 and not list(tmp_path.rglob("*.pkl"))
    mixed = loaded.predict(pd.DataFrame({"text": ["moss", None, 3, ""]}))
    assert mixed["label"].tolist() == ["wood", None, None, "shore"] and mixed["known"].tolist() == [
        True,
        False,
        False,
        False,
    ]
    assert mixed["probability"].tolist()[1:] == [None, None, 0.5]  # as JSON has it: no NaN
    json.loads(mixed.to_json(orient="records"))
    _is_served_from_its_own_files(tmp_path, uri)


def _is_served_from_its_own_files(folder: Path, uri: str) -> None:
    """As `mlflow models serve` loads it: with the source that is stored with it, and requirements that an index has."""
    script = (
        "import sys, mlflow, pandas as pd\n"
        f"mlflow.set_tracking_uri({uri!r})\n"
        "model = mlflow.pyfunc.load_model('models:/tiny.places/2')\n"
        "print(model.predict(pd.DataFrame({'text': ['moss']}))['label'][0])\n"
        "print(sys.modules['emb_pipeline'].__file__)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    label, package, modules = done.stdout.splitlines()[-3:]
    assert label == "wood" and Path(package).is_relative_to(folder)
    assert Path(package).parts[-3:] == ("code", "emb_pipeline", "__init__.py")
    served = Path(package).parents[2] / "requirements.txt"
    required = [line.split("==") for line in served.read_text().split()]
    assert dict(required) == {name: version(name) for name, _ in required}
    assert "emb_pipeline" not in served.read_text() and {"mlflow", "numpy", "pyarrow"} <= {name for name, _ in required}
    assert not {"torch", "kedro", "gensim"} & set(modules.split())  # what the requirements leave out is not missed
