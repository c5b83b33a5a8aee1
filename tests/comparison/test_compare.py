"""A comparison in one call gives what the pipeline gives, for texts with labels, scored pairs, and queries."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from emb_pipeline import DataError, compare
from emb_pipeline.comparison.result import Comparison
from tests.scaffold.brought_files import TOPICS, list_labeled, write_title

TEXTS, LABELS = zip(*list_labeled(90), strict=True)


def count_letters(texts: list[str]) -> np.ndarray:
    return np.array([[text.count(letter) for letter in "aeiou"] for text in texts])


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(TEXTS, LABELS, embeddings=["tfidf", "word2vec_8", "random_8", count_letters])


@pytest.mark.slow
def test_the_leaderboard_has_all_candidates_with_intervals_and_the_best_first(found: Comparison) -> None:
    board = found.leaderboard
    assert board["embedding"].iloc[0] == "task.tfidf" and set(board["embedding"]) == {
        "task.tfidf",
        "domain.word2vec_8",
        "control.random_8",
        "pretrained.count_letters",
    }
    assert board["value"].is_monotonic_decreasing and (board["ci_low"] <= board["value"]).all()
    assert (found.metric, found.chosen) == ("accuracy", "task.tfidf")
    assert "task.tfidf" in found.decision and len(found.comparisons) == 6


@pytest.mark.slow
def test_it_shows_itself_as_text_as_html_and_as_a_page(found: Comparison, tmp_path: Path) -> None:
    assert "task.tfidf" in repr(found) and "<table>" in found._repr_html_()
    page = found.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "pretrained.count_letters" in page and page.rstrip().endswith("</html>")
    assert "Try other budgets" in page and "Compare two embeddings" in page


@pytest.mark.slow
def test_test_items_are_shown_unless_none_are_wanted(found: Comparison) -> None:
    shown = found.tables.item_examples
    assert set(shown["embedding"]) == {"task.tfidf", "domain.word2vec_8", "pretrained.count_letters"}
    assert set(shown["text"]) <= set(TEXTS) and len(set(shown["text"])) > 5
    without = compare(TEXTS, LABELS, embeddings=["tfidf", count_letters], examples=0)
    assert without.tables.item_examples.empty and len(without.tables.pair_outcomes) > 1


def test_scores_are_those_of_the_pipeline(sequential: Path) -> None:
    rows = list(csv.DictReader((sequential / "data/01_raw/tiny/labels.csv").open(encoding="utf-8")))
    options = {"folds": 3, "training_draws": 3, "label_draws": 3, "log10_c_low": 0, "log10_c_high": 2, "steps_per_decade": 1}
    found = compare([row["text"] for row in rows], [row["label"] for row in rows], ["tfidf", "one_hot"], evaluation=options)
    (table,) = (sequential / "data/08_reporting/tiny/leaderboard.parquet").glob("*/leaderboard.parquet")
    board = pq.read_table(table).to_pandas()
    for name in ("task.tfidf", "task.one_hot"):
        row = board[(board["task"] == "topic") & (board["embedding"] == name) & board["primary"]].iloc[0]
        own = found.leaderboard.set_index("embedding").loc[name]
        assert own["value"] == pytest.approx(row["value"], abs=1e-12)


def test_pairs_with_numbers_are_a_similarity() -> None:
    draw = random.Random(3)
    drawn = [draw.choices(TOPICS, k=2) for _ in range(60)]
    pairs = [(write_title(draw, one, 8), write_title(draw, other, 8)) for one, other in drawn]
    found = compare(pairs, [float(one == other) for one, other in drawn], ["tfidf", "random_8"])
    assert found.metric == "spearman" and found.leaderboard["value"].iloc[0] > 0.5


def test_queries_with_passages_are_a_search() -> None:
    draw = random.Random(4)
    passages = [f"{write_title(draw, TOPICS[number % 3], 12)} {number}" for number in range(60)]
    queries = [" ".join(passage.split()[:3] + passage.split()[-1:]) for passage in passages[:30]]
    found = compare(queries, [[number] for number in range(30)], ["bm25", "tfidf"], passages=passages)
    assert found.metric == "ndcg@10" and found.leaderboard["value"].iloc[0] > 0.9
    with pytest.raises(DataError, match=r"labels\[0\]: 99 is no position of a passage; give positions, 0 to 59"):
        compare(queries, [99] * 30, ["bm25"], passages=passages)


def test_the_failure_of_one_is_its_own_and_that_of_all_is_raised() -> None:
    def encode_half(texts: list[str]) -> Any:
        return np.ones((len(texts) // 2, 3))

    found = compare(TEXTS, LABELS, {"mine": encode_half, "words": "one_hot"})
    assert "it gives the shape" in found.tables.failures["reason"].iloc[0]
    assert list(found.leaderboard["embedding"].dropna())[:1] == ["task.words"]
    with pytest.raises(DataError, match="mine: it gives the shape"):
        compare(TEXTS, LABELS, {"mine": encode_half})


@pytest.mark.parametrize(
    ("texts", "labels", "embeddings", "message"),
    [
        (["a"], [], ["tfidf"], "there are 1 texts and 0 labels"),
        (["a b", " "] * 20, ["x", "y"] * 20, ["tfidf"], r"texts\[1\]: ' ' is no text"),
        (["a b", "c"] * 20, ["x", None] * 20, ["tfidf"], r"labels\[1\]: None is no label"),
        (TEXTS, LABELS, ["tfdif"], "'tfdif' is not known; did you mean 'tfidf'"),
        (TEXTS, LABELS, ["bm25"], "nothing that a task of the kind classification can use"),
        (TEXTS, LABELS, [3], "3 does not encode; give a name, a function"),
        (TEXTS, LABELS, [count_letters, count_letters], "two are called pretrained.count_letters"),
    ],
)
def test_what_cannot_be_compared_is_refused(texts: Any, labels: Any, embeddings: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        compare(texts, labels, embeddings)


@pytest.mark.slow
def test_a_script_without_a_guard_ends(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "from emb_pipeline import compare\n"
        f"found = compare({list(TEXTS)!r}, {list(LABELS)!r}, ['tfidf', 'word2vec_8'])\n"
        "print(found)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=240, check=True)
    assert "task.tfidf" in done.stdout


@pytest.mark.slow
def test_embeddings_are_ranked_by_the_metric_that_is_named() -> None:
    quick = {"label_draws": 0, "training_draws": 0, "class_weights": "balanced"}
    found = compare(TEXTS, LABELS, ["tfidf", count_letters], evaluation=quick, primary_metric="mcc")
    assert found.metric == "mcc" and found.chosen == "task.tfidf"
    assert set(found.comparisons["metric"]) == set(found.tables.decision["metric"]) == {"mcc"}
    with pytest.raises(DataError, match="unknown primary_metric 'mc' of classification; did you mean 'mcc'"):
        compare(TEXTS, LABELS, ["tfidf"], primary_metric="mc")
