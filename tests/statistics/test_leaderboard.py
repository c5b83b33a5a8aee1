from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score

from emb_pipeline.statistics.grid_cells import GridCells, MetricRules
from emb_pipeline.statistics.intervals.class_metrics import compute_macro_f1
from emb_pipeline.statistics.leaderboard import (
    COMPARISONS,
    EFFECTS,
    LEADERBOARD,
    Resampling,
    build_leaderboard,
    compare_embeddings,
    estimate_effects,
)

RESAMPLING = Resampling(resamples=300, permutations=499)
PRIMARY = {"topic": "accuracy", "search": "ndcg@10"}
N = 120


def _scores(
    origin: str,
    method: str,
    dim: int | None,
    *,
    task: str = "topic",
    seed: int = 0,
    embedding: str | None = None,
    family: str | None = "",
    units: int = N,
    fraction: float = 1.0,
    **metrics: np.ndarray,
) -> pd.DataFrame:
    """Item scores as they are stored, units in an order of their own."""
    order = np.random.default_rng(len(method)).permutation(units)
    name = embedding or (f"{origin}.{method}" if dim is None else f"{origin}.{method}_{dim}")
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "family": name if family == "" else family,
                    "origin": origin,
                    "method": method,
                    "dim": dim,
                    "tuned": False,
                    "seed": seed,
                    "task": task,
                    "label_fraction": fraction,
                    "unit_id": [f"u{i}" for i in order],
                    "group_id": [f"g{i // 2}" for i in order],
                    "metric": metric.replace("_at_", "@"),
                    "value": np.asarray(values, dtype=float)[order],
                    "embedding": name,
                }
            )
            for metric, values in metrics.items()
        ],
        ignore_index=True,
    )


def _right(probability: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(N) < probability).astype(float)


@pytest.fixture
def item_scores() -> pd.DataFrame:
    loss = np.linspace(0, 1, N)
    return pd.concat(
        [
            _scores("domain", "word2vec", 100, accuracy=_right(0.9, 1), log_loss=loss),
            _scores(
                "domain",
                "word2vec",
                100,
                seed=1,
                embedding="domain.again",
                family="domain.word2vec_100",
                accuracy=_right(0.8, 2),
                log_loss=loss,
            ),
            _scores("generic", "word2vec", 100, accuracy=_right(0.5, 3), log_loss=loss + 0.5),
            _scores("task", "tfidf", None, accuracy=_right(0.88, 4), log_loss=loss + 0.1 * np.arange(N) % 2),
            _scores("domain", "word2vec", 100, task="search", ndcg_at_10=loss),
            _scores("task", "tfidf", None, task="search", ndcg_at_10=loss),
        ],
        ignore_index=True,
    )


@pytest.fixture
def cells(item_scores: pd.DataFrame) -> pd.DataFrame:
    rows = item_scores.drop_duplicates(["task", "embedding"])[["task", "embedding"]].reset_index(drop=True)
    rows["kind"] = rows["task"].map({"topic": "classification", "search": "retrieval"})
    return rows.assign(train_seconds=5.0, encode_seconds=1.0, fit_seconds=2.0, bytes_per_item=400.0, mlflow_run_id="r1")


def _row(table: pd.DataFrame, **wanted: object) -> pd.Series:
    found = table[np.logical_and.reduce([table[name] == value for name, value in wanted.items()])]
    assert len(found) == 1
    return found.iloc[0]


def test_the_leaderboard_has_the_columns_that_scripts_rely_on(item_scores: pd.DataFrame, cells: pd.DataFrame) -> None:
    table = build_leaderboard(item_scores, GridCells("tiny", cells), MetricRules(PRIMARY, ("log_loss",)), RESAMPLING)
    assert table.columns.tolist() == list(LEADERBOARD)
    assert pa.Table.from_pandas(table).num_rows == len(table) == 4 * 2 + 2
    assert set(table["use_case"]) == {"tiny"}
    assert table["dim"].isna().sum() == 3


def test_values_intervals_and_costs_belong_to_their_cell(item_scores: pd.DataFrame, cells: pd.DataFrame) -> None:
    table = build_leaderboard(item_scores, GridCells("tiny", cells), MetricRules(PRIMARY, ("log_loss",)), RESAMPLING)
    row = _row(table, task="topic", metric="accuracy", embedding="domain.word2vec_100")
    assert row["value"] == pytest.approx(_right(0.9, 1).mean())
    assert row["ci_low"] < row["value"] < row["ci_high"]
    assert (row["n"], row["kind"], row["seed"], row["dim"]) == (N, "classification", 0, 100)
    assert row["train_seconds"] == 5.0 and row["mlflow_run_id"] == "r1"


