"""Intervals stay in their metric's range, and still cover the truth where units are few."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emb_pipeline.diagnostics.word_tests import measure_share_among_nearest, measure_word_similarity
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.statistics.decision.non_inferiority import check_non_inferiority
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.grid_cells import GridCells, MetricRules
from emb_pipeline.statistics.intervals.bootstrap import (
    bootstrap_means,
    compute_mean_intervals,
    compute_percentile_interval,
    keep_in_range,
)
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference, find_range
from emb_pipeline.statistics.intervals.pseudo_values import compute_coverage, compute_ratio, compute_spearman
from emb_pipeline.statistics.leaderboard import build_leaderboard, compare_embeddings
from emb_pipeline.statistics.learning_curves.label_curves import build_learning_curves, gather_curve_scores
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.system_scores import SystemScores

CORRELATION = (-1.0, 1.0)
QUICK = Resampling(resamples=500, permutations=99)


def spearman_pairs(n: int, rho: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=n).T
    return x, y


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0, 0.7, 0.95])
@pytest.mark.parametrize("n", [10, 30, 100])
def test_intervals_of_spearman_stay_in_range_and_cover_the_true_rho(n: int, rho: float) -> None:
    """At n = 10, rho = .7, percentiles of plain resampled means would pass 1 in 74 % of cases, and cover 85 %."""
    truth = 6 / np.pi * np.arcsin(rho / 2)  # of the bivariate normal distribution
    values = np.column_stack([compute_spearman(*spearman_pairs(n, rho, seed=seed)) for seed in range(600)])
    resampled = bootstrap_means(values, n_resamples=1000, rng=np.random.default_rng(1))
    low, high = np.percentile(keep_in_range(values.mean(axis=0), resampled, CORRELATION, n_groups=n), [2.5, 97.5], axis=0)
    assert low.min() >= -1 and high.max() <= 1
    assert 0.92 <= ((low <= truth) & (truth <= high)).mean() <= 0.975


def test_intervals_of_entity_f1_stay_in_range_and_cover_the_true_f1() -> None:
    """Percentiles of the means of pseudo-values would pass 1 in a third to a half of cases."""
    rng = np.random.default_rng(2)
    columns = []
    for _ in range(400):
        gold = rng.integers(0, 4, 30)
        right = rng.binomial(gold, 0.94)
        found = right + rng.binomial(1, 0.1, 30)
        columns.append(compute_ratio(2 * right, gold + found))
    values = np.column_stack(columns)
    truth = 2 * 0.94 * 1.5 / (1.5 + 0.94 * 1.5 + 0.1)
    resampled = bootstrap_means(values, n_resamples=1000, rng=rng)
    low, high = np.percentile(keep_in_range(values.mean(axis=0), resampled, (0, 1), n_groups=30), [2.5, 97.5], axis=0)
    assert low.min() >= 0 and high.max() <= 1
    assert 0.92 <= ((low <= truth) & (truth <= high)).mean() <= 0.975


@pytest.mark.parametrize("scores", ["right or wrong", "graded", "nearly all right"])
def test_intervals_of_means_of_bounded_scores_stay_in_range(scores: str) -> None:
    rng = np.random.default_rng(3)
    made = {
        "right or wrong": rng.integers(0, 2, (12, 40)),
        "graded": rng.beta(0.2, 0.2, (12, 40)),
        "nearly all right": rng.random((200, 40)) < 0.99,
    }[scores].astype(float)
    found = compute_mean_intervals(made, n_resamples=1000, rng=rng, bounds=(0, 1))
    assert all(0 <= each.low <= each.value <= each.high <= 1 for each in found)
    assert all(each.high - each.low > 0.01 for each in found)  # some have no error among 200


@pytest.mark.parametrize(("n_right", "n"), [(20, 20), (19, 20), (50, 100), (0, 15)])
def test_the_mapping_gives_wilsons_interval_of_a_proportion(n_right: int, n: int) -> None:
    """Wald's deviations are put in, at the quantiles of Student's t that the resampled means have."""
    share, z = n_right / n, stats.t.ppf((np.arange(1000) + 0.5) / 1000, n - 1)
    wald = share + z * math.sqrt(share * (1 - share) / n)
    made = keep_in_range(np.array([share]), wald[:, None], (0, 1), n_groups=n)[:, 0]
    center, of_n = share + z**2 / (2 * n), 1 + z**2 / n
    ends = (center + np.sign(z) * np.abs(z) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))) / of_n
    np.testing.assert_allclose(np.sort(made), np.sort(ends), atol=1e-12)
    if 0 < n_right < n:
        assert (np.diff(made) > 0).all()


def test_what_did_not_occur_may_still_occur_and_each_system_has_an_order_of_its_own() -> None:
    made = keep_in_range(np.array([1.0, 1.0, 0.0]), np.tile([1.0, 1.0, 0.0], (999, 1)), (0, 1), n_groups=20)
    low, high = np.percentile(made, [2.5, 97.5], axis=0)
    assert low[0] == pytest.approx(low[1]) == pytest.approx(1 / (1 + stats.t.ppf(0.975, 19) ** 2 / 20), abs=0.01)
    assert high[2] == pytest.approx(1 - low[0], abs=0.01) and high[0] == 1 and low[2] == 0
    assert abs(np.corrcoef(made.T)[0, 1]) < 0.1


def test_a_value_at_the_end_of_its_range_keeps_the_order_of_what_varies() -> None:
    made = keep_in_range(np.array([1.0, 0.0]), np.array([[1.0, 0.0], [1.2, -0.1], [0.9, 0.2]]), (0, 1), n_groups=5)
    assert made[2, 0] < made[0, 0] <= made[1, 0] and made[1, 1] <= made[0, 1] < made[2, 1]
    assert (made >= 0).all() and (made <= 1).all()
    assert compute_percentile_interval(1.0, made[:, 0]).high == 1


@pytest.mark.parametrize(
    ("metric", "bounds"),
    [(name, (-1, 1)) for name in ("spearman", "pearson")]
    + [
        (name, (0, 1))
        for name in (
            "accuracy macro_f1 f1 f1_PER f1_A&B f1_multi\nline precision recall recall_seen recall_unseen ndcg@10 mrr@10 "
            "recall@100 map mrr exact_match answer_f1 coverage@10 ndcg@10_cold recall@20_cold recall@20".split(" ")
        )
    ]
    + [(name, (-math.inf, math.inf)) for name in ("log_loss", "arp@10", "novelty@10", "latency_ms_p95", "anything")],
)
def test_every_metric_of_the_kinds_has_its_range(metric: str, bounds: tuple[float, float]) -> None:
    assert find_range(metric) == bounds
    assert find_largest_difference(metric) == bounds[1] - bounds[0]


def cells_and_scores(
    metric: str, systems: dict[str, np.ndarray], *, fraction: float = 1.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    scores = [
        {"origin": "domain", "method": name, "dim": None, "tuned": False, "seed": 0, "task": "t", "label_fraction": fraction}
        | {"unit_id": f"u{row}", "group_id": f"u{row}", "metric": metric, "value": value, "embedding": f"domain.{name}"}
        for name, values in systems.items()
        for row, value in enumerate(values)
    ]
    cells = [{"task": "t", "embedding": f"domain.{name}", "kind": "similarity"} for name in systems]
    return pd.DataFrame(scores), pd.DataFrame(cells)


def test_the_leaderboard_and_the_comparisons_stay_in_range() -> None:
    systems = {
        f"s{seed}": compute_spearman(*spearman_pairs(10, rho, seed=seed)) for seed, rho in enumerate((0.97, 0.9, -0.95))
    }
    coverage = compute_coverage(np.random.default_rng(0).integers(0, 6, (10, 3)), 6)
    for metric, group in {"spearman": systems, "coverage@10": {"a": coverage, "b": coverage[::-1]}}.items():
        scores, cells = cells_and_scores(metric, group)
        board = build_leaderboard(scores, GridCells("x", cells), MetricRules({"t": metric}), QUICK)
        low, high = find_range(metric)
        assert (board["ci_low"] >= low).all() and (board["ci_high"] <= high).all()
        assert (board["ci_low"] <= board["value"]).all() and (board["value"] <= board["ci_high"]).all()
        pairs = compare_embeddings(scores, resampling=QUICK)
        assert (pairs["ci_low"] >= low - high).all() and (pairs["ci_high"] <= high - low).all()
    assert board["value"].iloc[0] == pytest.approx(coverage.mean())


def test_curves_stay_in_range_though_draws_of_the_labels_add_noise() -> None:
    rng = np.random.default_rng(5)
    parts, draws = [], []
    for fraction, n_labels, level in ((0.1, 10, 0.97), (0.3, 30, 0.98), (0.6, 60, 0.99), (1.0, 100, 0.99)):
        right = {name: (rng.random(60) < level).astype(float) for name in "ab"}
        parts.append(cells_and_scores("accuracy", right, fraction=fraction)[0])
        if fraction < 1:
            draws += [
                {
                    "task": "t",
                    "embedding": f"domain.{name}",
                    "family": f"domain.{name}",
                    "n_labels": n_labels,
                    "label_fraction": fraction,
                    "class_share": fraction,
                }
                | {"folds": 1, "draw": draw, "value": 0.9 + 0.05 * draw}
                for name in "ab"
                for draw in range(3)
            ]
    curves, crossovers = build_learning_curves(
        gather_curve_scores(pd.concat(parts), pd.DataFrame(draws), {"t": "accuracy"}), QUICK
    )
    assert (curves["ci_low"] >= 0).all() and (curves["ci_high"] <= 1).all()
    said = curves.dropna(subset="doubling")
    assert (said["doubling_low"] >= -1).all() and (said["doubling_high"] <= 1).all()
    for at in ("difference_at_fewest", "difference_at_most"):
        assert (crossovers[f"{at}_low"] >= -1).all() and (crossovers[f"{at}_high"] <= 1).all()


def test_no_embedding_is_further_from_the_best_than_the_metric_reaches() -> None:
    rng = np.random.default_rng(6)
    scores = np.array([[1.0, 0.0, 0.5], [1.0, 0.0, 0.0], [1.0, 0.2, 1.0]])
    scored = Scored.of_units(Criterion("t", "accuracy", 0.01), SystemScores(scores, list("abc")), n_resamples=500, rng=rng)
    assert (check_non_inferiority(scored)[1] >= -1).all()


def test_word_sets_stay_in_range() -> None:
    rng = np.random.default_rng(7)
    words = [f"w{number}" for number in range(20)]
    vectors = WordVectors(words, np.ones(20, np.int64), rng.normal(size=(20, 3)).astype(np.float32))
    pairs = list(zip(words[:10], words[10:], strict=True))
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    found = measure_word_similarity(
        vectors, pairs, list((unit[:10] * unit[10:]).sum(axis=1) + rng.normal(size=10) / 5), rng=rng
    )
    assert 0.8 < found.value < found.high <= 1
    none = measure_share_among_nearest(vectors, pairs[:5], k=0)
    assert (none.value, none.low) == (0, 0) and none.high == pytest.approx(0.434, abs=1e-3)  # Wilson: 0 of 5


def test_pseudo_values_know_their_range_until_something_is_calculated_from_them() -> None:
    values = compute_spearman(*spearman_pairs(10, 0.9, seed=0))
    assert values.bounds == values[:, None].bounds == values[2:5].bounds == (-1, 1)
    assert type(values.mean()) is np.float64 and type(values + 1) is np.ndarray
    assert compute_ratio(np.array([1.0, 0.0]), np.array([2.0, 1.0])).bounds == (0, 1)
    assert compute_ratio(np.array([3.0, 0.0]), np.array([2.0, 1.0])).bounds == (-math.inf, math.inf)
    (found,) = compute_mean_intervals(values[:, None], n_resamples=1000, rng=np.random.default_rng(0))
    (plain,) = compute_mean_intervals(np.asarray(values)[:, None], n_resamples=1000, rng=np.random.default_rng(0))
    assert found.value == plain.value and found.high <= 1 < plain.high
