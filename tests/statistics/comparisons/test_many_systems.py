"""Many embeddings: which pairs are listed, and that those that are not count all the same."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.comparisons.claims import CurvePoint, check_claims
from emb_pipeline.statistics.comparisons.letters import LETTER_OF_BEST
from emb_pipeline.statistics.comparisons.listed_pairs import MOST_IN_ALL_PAIRS, list_pairs
from emb_pipeline.statistics.comparisons.step_down import Tested, run_step_down_tests
from emb_pipeline.statistics.grid_cells import GridCells, MetricRules
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.leaderboard import build_leaderboard, compare_embeddings
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import read_task_scores

RESAMPLING = Resampling(resamples=200, permutations=199)


def test_few_embeddings_are_listed_with_each_other_and_many_with_the_best_of_each_origin() -> None:
    few = np.random.default_rng(0).random(MOST_IN_ALL_PAIRS)
    assert list_pairs(few, ["domain"] * len(few)) == list(combinations(range(len(few)), 2))
    values = np.arange(200.0)
    origins = ["generic"] * 100 + ["task"] * 99 + ["domain"]
    pairs = list_pairs(values, origins, [(7, 3)])
    assert pairs == sorted(set(pairs)) and len(pairs) == 199 + 198 + 197 + 1
    assert {(a, 199) for a in range(199)} | {(0, 99), (0, 198), (3, 7)} <= set(pairs)


@pytest.mark.parametrize("what", ["means", "ratios", "few draws", "ratios and few draws", "a system twice"])
def test_pairs_that_are_not_listed_count_in_the_adjustment_as_if_they_were(what: str) -> None:
    rng = np.random.default_rng(len(what))
    n_units, n = 90, 12
    scores = rng.random((n_units, n)) + rng.normal(size=(n_units, 1))
    scores[:, 3] += 0.25
    below = None
    if "ratios" in what:
        below = rng.integers(0, 3, (n_units, n)).astype(np.float64)
        scores = below * (rng.random((n_units, n)) < np.linspace(0.3, 0.75, n))
    if "twice" in what:
        scores[:, 5] = scores[:, 6]
    extra = []
    if "draws" in what:
        root = 0.02 * rng.normal(size=(n, n))
        extra = [(ExtraVariance(root @ root.T, 3.0), np.eye(n))]
    pairs = np.array(list(combinations(range(n), 2)))
    whole = run_step_down_tests(
        [Tested(scores, pairs, None, extra, None, below)], n_permutations=999, rng=np.random.default_rng(1)
    )
    first = int(np.argmin(np.where(whole.p_adjusted == whole.p_adjusted.min(), whole.p, 1)))
    surest = np.flatnonzero(whole.p_adjusted == whole.p_adjusted.min())
    chosen = surest[np.argmax(np.abs(whole.difference[surest]) / whole.error[surest])] if len(surest) > 1 else first
    for listed in ([chosen], [chosen, *range(0, len(pairs), 7)]):
        some = run_step_down_tests(
            [Tested(scores, pairs[listed], None, extra, None, below, n_among=n)],
            n_permutations=999,
            rng=np.random.default_rng(1),
        )
        assert some.p_adjusted[0] == pytest.approx(whole.p_adjusted[chosen], abs=0.0021)
        assert (some.p_adjusted >= whole.p_adjusted[listed] - 0.0021).all()
        np.testing.assert_allclose(some.p, whole.p[listed], atol=1e-12)
        np.testing.assert_allclose(some.difference, whole.difference[listed])


def make_scores(n: int, n_units: int = 120) -> pd.DataFrame:
    """Embeddings of three levels on the same items, right or wrong."""
    rng = np.random.default_rng(4)
    level = np.repeat([0.9, 0.8, 0.3], [5, n // 2, n - n // 2 - 5])
    hard = rng.random((n_units, 1)) * 0.2
    right = (rng.random((n_units, n)) < level - hard).astype(np.float64)
    rows = [
        {
            "origin": ("domain", "generic", "task")[number % 3],
            "method": f"m{number}",
            "dim": 10,
            "tuned": False,
            "seed": 0,
            "task": "topic",
            "label_fraction": 1.0,
            "unit_id": f"u{unit:03}",
            "group_id": f"u{unit:03}",
            "metric": metric,
            "value": right[unit, number] * scale,
            "embedding": f"e.{number:03}",
        }
        for metric, scale in (("accuracy", 1.0), ("mcc", 0.5))
        for number in range(n)
        for unit in range(n_units)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("has_claims", [True, False])
def test_of_many_embeddings_the_letter_is_that_of_the_best_and_of_those_that_do_not_differ(has_claims: bool) -> None:
    n = MOST_IN_ALL_PAIRS + 20
    scores = make_scores(n)
    cells = pd.DataFrame({"task": "topic", "embedding": sorted(set(scores["embedding"])), "kind": "classification"})
    tasks, metrics = list(read_task_scores(scores)), {"topic": "accuracy"}
    claims = check_claims(tasks, metrics, {}, RESAMPLING, listed=[("e.011", "e.007")]) if has_claims else None
    rules = MetricRules(metrics, frozenset(), frozenset())
    board = build_leaderboard(scores, GridCells("many", cells), rules, RESAMPLING, claims=claims)
    compared = compare_embeddings(scores, metrics, RESAMPLING, claims=claims)
    assert len(compared) < 3 * n
    board_rows = board[board["primary"]].set_index("embedding")
    best = board_rows.index[0]
    against = compared[(compared["embedding_a"] == best) | (compared["embedding_b"] == best)]
    assert len(against) == n - 1
    names = np.where(against["embedding_a"] == best, against["embedding_b"], against["embedding_a"])
    equal = {best, *names[against["p_adjusted"] > 0.05]}
    assert set(board_rows.index[board_rows["letters"] == LETTER_OF_BEST]) == equal and 5 <= len(equal) < n - 10
    assert board_rows.loc[~board_rows.index.isin(equal), "letters"].isna().all()
    assert board.loc[~board["primary"], "letters"].isna().all()
    if has_claims:
        assert ((compared["embedding_a"] == "e.007") & (compared["embedding_b"] == "e.011")).any()


def test_points_of_a_learning_curve_are_compared_among_the_embeddings_that_are_highest_with_all_labels() -> None:
    n = MOST_IN_ALL_PAIRS + 15
    (task,) = read_task_scores(make_scores(n))
    names = list(task.families)
    point = CurvePoint(10, names, task.average_families("accuracy") * 0.9, ExtraVariance.create_zero(n))
    claims = check_claims([task], {"topic": "accuracy"}, {}, RESAMPLING, {"topic": [point]})
    on_curve = claims[claims["n_labels"] == 10]
    compared = {*on_curve["embedding_a"], *on_curve["embedding_b"]}
    assert len(compared) == MOST_IN_ALL_PAIRS and len(on_curve) == MOST_IN_ALL_PAIRS * (MOST_IN_ALL_PAIRS - 1) // 2
    values = dict(zip(names, task.average_families("accuracy").mean(axis=0), strict=True))
    assert min(values[name] for name in compared) >= max(values[name] for name in names if name not in compared)
