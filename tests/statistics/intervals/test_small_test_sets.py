"""What few test units can show: intervals that cover and have a width, and tests that see no more than there is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emb_pipeline.statistics.comparisons.claims import PAIR, check_claims
from emb_pipeline.statistics.comparisons.step_down import Tested, run_step_down_tests
from emb_pipeline.statistics.grid_cells import GridCells, MetricRules
from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means, compute_mean_intervals, keep_in_range, step_between
from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio, recover_numerators
from emb_pipeline.statistics.leaderboard import build_leaderboard
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import read_task_scores

QUICK = Resampling(resamples=500, permutations=199)


def right_or_wrong(n: int, share: float, n_sets: int, rng: np.random.Generator) -> np.ndarray:
    return (rng.random((n, n_sets)) < share).astype(float)


@pytest.mark.parametrize(("share", "n"), [(0.95, 20), (0.8, 10), (0.95, 50)])
def test_intervals_of_a_share_cover_it_and_are_never_without_width(share: float, n: int) -> None:
    """Plain percentiles have no width in 36 % of the sets of 20 at .95, and cover in 63 %."""
    rng = np.random.default_rng(1)
    scores = right_or_wrong(n, share, 1000, rng)
    resampled = bootstrap_means(scores, n_resamples=500, rng=rng)
    low, high = np.percentile(keep_in_range(scores.mean(axis=0), resampled, (0, 1), n_groups=n), [2.5, 97.5], axis=0)
    assert (high - low).min() > 0.05
    assert 0.93 <= ((low <= share) & (share <= high)).mean() <= 0.98


def test_a_share_of_grouped_units_is_covered_too() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(15), 4)
    of_groups = rng.beta(0.9 * 4, 0.1 * 4, (15, 600))
    scores = (rng.random((60, 600)) < of_groups[groups]).astype(float)  # intra-class correlation 1 / 5
    found = compute_mean_intervals(scores, n_resamples=500, rng=rng, groups=groups, bounds=(0, 1))
    naive = compute_mean_intervals(scores, n_resamples=500, rng=rng, bounds=(0, 1))
    covered, alone = (np.mean([each.low <= 0.9 <= each.high for each in some]) for some in (found, naive))
    assert alone < 0.91 < 0.93 <= covered <= 0.98


def test_two_systems_that_agree_on_every_unit_have_an_interval() -> None:
    """Agresti & Min: one unit on which they differ is added, so the standard error is step / n."""
    scores = np.repeat(right_or_wrong(20, 0.8, 1, np.random.default_rng(4)), 2, axis=1)
    resampled = bootstrap_means(scores, n_resamples=20_000, rng=np.random.default_rng(0), discordant=True)
    low, high = np.percentile(resampled[:, 0] - resampled[:, 1], [2.5, 97.5])
    by_hand = stats.t.ppf(0.975, 19) * np.sqrt(20 / 19) / 20
    assert (-low, high) == pytest.approx((by_hand, by_hand), rel=0.05)
    plain = bootstrap_means(scores, n_resamples=50, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(plain[:, 0], plain[:, 1])


def test_the_step_between_systems() -> None:
    assert step_between(np.array([[1.0, 0.0], [1.0, 1.0]])) == 1
    assert step_between(np.array([[0.5, 0.25], [1.0, 1.0]])) == 0.25
    assert step_between(np.ones((4, 2))) == 1  # none differs, and nothing says how much they could
    assert step_between(np.array([[0.2, 0.2], [0.7, 0.7]])) == pytest.approx(0.5)


def entities(n: int, n_entities: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Numerator and denominator of F1 of two equally good systems; entities are in few of the sentences."""
    gold = rng.multinomial(n_entities, rng.dirichlet(np.full(n, 0.3)))
    made = []
    for _ in range(2):
        right = rng.binomial(gold, 0.4)
        made.append((2 * right, gold + right + rng.poisson(0.7 * n_entities / n, n)))
    return made


def stored(counts: list[tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    rows = [
        {"origin": "domain", "method": name, "dim": None, "tuned": False, "seed": 0, "task": "t", "label_fraction": 1.0}
        | {"unit_id": f"u{row:03}", "group_id": f"u{row:03}", "metric": "f1", "value": value, "weight": weight}
        | {"embedding": f"domain.{name}"}
        for name, (above, below) in zip("ab", counts, strict=True)
        for row, (value, weight) in enumerate(zip(compute_ratio(above, below), below, strict=True))
    ]
    return pd.DataFrame(rows)


def test_equal_f1_of_few_sentences_is_called_different_in_five_percent_at_most() -> None:
    """Flips of pseudo-values reject in 10 to 17 %: each sentence without an entity holds the difference itself."""
    rng = np.random.default_rng(6)
    swapped, flipped, n = 0, 0, 150
    for _ in range(n):
        above, below = (np.column_stack(parts).astype(float) for parts in zip(*entities(20, 20, rng), strict=True))
        values = np.column_stack([compute_ratio(*parts) for parts in zip(above.T, below.T, strict=True)])
        (p,) = p_of(recover_numerators(values, below), below, rng)
        swapped += p <= 0.05
        (p,) = p_of(values, None, rng)
        flipped += p <= 0.05
    assert swapped <= 0.08 * n < flipped


def p_of(scores: np.ndarray, denominators: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    sets = [Tested(scores, np.array([[0, 1]]), denominators=denominators)]
    return run_step_down_tests(sets, n_permutations=199, rng=rng).p


def test_stored_scores_of_f1_are_tested_by_their_counts() -> None:
    counts = entities(20, 20, np.random.default_rng(8))
    (table,) = (check_claims(list(read_task_scores(stored(counts))), {"t": "f1"}, {}, QUICK),)
    above, below = (np.column_stack(parts).astype(float) for parts in zip(*counts, strict=True))
    (p,) = p_of(above, below, QUICK.create_rng())
    assert table["family"].tolist() == [PAIR] and table["p"].tolist() == pytest.approx([p])


def test_numerators_come_back_from_stored_scores() -> None:
    (above, below), _ = entities(15, 30, np.random.default_rng(7))
    values = compute_ratio(above, below)
    np.testing.assert_allclose(recover_numerators(values[:, None], below[:, None])[:, 0], above, atol=1e-9)


def test_nothing_wrong_among_eight_entities_says_less_than_nothing_wrong_among_twenty_sentences() -> None:
    below = np.array([2] * 8 + [0] * 12)
    scores = stored([(below, below), (below, below)])
    cells = pd.DataFrame([{"task": "t", "embedding": f"domain.{name}", "kind": "tagging"} for name in "ab"])
    board = build_leaderboard(scores, GridCells("x", cells), MetricRules({"t": "f1"}), QUICK)
    assert (board["ci_high"] == 1).all()
    assert board["ci_low"].iloc[0] == pytest.approx(1 / (1 + stats.t.ppf(0.975, 7) ** 2 / 8), abs=0.02)
