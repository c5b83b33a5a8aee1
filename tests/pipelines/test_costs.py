"""What an embedding costs, whoever paid, and what a decision knows of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.efficiency.latency import REQUEST_TIMES, LatencyOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.encoding_store import StoredEncoder
from emb_pipeline.embeddings.options import ReducedOptions, TfidfOptions
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import EmbeddingSpec, Folders
from emb_pipeline.pipelines.decide.nodes import DecisionOptions, costs_of, without_the_worthless, worst_costs
from emb_pipeline.pipelines.evaluate.nodes import CELLS, cells_table
from emb_pipeline.pipelines.measure.nodes import time_requests
from emb_pipeline.statistics.decision.decide import NOT_ABOVE_FLOOR
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.similarity.evaluate import evaluate_similarity
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.text.texts import Texts
from tests.embeddings.test_encoding_store import CountingEncoder


def _training(seconds: float, peak: int, n_bytes: int) -> dict[str, object]:
    metrics = {"train_seconds": seconds, "peak_rss_bytes": peak, "bytes": n_bytes, "vocabulary": 5}
    return {"metrics": metrics, "params": {"corpus_tokens": 100}, "series": {}, "tags": {"provenance": {}}}


RECORD = {
    "embedding": "pretrained.small",
    "family": "pretrained.small",
    "task": "topic",
    "kind": "classification",
    "dim": 8,
    "params": {"origin": "pretrained", "method": "distilled", "dim": 8, "tuned": False, "seed": 0},
    "metrics": {"accuracy": 0.5, "encode_seconds": 1.0, "fit_seconds": 3.0, "tune_seconds": 2.0, "bytes_per_item": 32.0},
    "tags": {"options": "{}"},
    "details": {},
}


def test_an_embedding_costs_what_all_that_it_is_made_from_cost() -> None:
    (made,) = cells_table(
        [RECORD], _training(1.0, 50, 10), [_training(20.0, 900, 400), _training(300.0, 700, 400)]
    ).to_pylist()
    assert (made["train_seconds"], made["own_train_seconds"]) == (321.0, 1.0)
    assert (made["peak_rss_bytes"], made["bytes"]) == (900, 10)
    assert (made["fit_seconds"], made["tune_seconds"]) == (3.0, 2.0)
    (reduced,) = cells_table([RECORD], None, [_training(20.0, 900, 400)]).to_pylist()  # nothing is trained but its base
    assert (reduced["train_seconds"], reduced["own_train_seconds"], reduced["bytes"]) == (20.0, 0.0, 400)
    (baseline,) = cells_table([RECORD], None).to_pylist()
    assert baseline["train_seconds"] == 0 and baseline["bytes"] is None


class Slow(CountingEncoder):
    """A tenth of a second for a call."""

    def encode(self, texts: list[str], role: str = "text") -> np.ndarray:
        import time

        time.sleep(0.1)
        return super().encode(texts, role)


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


def _times(*rows: tuple[str, float, bool, str]) -> pd.DataFrame:
    columns = ["embedding", "latency_ms_p95", "steady", "note"]
    made = pd.DataFrame(rows, columns=columns).assign(task="topic")
    others = ("latency_ms_p50", "latency_ms_p99", "processor_ms_p50", "processor_ms_p95")
    return made.assign(**dict.fromkeys(others, 2.0)).reindex(columns=list(REQUEST_TIMES))


CELLS_OF_TOPIC = pd.DataFrame(
    {
        "embedding": ["d.a", "d.again", "d.b", "d.c"],
        "family": ["d.a", "d.a", "d.b", "d.c"],
        "train_seconds": [1.0, 3.0, 0.0, 0.0],
        "bytes": [8.0, 8.0, np.nan, 8.0],
    }
)


def test_times_of_a_busy_machine_and_those_never_taken_are_unknown_with_the_reason() -> None:
    times = _times(
        ("d.a", 4.0, True, ""),
        ("d.again", 6.0, True, ""),
        ("d.b", 82.0, False, "measured on a busy machine (load 9.0): …"),
    )
    costs = costs_of(CELLS_OF_TOPIC, times, DecisionOptions(price_per_hour=3.6))
    assert costs.values["latency_ms_p95"].to_dict() == pytest.approx({"d.a": 5.0, "d.b": np.nan, "d.c": np.nan}, nan_ok=True)
    assert costs.values.loc["d.a", "train_seconds"] == 2.0 and "d.a" not in costs.why_unknown
    assert costs.values.loc["d.a", "price_per_million"] == pytest.approx(
        2.0
    )  # 2 ms of a core, a million times, at .001 a second
    again = "measure again: kedro run --pipelines measure,decide,report"
    assert costs.why_unknown["d.b"]["latency_ms_p95"] == f"measured on a busy machine (load 9.0): …; {again}"
    assert costs.why_unknown["d.c"]["processor_ms_p50"] == f"never timed; {again}"
    free = costs_of(CELLS_OF_TOPIC, times, DecisionOptions())
    assert free.why_unknown["d.a"] == {"price_per_million": "decision.price_per_hour is not set"}


def test_what_is_unknown_on_one_task_is_unknown_for_all() -> None:
    steady = costs_of(CELLS_OF_TOPIC, _times(("d.a", 4.0, True, ""), ("d.b", 7.0, True, "")), DecisionOptions())
    other = costs_of(CELLS_OF_TOPIC, _times(("d.a", 9.0, True, "")), DecisionOptions())
    worst = worst_costs({"topic": steady, "search": other})
    assert worst.values.loc["d.a", "train_seconds"] == 2.0  # it is trained once, for both tasks
    assert worst.values.loc["d.a", "latency_ms_p95"] == 9.0 and "latency_ms_p95" not in worst.why_unknown["d.a"]
    assert worst.values.loc["d.b", "latency_ms_p95"] == 7.0  # as far as is known: it may be more, and not less
    assert worst.why_unknown["d.b"]["latency_ms_p95"].startswith("on search: never timed")
    assert worst.why_unknown["d.b"]["bytes"] == "on topic: not measured"


def test_one_embedding_that_cannot_be_timed_leaves_the_others_alone(tmp_path: Path) -> None:
    texts, labels = ["sand tide", "moss bark", "tide gull", "owl fern"] * 5, ["sea", "wood"] * 10
    ids = [str(row) for row in range(20)]
    task = {"examples": pa.table({"example_id": ids, "text": texts, "label": labels})}
    good = EmbeddingSpec(origin="task", key="tfidf", method="tfidf", options=TfidfOptions())
    lost = EmbeddingSpec.model_validate(
        {"origin": "domain", "key": "word2vec_8", "method": "word2vec", "dim": 8, "options": {}}
    )
    cells = [
        {"embedding": cell.name, "family": cell.name, "task": "topic", "metric": "accuracy", "value": 0.5}
        for cell in (lost, good)
    ]
    table = time_requests(
        LatencyOptions(seconds=0.05),
        {"task": {"tfidf": good}, "domain": {"word2vec_8": lost}},
        {"topic": {"name": "topic", "kind": "classification", "source": {"reader": "csv", "path": "x.csv", "label": "l"}}},
        Folders(**dict.fromkeys(("raw", "scratch", "project", "encodings", "models"), tmp_path)),
        task_scores={"cells": pa.Table.from_pylist(cells, schema=CELLS)},
        task_topic=task,
    ).set_index("embedding")
    assert table.loc["task.tfidf", "latency_ms_p50"] > 0 and table.loc["task.tfidf", "n_requests"] > 0
    assert np.isnan(table.loc["domain.word2vec_8", "latency_ms_p50"]) and not table.loc["domain.word2vec_8", "steady"]
    assert table.loc["domain.word2vec_8", "note"].startswith("could not be timed: ")


def test_what_is_worth_nothing_is_not_handed_over(caplog: pytest.LogCaptureFixture) -> None:
    chosen = pd.DataFrame(
        {
            "task": ["topic", "mood"],
            "embedding": ["task.tfidf", "d.a"],
            "family": ["task.tfidf", "d.a"],
            "standing": ["shown", NOT_ABOVE_FLOOR],
            "floor": ["control.random_8", "the largest class"],
        }
    )
    assert without_the_worthless(chosen.iloc[:1])["task"].tolist() == ["topic"] and not caplog.messages
    assert without_the_worthless(chosen)["task"].tolist() == ["topic"]
    assert "d.a on mood (against the largest class)" in caplog.text and "deploy --force" in caplog.text
    with pytest.raises(DataError, match=r"d\.a on mood .*kedro run --pipelines deploy --force"):
        without_the_worthless(chosen.iloc[1:])
