"""Scores by length: classes hold the units that they say, and a planted loss on long texts is found there alone."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emb_pipeline.statistics.score_tables import TaskScores, read_task_scores

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "length_classes.py"
COLUMNS = {"method": "x", "dim": 1, "tuned": False, "seed": 0, "task": "t", "label_fraction": 1.0, "metric": "ndcg@10"}


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(BENCHMARK))


def plant(lengths: np.ndarray, loss: float, rng: np.random.Generator) -> TaskScores:
    """Scores of ``a.whole`` and of ``a.cut``, which loses on texts of 300 words or more."""
    whole = rng.uniform(0.3, 1.0, len(lengths))
    values = {"a.whole": whole, "a.cut": whole + rng.normal(0, 0.05, len(lengths)) - np.where(lengths >= 300, loss, 0)}
    rows = [
        {
            **COLUMNS,
            "origin": "a",
            "embedding": name,
            "family": name,
            "unit_id": f"u{row}",
            "group_id": f"u{row}",
            "value": value,
        }
        for name, scores in values.items()
        for row, value in enumerate(scores)
    ]
    (found,) = read_task_scores(pd.DataFrame(rows))
    return found


def test_a_loss_on_long_texts_is_found_there_and_nowhere_else(benchmark: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 600, size=400)
    scores = plant(lengths, 0.1, rng)
    in_order = np.array([lengths[int(unit[1:])] for unit in scores.units])
    found = list(benchmark["score_classes"](scores, in_order, [0, 300, 1000, np.inf], "a.whole"))
    cut = {row.lowest: row for row in found if row.embedding == "a.cut"}
    assert set(cut) == {0, 300}  # no text has a thousand words
    assert cut[0].n_units == (lengths < 300).sum() and cut[300].n_units == (lengths >= 300).sum()
    assert cut[0].difference.low < 0 < cut[0].difference.high
    assert cut[300].difference.value == pytest.approx(-0.1, abs=0.015) and cut[300].difference.high < -0.08
    assert all(row.difference.low == row.difference.high == 0 for row in found if row.embedding == "a.whole")


def test_intervals_hold_the_truth_as_often_as_they_say(benchmark: dict[str, Any]) -> None:
    rng, held, n_sets = np.random.default_rng(1), 0, 60
    for _ in range(n_sets):
        lengths = rng.integers(300, 600, size=60)
        scores = plant(lengths, 0.02, rng)
        rows = benchmark["score_classes"](scores, lengths.astype(float), [0, np.inf], "a.whole")
        (cut,) = (row for row in rows if row.embedding == "a.cut")
        held += cut.difference.low <= -0.02 <= cut.difference.high
    assert held >= 0.88 * n_sets


def write_retrieval(folder: Path, grades: list[float]) -> Path:
    pq.write_table(pa.table({"passage_id": ["p1", "p2"], "text": ["one two three", "one"]}), folder / "passages.parquet")
    qrels = {"query_id": ["q", "q"], "passage_id": ["p1", "p2"], "relevance": grades}
    pq.write_table(pa.table(qrels), folder / "qrels.parquet")
    return folder


def test_a_query_is_as_long_as_its_longest_answer_or_as_all_that_was_judged(
    benchmark: dict[str, Any], tmp_path: Path
) -> None:
    assert benchmark["read_lengths"](write_retrieval(tmp_path, [1.0, 1.0]), ["q"]).tolist() == [3]
    assert benchmark["read_lengths"](write_retrieval(tmp_path, [1.0, 0.0]), ["q"]).tolist() == [4]


def test_a_labeled_text_has_its_own_words(benchmark: dict[str, Any], tmp_path: Path) -> None:
    pq.write_table(pa.table({"example_id": ["a", "b"], "text": ["so it is", "no"]}), tmp_path / "examples.parquet")
    assert benchmark["read_lengths"](tmp_path, ["b", "a"]).tolist() == [1, 3]
