"""Encoders of columns, and what is joined to them, as bundles: a table is answered as the run would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.export import TextClassifier
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.regression.export import NumberPredictor
from emb_pipeline.tasks.regression.options import RegressionOptions

OPTIONS = ClassificationOptions(folds=2, log10_c_low=0, log10_c_high=1)
COLUMNS = ["colour", "shop", "price"]
ANSWER = """
import json, sys
from pathlib import Path
import pandas as pd
from emb_pipeline.deployment.bundle import Bundle
print(json.dumps(Bundle.read(Path(sys.argv[1])).model.answer(json.loads(sys.argv[2]))["probability"].tolist()))
"""


def make_task(folder: Path, *, text: str | None = None, target: str = "label") -> Any:
    """Orders whose label follows from colour, price and note, with gaps."""
    rng = np.random.default_rng(0)
    colour, shop, price = rng.integers(0, 4, 90), rng.integers(0, 50, 90), rng.normal(20, 5, 90).round(1)
    note = np.where(rng.random(90) < 0.5, "too small", "fits well")
    label = np.where((colour % 2 == 0) | (note == "too small"), "yes", "no")
    frame = pd.DataFrame({"colour": colour, "shop": shop, "price": price, "note": note, "label": label})
    frame["weight"] = price * 2 + colour
    frame = frame.astype({"colour": object, "price": object})
    frame.loc[::9, "colour"], frame.loc[::7, "price"] = None, None
    frame.to_csv(folder / "orders.csv", index=False)
    kind = KINDS["classification" if target == "label" else "regression"]
    source = {
        "reader": "csv",
        "path": "orders.csv",
        "features": {"categorical": ["colour", "shop"], "numeric": ["price"]},
        **({"text": text} if text else {}),
        ("label" if target == "label" else "target"): target,
    }
    reader = kind.create_reader()
    tables = reader.read(TypeAdapter(reader.source_type).validate_python(source), folder, folder, "orders")
    return kind.create_task(tables, "orders")


def build(method: str, dim: int | None = None, bases: dict[str, Any] | None = None, **options: Any) -> Any:
    return factory.build_encoder(method, METHODS[method].options(**options), dim=dim, bases=bases)


ENCODERS: dict[str, Callable[[], Any]] = {
    "one-hot": lambda: build("one_hot_columns", numeric="binned"),
    "one-hot of few values": lambda: build("one_hot_columns", cardinality="low", numeric="left_out"),
    "hashed": lambda: build("hashed_columns", 16),
    "ordinal": lambda: build("ordinal_columns"),
    "target": lambda: build("target_columns"),
    "entity": lambda: build("entity_columns", epochs=2),
    "co-occurring": lambda: build("cooccurrence_columns", dims=3),
    "GloVe, averaged": lambda: build("glove_columns", dims=3, combine="average"),
    "names of values": lambda: build("value_texts", bases={"task.tfidf": build("tfidf")}),
    "row written out": lambda: build("tfidf"),
    "joined": lambda: build("joined", bases={"task.tfidf": build("tfidf"), "task.target": build("target_columns")}),
}
NEW = pd.DataFrame(
    {
        "colour": ["0", 1, None, "mauve", "2"],
        "shop": [3, 7, 8, "elsewhere", 4],
        "price": [12.5, float("nan"), "19", 3, "dear"],
        "note": ["fits well", "too small", "", "fits well", "too small"],
    }
)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_bundle_answers_a_table_as_before_it_was_written(name: str, tmp_path: Path) -> None:
    task = make_task(tmp_path)
    model = TextClassifier.fit(task, ENCODERS[name](), OPTIONS, seed=0)
    Bundle(model).write(tmp_path / "bundle")
    bundle = Bundle.read(tmp_path / "bundle")
    read: Any = bundle.model
    found = read.answer(NEW)
    pd.testing.assert_frame_equal(found, model.answer(NEW), rtol=1e-5)
    assert found["error"].isna().tolist() == [True] * 4 + [False]
    assert found["error"][4] == "column 'price' holds 'dear', which is no number: give a number, or none"
    known = read.answer(pd.read_csv(tmp_path / "orders.csv", dtype=str)[COLUMNS])
    expected = np.exp(model.head.log_probabilities(model.encoder.encode(task.texts)))
    np.testing.assert_allclose(known["probability"][known["known"]], expected.max(axis=1)[known["known"]], atol=1e-6)
    assert bundle.inputs == {"colour": "string", "shop": "string", "price": "double"}
    bundle.warm_up()
    suffixes = {file.suffix for file in (tmp_path / "bundle").rglob("*") if file.is_file()}
    assert suffixes <= {".json", ".parquet", ".md", ".arrow"}


def test_text_and_columns_are_asked_for_together_and_a_row_without_text_is_answered_by_its_columns(tmp_path: Path) -> None:
    task = make_task(tmp_path, text="note")
    parts = {"task.tfidf": build("tfidf"), "task.one_hot": build("one_hot_columns")}
    model = TextClassifier.fit(task, build("joined", bases=parts), OPTIONS, seed=0)
    Bundle(model).write(tmp_path / "bundle")
    bundle = Bundle.read(tmp_path / "bundle")
    assert bundle.inputs == {"colour": "string", "shop": "string", "price": "double", "text": "string"}
    read: Any = bundle.model
    with pytest.raises(DataError, match=r"the request: has no column 'text'; known: colour, shop, price, note"):
        read.answer(NEW)
    with pytest.raises(DataError, match="is no table, and the embedding reads columns; give a DataFrame, or a list"):
        read.answer(["fits well"])
    found = read.answer(NEW.rename(columns={"note": "text"}))
    assert found["known"].tolist() == [True] * 4 + [False] and found["label"][:2].tolist() == ["yes", "yes"]


def test_a_text_alone_needs_no_column(tmp_path: Path) -> None:
    model = TextClassifier.fit(make_task(tmp_path, text="note"), build("tfidf"), OPTIONS, seed=0)
    assert Bundle(model).inputs == {"text": "string"} and model.answer(["fits well"])["known"].all()


def test_numbers_are_predicted_from_columns(tmp_path: Path) -> None:
    task = make_task(tmp_path, target="weight")
    model = NumberPredictor.fit(task, build("one_hot_columns"), RegressionOptions(folds=2), seed=0)
    Bundle(model).write(tmp_path / "bundle")
    read: Any = Bundle.read(tmp_path / "bundle").model
    found = read.answer(NEW)
    np.testing.assert_allclose(found["number"], model.answer(NEW)["number"], rtol=1e-5)
    assert found["number"][2] > found["number"][0] + 5, "the price decides"


@pytest.mark.slow
def test_another_process_answers_as_this_one(tmp_path: Path) -> None:
    parts = {"task.tfidf": build("tfidf"), "task.one_hot": build("one_hot_columns")}
    model = TextClassifier.fit(make_task(tmp_path), build("joined", bases=parts), OPTIONS, seed=0)
    Bundle(model).write(tmp_path / "bundle")
    asked = [{"colour": "1", "shop": "4", "price": 10.5}, {"colour": None, "shop": "x", "price": None}]
    command = [sys.executable, "-c", ANSWER, str(tmp_path / "bundle"), json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(found, model.answer(asked)["probability"], rtol=1e-5)