def test_the_primary_metric_and_the_best_embedding_come_first(item_scores: pd.DataFrame, cells: pd.DataFrame) -> None:
    table = build_leaderboard(item_scores, GridCells("tiny", cells), MetricRules(PRIMARY, ("log_loss",)), RESAMPLING)
    topic = table[table["task"] == "topic"]
    assert topic["primary"].tolist() == [True] * 4 + [False] * 4
    assert topic["value"].head(4).is_monotonic_decreasing
    assert topic[topic["metric"] == "log_loss"]["value"].is_monotonic_increasing


def test_letters_tell_what_differs_and_a_is_best(item_scores: pd.DataFrame, cells: pd.DataFrame) -> None:
    table = build_leaderboard(item_scores, GridCells("tiny", cells), MetricRules(PRIMARY, ("log_loss",)), RESAMPLING)
    accuracy = table[(table["task"] == "topic") & table["primary"]].set_index("embedding")["letters"]
    assert accuracy["task.tfidf"] == "a" and accuracy["generic.word2vec_100"] == "b"
    assert accuracy["domain.word2vec_100"] == accuracy["domain.again"] == "a"
    loss = table[(table["task"] == "topic") & (table["metric"] == "log_loss")].set_index("embedding")["letters"]
    assert loss["domain.word2vec_100"] == "a" and "a" not in loss["generic.word2vec_100"]
    assert set(table[table["task"] == "search"]["letters"]) == {"a"}


def test_a_task_is_ranked_by_the_metric_that_it_names(item_scores: pd.DataFrame, cells: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, N)
    by_luck = {"task.tfidf": 0.7, "domain.word2vec_100": 0.4}
    parts, expected = [], {}
    for name, share in by_luck.items():
        origin, method = name.split(".")
        guesses = np.where(rng.random(N) < share, labels, 0)
        expected[name] = f1_score(labels, guesses, average="macro")
        values = {"accuracy": labels == guesses, "macro_f1": compute_macro_f1(labels, guesses)}
        parts.append(_scores(origin, method, None, embedding=name, label=labels, prediction=guesses, **values))
    table = build_leaderboard(pd.concat(parts), GridCells("tiny", cells), MetricRules({"topic": "macro_f1"}), RESAMPLING)
    assert table["metric"].tolist() == ["macro_f1"] * 2 + ["accuracy"] * 2
    assert table["primary"].tolist() == [True, True, False, False]
    for name, value in expected.items():
        row = _row(table, metric="macro_f1", embedding=name)
        assert row["value"] == pytest.approx(value)
        assert row["ci_low"] < row["value"] < row["ci_high"]
    assert table["letters"].head(2).tolist() == ["a", "b"]


def test_comparisons_take_the_mean_over_seeds(item_scores: pd.DataFrame) -> None:
    table = compare_embeddings(item_scores, {"topic": "accuracy", "search": "ndcg@10"}, RESAMPLING)
    assert table.columns.tolist() == list(COMPARISONS)
    assert len(table) == 3 + 1
    row = _row(table, task="topic", embedding_a="domain.word2vec_100", embedding_b="generic.word2vec_100")
    expected = (_right(0.9, 1) + _right(0.8, 2)) / 2 - _right(0.5, 3)
    assert row["difference"] == pytest.approx(expected.mean())
    assert row["p_adjusted"] <= 0.05 and row["n"] == N
    same = _row(table, task="search")
    assert same["difference"] == 0 and same["p"] == 1.0
    assert set(compare_embeddings(item_scores, None, RESAMPLING)["metric"]) == {"accuracy", "log_loss", "ndcg@10"}


def test_an_embedding_of_a_resample_has_its_value_and_changes_no_letter_and_no_test(
    item_scores: pd.DataFrame, cells: pd.DataFrame
) -> None:
    name, right, loss = "domain.resampled", _right(0.85, 9), np.zeros(N)
    resample = _scores("domain", "word2vec", 100, embedding=name, family=None, accuracy=right, log_loss=loss)
    more = pd.concat([item_scores, resample], ignore_index=True)
    known = pd.concat([cells, cells[cells["embedding"] == "domain.word2vec_100"].assign(embedding=name)], ignore_index=True)
    board, before = (
        build_leaderboard(scores, GridCells("tiny", of), MetricRules(PRIMARY), RESAMPLING).set_index(
            ["embedding", "task", "metric"]
        )
        for scores, of in ((more, known), (item_scores, cells))
    )
    row = board.loc[(name, "topic", "accuracy")]
    assert row["value"] == pytest.approx(right.mean()) and row["ci_low"] < row["value"] and pd.isna(row["letters"])
    pd.testing.assert_series_equal(board.loc[before.index, "letters"], before["letters"])
    pd.testing.assert_frame_equal(
        compare_embeddings(more, None, RESAMPLING), compare_embeddings(item_scores, None, RESAMPLING)
    )


