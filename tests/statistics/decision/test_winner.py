"""What was chosen by its score is quoted without what choosing adds to it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.decision.winner import (
    correct_for_choosing,
    estimate_likely_means,
    take_cheapest_shown,
    take_highest,
)
from emb_pipeline.statistics.system_scores import SystemScores


def _scored(quantiles: np.ndarray, n: int, rng: np.random.Generator, margin: float = 0.01) -> Scored:
    latent = np.sqrt(0.6) * rng.standard_normal((n, 1)) + np.sqrt(0.4) * rng.standard_normal((n, len(quantiles)))
    scores = (latent < quantiles).astype(float)
    names = [f"e{number}" for number in range(len(quantiles))]
    return Scored.of_units(Criterion("t", "accuracy", margin), SystemScores(scores, names), n_resamples=400, rng=rng)


@pytest.mark.slow
@pytest.mark.parametrize(("lead", "largest_bias"), [(0.0, 0.012), (1.0, 0.012)])
def test_the_best_of_many_is_quoted_without_bias_and_its_interval_holds_the_truth(lead: float, largest_bias: float) -> None:
    rng = np.random.default_rng(12)
    quantiles = np.full(20, 0.5)
    quantiles[3] += lead
    truth = norm.cdf(quantiles)
    measured, corrected, held = [], [], []
    for _ in range(120):
        scored = _scored(quantiles, 200, rng)
        best = int(scored.values.argmax())
        found = correct_for_choosing(scored, best, take_highest)
        measured.append(scored.values[best] - truth[best])
        corrected.append(found.value - truth[best])
        held.append(found.low <= truth[best] <= found.high)
    assert abs(np.mean(corrected)) < largest_bias and np.mean(held) >= 0.92
    assert lead or np.mean(measured) > 0.04  # what the correction is for


def test_what_leads_clearly_is_not_corrected() -> None:
    scored = _scored(np.r_[1.5, np.zeros(9)], 1000, np.random.default_rng(1))
    found = correct_for_choosing(scored, 0, take_highest)
    np.testing.assert_array_equal(estimate_likely_means(scored), scored.values)
    assert found.value == scored.values[0] and found.high - found.low < 0.05


def test_a_choice_that_scores_do_not_decide_adds_nothing() -> None:
    """The cheapest of many that are all shown to be not inferior is the cheapest whatever the scores are."""
    scored = _scored(np.full(10, 0.5), 400, np.random.default_rng(2), margin=0.5)
    rule = take_cheapest_shown(scored, np.arange(10))
    assert (rule(scored.resampled) == 0).all()
    assert correct_for_choosing(scored, 0, rule).value == pytest.approx(scored.values[0], abs=0.002)
