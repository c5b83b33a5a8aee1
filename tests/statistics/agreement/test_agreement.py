"""Made and real queries: intervals hold for planted truths, and differences are corrected where that is valid alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.agreement.corrected_difference import (
    correct_differences,
    estimate_differences,
    estimate_shift,
)
from emb_pipeline.statistics.agreement.options import AgreementOptions
from emb_pipeline.statistics.agreement.rank_correlation import estimate_rank_agreement
from emb_pipeline.statistics.agreement.table import AGREEMENT, AGREEMENT_PAIRS, compare_tasks
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores

REPETITIONS = 800
TRUTH, BIAS = 0.03, 0.02
RESAMPLING = Resampling(resamples=200)


def draw_passages(n: int, correlation: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Differences on real and on made queries of the same passages: shape (n, 1) each; made ones are off by `BIAS`."""
    shared, own = rng.normal(size=(2, n, 1))
    made = correlation * shared + np.sqrt(1 - correlation**2) * own
    return TRUTH + 0.3 * shared, TRUTH + BIAS + 0.3 * made


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_the_corrected_difference_covers_the_truth_and_gains_by_made_queries(correlation: float) -> None:
    rng = np.random.default_rng(0)
    covered, effective = [], []
    for _ in range(REPETITIONS):
        real, made = draw_passages(350, correlation, rng)
        found = correct_differences(real[:50], made[:50], made[50:], 0.05)
        covered.append(found.low[0] <= TRUTH <= found.high[0])
        effective.append(found.effective_units[0])
    assert 0.93 <= np.mean(covered) <= 0.97
    # 50 real queries are worth n / (1 - r² N / (n + N)) at the best weight.
    expected = 50 / (1 - correlation**2 * 300 / 350)
    assert np.mean(effective) == pytest.approx(expected, rel=0.12)


@pytest.mark.slow
def test_differences_that_are_mostly_zero_are_covered_too() -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(REPETITIONS):
        kind = rng.choice([-0.5, 0.0, 0.0, 0.0, 0.6], size=(350, 1))
        made = np.where(rng.random((350, 1)) < 0.7, kind, rng.choice([-0.5, 0.0, 0.0, 0.0, 0.6], size=(350, 1)))
        found = correct_differences(kind[:50], made[:50], made[50:], 0.05)
        covered.append(found.low[0] <= 0.02 <= found.high[0])
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.slow
def test_the_shift_of_made_queries_and_the_difference_on_real_ones_are_covered() -> None:
    rng = np.random.default_rng(2)
    shifts, plain = [], []
    for _ in range(REPETITIONS):
        real, _ = draw_passages(40, 0.5, rng)
        _, made = draw_passages(150, 0.5, rng)
        shift, alone = estimate_shift(made, real, 0.05), estimate_differences(real, 0.05)
        shifts.append(shift.low[0] <= BIAS <= shift.high[0])
        plain.append(alone.low[0] <= TRUTH <= alone.high[0])
    assert 0.93 <= np.mean(shifts) <= 0.97 and 0.93 <= np.mean(plain) <= 0.97


def test_made_queries_that_are_off_do_not_bias_the_corrected_difference() -> None:
    rng = np.random.default_rng(3)
    values = []
    for _ in range(400):
        real, made = draw_passages(350, 0.9, rng)
        values.append(correct_differences(real[:50], made[:50] + 5, made[50:] + 5, 0.05).values[0])
    assert np.mean(values) == pytest.approx(TRUTH, abs=3 * np.std(values) / 20)


def test_made_queries_of_other_passages_than_real_ones_would_bias_it() -> None:
    """The reason why queries that were found are not corrected: popular passages are not like the others."""
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(400):
        real, made = draw_passages(350, 0.9, rng)
        made[50:] += 0.2  # what people ask about is harder for the first embedding than the rest
        found = correct_differences(real[:50], made[:50], made[50:], 0.05)
        covered.append(found.low[0] <= TRUTH <= found.high[0])
    assert np.mean(covered) < 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([0.2, 0.4, 0.6, 0.8], 1.0),
        ([0.8, 0.6, 0.4, 0.2], -1.0),
        ([0.2, 0.6, 0.4, 0.8], 2 / 3),
        ([0.5, 0.51, 0.49, 0.5], 1 / 6),
    ],
)
def test_the_interval_of_tau_covers_the_truth(made: list[float], expected: float) -> None:
    rng = np.random.default_rng(5)
    real_means, made_means = np.array([0.3, 0.4, 0.5, 0.6]), np.array(made)
    first, second = np.triu_indices(4, 1)
    truth = (np.sign(real_means[first] - real_means[second]) * np.sign(made_means[first] - made_means[second])).mean()
    covered, widths = [], []
    for _ in range(100):
        real, many = (means + rng.normal(0, 0.3, (n, 4)) for means, n in ((real_means, 50), (made_means, 300)))
        found = estimate_rank_agreement(many, real, n_resamples=200, level=0.05, rng=rng)
        covered.append(found.low - 1e-9 <= truth <= found.high + 1e-9)
        widths.append(found.high - found.low)
    if made != [0.5, 0.51, 0.49, 0.5]:
        assert truth == pytest.approx(expected)
        assert np.mean(widths) < 1.6  # it says something
    assert np.mean(covered) >= 0.95


