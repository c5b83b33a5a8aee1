"""Costs of an embedding, whoever paid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.tasks.cell_tables import build_cells_table
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.similarity.evaluate import evaluate_similarity
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.text.texts import Texts
from tests.embeddings.test_encodings import CountingEncoder


def _training(seconds: float, peak: int, n_bytes: int) -> dict[str, object]:
    metrics = {"train_seconds": seconds, "peak_rss_bytes": peak, "bytes": n_bytes, "vocabulary": 5}
    return {"metrics": metrics, "params": {"corpus_tokens": 100}, "series": {}, "tags": {"provenance": {}}}


RECORD = {
    "embedding": "pretrained.small",
    "family": "pretrained.small",
    "task": "topic",
    "kind": "classification",
    "primary_metric": "accuracy",
    "dim": 8,
    "params": {"origin": "pretrained", "method": "distilled", "dim": 8, "tuned": False, "seed": 0},
    "metrics": {"accuracy": 0.5, "encode_seconds": 1.0, "fit_seconds": 3.0, "tune_seconds": 2.0, "bytes_per_item": 32.0},
    "tags": {"options": "{}"},
    "details": {},
}


def test_an_embedding_costs_what_all_that_it_is_made_from_cost() -> None:
    (made,) = build_cells_table(
        [RECORD], _training(1.0, 50, 10), [_training(20.0, 900, 400), _training(300.0, 700, 400)]
    ).to_pylist()
    assert (made["train_seconds"], made["own_train_seconds"]) == (321.0, 1.0)
    assert (made["peak_rss_bytes"], made["bytes"]) == (900, 10)
    assert (made["fit_seconds"], made["tune_seconds"]) == (3.0, 2.0)
    (reduced,) = build_cells_table(
        [RECORD], None, [_training(20.0, 900, 400)]
    ).to_pylist()  # nothing is trained but its base
    assert (reduced["train_seconds"], reduced["own_train_seconds"], reduced["bytes"]) == (20.0, 0.0, 400)
    (baseline,) = build_cells_table([RECORD], None).to_pylist()
    assert baseline["train_seconds"] == 0 and baseline["bytes"] is None


class Slow(CountingEncoder):
    """A tenth of a second for a call."""

    def encode(self, texts: list[str], role: str = "text") -> np.ndarray:
        import time

        time.sleep(0.1)
        return super().encode(texts, role)


@pytest.mark.slow
def test_a_reduced_embedding_costs_the_same_whichever_task_came_first(tmp_path: Path) -> None:
    texts = Texts(f"{'a' if row % 2 else 'b'} text {row} {'x' * (row % 7)}" for row in range(60))
    ids, labels = np.array([str(row) for row in range(60)]), np.array([str(row % 2) for row in range(60)])
    topic = ClassificationTask("topic", ids, texts, labels)
    alike = SimilarityTask("alike", ids[:30], texts, np.arange(30), np.arange(30, 60), np.arange(30.0))
    options = ClassificationOptions(folds=3, label_draws=0)

    def seconds(store: Path, tasks: list[str]) -> dict[str, float]:
        found = {}
        for task in tasks:
            embedding = Reduced(ReducedOptions(dims=2), StoredEncoder(Slow(), store, rows_per_shard=20))
            evaluation = (
                evaluate_classification(topic, embedding, options, seed=0)
                if task == "topic"
                else evaluate_similarity(alike, embedding, EvaluationOptions(), seed=0)
            )
            found[task] = evaluation.encode_seconds
        return found

    one, other = seconds(tmp_path / "a", ["topic", "alike"]), seconds(tmp_path / "b", ["alike", "topic"])
    again = seconds(tmp_path / "a", ["topic", "alike"])
    for found in (one, other, again):
        assert found["topic"] == pytest.approx(0.3, abs=0.2) and found["alike"] == pytest.approx(0.3, abs=0.2)