def test_effects_are_paired_differences_on_the_tasks_that_both_were_evaluated_on(item_scores: pd.DataFrame) -> None:
    table = estimate_effects(
        item_scores,
        {"corpus": [("domain.word2vec_100", "generic.word2vec_100"), ("domain.word2vec_100", "generic.never_seen_100")]},
        {"topic": "accuracy", "search": "ndcg@10"},
        RESAMPLING,
    )
    assert table.columns.tolist() == list(EFFECTS)
    (row,) = table.to_dict("records")
    assert (row["task"], row["method"], row["dim"]) == ("topic", "word2vec", 100)
    assert row["difference"] == pytest.approx(row["value_a"] - row["value_b"])
    assert row["ci_low"] > 0 and row["p"] == row["p_adjusted"] == 1 / 500


def test_tables_may_come_apart_and_without_names(item_scores: pd.DataFrame) -> None:
    whole = compare_embeddings(item_scores, None, RESAMPLING)
    parts = [pa.Table.from_pandas(part, preserve_index=False) for _, part in item_scores.groupby("embedding", sort=False)]
    pd.testing.assert_frame_equal(compare_embeddings(parts, None, RESAMPLING), whole)
    nameless = item_scores[item_scores["seed"] == 0].drop(columns="embedding")
    assert "domain.word2vec_100" in set(compare_embeddings(nameless, None, RESAMPLING)["embedding_a"])


def test_the_same_seed_gives_the_same_tables(item_scores: pd.DataFrame) -> None:
    first, second = (compare_embeddings(item_scores, None, RESAMPLING) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_scores_of_a_part_of_the_labels_stay_out(item_scores: pd.DataFrame) -> None:
    part = _scores("task", "tfidf", None, fraction=0.1, accuracy=np.zeros(N), log_loss=np.zeros(N))
    whole = compare_embeddings(item_scores, None, RESAMPLING)
    pd.testing.assert_frame_equal(compare_embeddings(pd.concat([item_scores, part]), None, RESAMPLING), whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t[~((t["embedding"] == "task.tfidf") & (t["unit_id"] == "u7") & (t["task"] == "search"))],
            r"search: task.tfidf lacks 1 unit\(s\) that domain.word2vec_100 has: u7",
        ),
        (lambda t: t[~((t["embedding"] == "task.tfidf") & (t["metric"] == "log_loss"))], "differ in their metrics"),
        (lambda t: pd.concat([t, t[t["embedding"] == "task.tfidf"].head(1)]), "two scores"),
        (lambda t: t.assign(value=t["value"].where(t["unit_id"] != "u3")), "of unit u3 is not a number"),
        (lambda t: t.assign(group_id=t["group_id"].where(t["origin"] != "task", "other")), "disagree on the groups"),
        (lambda t: t.drop(columns="group_id"), "lack the column"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(item_scores: pd.DataFrame, change: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_embeddings(change(item_scores), None, RESAMPLING)


def test_an_embedding_without_its_cell_is_refused(item_scores: pd.DataFrame, cells: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="no row among the cells"):
        build_leaderboard(item_scores, GridCells("tiny", cells.iloc[1:]), MetricRules(PRIMARY), RESAMPLING)


def test_a_metric_without_item_scores_has_a_row_without_interval_and_letters(
    item_scores: pd.DataFrame, cells: pd.DataFrame
) -> None:
    slow = [{**row, "metric": "latency_ms_p50", "value": 1.0 + place} for place, row in enumerate(cells.to_dict("records"))]
    known = cells[cells["task"] == "topic"].assign(metric="accuracy", value=0.5)  # it has item scores: no second row
    rows, lower = pd.concat([known, pd.DataFrame(slow)]), ("latency_ms_p50",)
    table = build_leaderboard(item_scores, GridCells("tiny", rows), MetricRules(PRIMARY, lower), RESAMPLING)
    without = build_leaderboard(item_scores, GridCells("tiny", cells), MetricRules(PRIMARY), RESAMPLING)
    added = table[table["metric"] == "latency_ms_p50"]
    assert len(added) == len(cells.drop_duplicates(["task", "embedding"])) and len(table) == len(without) + len(added)
    assert added["ci_low"].isna().all() and added["letters"].isna().all() and not added["primary"].any()
    for _, of_task in added.groupby("task"):
        assert of_task["value"].is_monotonic_increasing  # the fastest first
