"""One cell's trouble is that cell's: it is stored, passed on, reported, tried again, and ends the run with an error."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from kedro.io import AbstractDataset

from emb_pipeline.datasets.encoders import EncoderDataset
from emb_pipeline.datasets.tables import TableDataset, TablePartDataset, TablesDataset
from emb_pipeline.datasets.tracking import TrackedRunDataset
from emb_pipeline.datasets.vectors import WordVectorsDataset
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.pipelines.evaluate.nodes import collect_embeddings, collect_tasks
from emb_pipeline.pipelines.failures import contain_failures
from emb_pipeline.storage.failures import Failed, word_reason

from .conftest import run_kedro

WORD2VEC = SimpleNamespace(name="domain.word2vec_8", origin="domain", method="word2vec", dim=8, tuned_on=None, seed=0)
TOPIC = SimpleNamespace(name="topic", kind="classification")
FAILED = Failed("domain.word2vec_8", "no word is frequent enough", {"embedding": "domain.word2vec_8"}, "domain.word2vec_8")


@contain_failures(2)
def train(cell: Any, error: BaseException | None = None, base: Any = None) -> tuple[str, str]:
    """A training."""
    if error:
        raise error
    return "vectors", "record"


@contain_failures(2, on_task=True)
def evaluate(cell: Any, definition: Any, vectors: Any) -> tuple[str, str]:
    """An evaluation."""
    return "scores", "metrics"


def test_an_error_becomes_the_result_of_the_step() -> None:
    assert train(WORD2VEC) == ("vectors", "record")
    first, second = train(WORD2VEC, DataError("corpus.csv", "2 words", "lower min_count"))
    assert first is second and first.reason == "corpus.csv: 2 words; lower min_count"
    assert first.cell["method"] == "word2vec" and "DataError" in first.traceback


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_what_stops_the_run_on_purpose_is_not_contained(error: BaseException) -> None:
    with pytest.raises(type(error)):
        train(WORD2VEC, error)


def test_too_little_memory_for_one_cell_leaves_the_others() -> None:
    failed, _ = train(WORD2VEC, MemoryError("Unable to allocate 3. TiB"))
    assert "not enough memory (Unable to allocate 3. TiB)" in failed.reason


def test_a_bare_key_is_named_with_its_kind_of_error() -> None:
    assert word_reason(KeyError("x")) == "KeyError: 'x'"
    assert word_reason(ValueError("a\n  b")) == "a b"


def test_what_follows_from_a_failure_says_where_it_began() -> None:
    repaired = SimpleNamespace(**{**vars(WORD2VEC), "name": "domain.word2vec_8_repaired"})
    scores, _ = evaluate(WORD2VEC, TOPIC, FAILED)
    assert str(scores) == "domain.word2vec_8 on topic: its training failed: no word is frequent enough"
    vectors, _ = train(repaired, base=FAILED)
    assert vectors.reason == "its base domain.word2vec_8 failed: no word is frequent enough"
    of_it, _ = evaluate(repaired, TOPIC, vectors)
    assert of_it.reason == vectors.reason and of_it.cell["task"] == "topic"


def _datasets(folder: Path) -> dict[str, tuple[AbstractDataset[Any, Any], Any]]:
    table = pa.table({"x": [1]})
    tracked = TrackedRunDataset(
        filepath=str(folder / "r.json"),
        experiment="e",
        run_name="r",
        use_case="u",
        tracking_uri=f"sqlite:///{folder / 'm.db'}",
    )
    vectors = WordVectors(["a", "b"], np.array([2, 1]), np.eye(2, dtype=np.float32))
    return {
        "table": (TableDataset(filepath=str(folder / "t.parquet")), table),
        "part": (TablePartDataset(filepath=str(folder / "p.parquet")), table),
        "tables": (TablesDataset(filepath=str(folder / "ts")), {"one": table}),
        "vectors": (WordVectorsDataset(filepath=str(folder / "v.arrow")), vectors),
        "tracked": (tracked, {"metrics": {"m": 1.0}}),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["table", "part", "tables", "vectors", "tracked"])
def test_a_failure_is_stored_in_place_of_a_result_and_does_not_count_as_one(name: str, tmp_path: Path) -> None:
    dataset, result = _datasets(tmp_path)[name]
    dataset.save(result)
    assert dataset.exists()
    dataset.save(FAILED)
    assert not dataset.exists() and dataset.load() == FAILED
    dataset.save(result)
    assert dataset.exists() and not isinstance(dataset.load(), Failed)


def test_a_failed_encoder_is_none(tmp_path: Path) -> None:
    dataset = EncoderDataset(filepath=str(tmp_path / "encoder"))
    dataset.save(FAILED)
    assert not dataset.exists() and dataset.load() == FAILED


def test_an_embedding_that_failed_everywhere_has_tables_without_rows_and_its_reasons() -> None:
    scores, metrics = evaluate(WORD2VEC, TOPIC, FAILED)
    cell = EmbeddingSpec.model_validate(
        {"origin": "domain", "key": "word2vec_8", "method": "word2vec", "dim": 8, "options": {}}
    )
    card = collect_tasks(cell, vectors=FAILED, training=FAILED, topic_item_scores=scores, topic_metrics=metrics)
    gathered = collect_embeddings(word2vec_8=card)
    assert gathered["item_scores"].num_rows == gathered["cells"].num_rows == 0
    assert gathered["failures"]["task"].to_pylist() == ["topic", None] and not gathered["encoders"].encoders


def test_a_run_goes_on_without_what_fails_says_so_and_tries_it_again(project: Path) -> None:
    """Vectors of a file with a bad line, what is made from them, and a method that the corpus is too small for."""
    bad = project / "data" / "01_raw" / "tiny" / "bad.txt"
    bad.write_text("heart 1 2 3 4\nskin 1 2 three 4\nlung 1 2 three 4\n")
    path = project / "conf" / "tiny" / "globals.yml"
    conf = yaml.safe_load(path.read_text())
    conf["grid"] = {
        "corpora": ["domain"],
        "methods": {"word2vec": [8]},
        "baselines": ["one_hot"],
        "pretrained": {"bad_4": {"options": {"path": str(bad), "format": "glove_text"}}},
        "derived": {"pretrained.bad_2": {"method": "reduced", "of": "pretrained.bad_4", "options": {"dims": 2}}},
        "tasks": ["topic"],
    }
    path.write_text(yaml.safe_dump(conf))
    given = ("--env", "tiny", "--params", "methods.word2vec.min_count=1000")

    failed = run_kedro(*given, "--runner", "ParallelRunner", check=False)
    assert failed.returncode == 1, failed.stdout[-3000:] + failed.stderr[-3000:]
    last = failed.stderr + failed.stdout
    assert "domain.word2vec_8 on topic: its training failed: " in last and "lower min_count" in last, last[-4000:]
    assert "pretrained.bad_2 on topic: its base pretrained.bad_4 failed: " in last
    board = _newest(project, "leaderboard")
    assert board[board["primary"] & board["value"].notna()]["embedding"].tolist() == ["task.one_hot"]
    reasons = board.set_index("embedding")["failed"].dropna()
    assert sorted(reasons.index) == ["domain.word2vec_8", "pretrained.bad_2", "pretrained.bad_4"]
    page = (project / "data" / "08_reporting" / "tiny" / "latest" / "report.html").read_text()
    assert 'id="failed"' in page and "lower min_count" in page
    assert _newest(project, "decision")["embedding"].tolist() == ["task.one_hot"]

    bad.write_text("heart 1 2 3 4\nskin 1 2 3 4\nlung 0 1 0 1\n")
    again = run_kedro(*given, "--only-missing-outputs", check=False)
    assert again.returncode == 1 and "pretrained.bad" not in again.stderr.splitlines()[-1]
    board = _newest(project, "leaderboard")
    assert board["failed"].dropna().index.size == 1
    assert {"pretrained.bad_2", "pretrained.bad_4"} < set(board[board["value"].notna()]["embedding"])


def _newest(project: Path, name: str) -> pd.DataFrame:
    folder = project / "data" / "08_reporting" / "tiny" / f"{name}.parquet"
    return pd.read_parquet(sorted(folder.iterdir())[-1] / f"{name}.parquet")