def test_quantiles_of_a_resampled_tau_would_not_cover_it() -> None:
    rng = np.random.default_rng(6)
    means = np.linspace(0.3, 0.5, 8)
    first, second = np.triu_indices(8, 1)
    covered = []
    for _ in range(50):
        real = means + rng.normal(0, 0.3, (50, 8))
        drawn = real[rng.integers(0, 50, (200, 50))].mean(axis=1)
        tau = (np.sign(drawn[:, first] - drawn[:, second]) * np.sign(means[first] - means[second])).mean(axis=1)
        covered.append(np.quantile(tau, 0.975) >= 1)
    assert np.mean(covered) < 0.5


def test_tau_counts_pairs_by_hand() -> None:
    rng = np.random.default_rng(7)
    made = np.array([0.1, 0.2, 0.9]) + rng.normal(0, 0.001, (30, 3))
    real = np.array([0.2, 0.1, 0.9]) + rng.normal(0, 0.001, (20, 3))
    found = estimate_rank_agreement(made, real, n_resamples=200, level=0.05, rng=rng)
    assert (found.tau, found.low, found.high) == (pytest.approx(1 / 3), pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert (found.n_pairs, found.n_decided, found.n_agreeing) == (3, 3, 2)


def test_equal_embeddings_leave_their_order_open() -> None:
    same = np.random.default_rng(8).normal(size=(20, 1)).repeat(2, axis=1)
    found = estimate_rank_agreement(same, same, n_resamples=200, level=0.05, rng=np.random.default_rng(9))
    assert (found.tau, found.low, found.high, found.n_decided) == (0.0, -1.0, 1.0, 0)


def test_too_few_passages_are_refused() -> None:
    values = np.zeros((9, 1))
    with pytest.raises(ValueError, match="9 passages with real queries"):
        correct_differences(values, values, values, 0.05)
    with pytest.raises(ValueError, match="cannot be compared"):
        estimate_rank_agreement(np.zeros((5, 3)), np.zeros((5, 2)), n_resamples=100, level=0.05, rng=np.random.default_rng())


NAMES = ["domain.a", "domain.b", "control.random"]


def scored(task: str, units: list[str], values: np.ndarray) -> TaskScores:
    cells: list[dict[str, object]] = [{"family": name, "origin": name.partition(".")[0]} for name in NAMES]
    return TaskScores(task, NAMES, cells, np.arange(len(units)), {"ndcg@10": values}, None, None, units=units)


def compare(
    real_queries: str = "written_for_drawn_passages", n_real: int = 30, shifted: float = 0.0
) -> tuple[pd.Series, pd.DataFrame]:
    """Two made queries for each of 200 passages, and one real one for each of the first ``n_real``."""
    rng = np.random.default_rng(10)
    quality = rng.normal(0, 0.3, (200, 1))
    both = 0.5 + np.hstack([quality, np.zeros((200, 1)), -np.ones((200, 1))])
    made = np.repeat(both, 2, axis=0) + rng.normal(0, 0.05, (400, 3))
    made[2 * n_real :, 0] += shifted
    real = both[:n_real] + rng.normal(0, 0.05, (n_real, 3))
    of_made = {f"m{row}": f"p{row // 2}" for row in range(400)}
    of_real = {f"r{row}": f"p{row}" for row in range(n_real)}
    summary, pairs = compare_tasks(
        scored("docs_made", list(of_made), made),
        scored("docs_real", list(of_real), real),
        "ndcg@10",
        (of_made, of_real),
        AgreementOptions(made="docs_made", real="docs_real", real_queries=real_queries),
        RESAMPLING,
    )
    assert list(summary) == list(AGREEMENT) and list(pairs) == list(AGREEMENT_PAIRS)
    return summary.iloc[0], pairs


def test_the_table_has_units_of_passages_without_controls() -> None:
    row, pairs = compare()
    assert (row["n_embeddings"], row["n_made"], row["n_real"], row["n_paired"]) == (2, 200, 30, 30)
    assert pairs[["embedding_a", "embedding_b"]].values.tolist() == [["domain.a", "domain.b"]]


def test_differences_are_corrected_where_queries_were_written_for_drawn_passages() -> None:
    row, pairs = compare()
    pair = pairs.iloc[0]
    assert pd.isna(row["uncorrected_because"])
    assert pair["corrected_high"] - pair["corrected_low"] < 0.6 * (
        pair["real_difference_high"] - pair["real_difference_low"]
    )
    assert pair["effective_units"] > 60 and 0.5 < pair["weight"] <= 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"real_queries": "found"}, "not written for passages"),
        ({"n_real": 9}, "10 are the fewest"),
        ({"shifted": 1.0}, "no random sample"),
    ],
)
def test_differences_are_not_corrected_where_that_is_not_valid(changes: dict[str, object], reason: str) -> None:
    row, pairs = compare(**changes)  # type: ignore[arg-type]
    assert reason in row["uncorrected_because"]
    assert pairs["corrected"].isna().all() and pairs["shift"].notna().all()


def test_nothing_is_compared_with_one_embedding_in_common() -> None:
    made, real = (scored(task, ["a", "b"], np.eye(2, 3)) for task in ("made", "real"))
    alone = TaskScores("real", NAMES[1:], real.cells[1:], real.groups, real.metrics, None, None, units=real.units)
    summary, pairs = compare_tasks(made, alone, "ndcg@10", ({}, {}), AgreementOptions(made="made", real="real"), RESAMPLING)
    assert summary.empty and pairs.empty
