"""The decision among many candidates: compiled loops, and the same results."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.statistics.decision import dunnett, winner
from emb_pipeline.statistics.decision.dunnett import compare_with
from emb_pipeline.statistics.decision.non_inferiority import check_non_inferiority
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.decision.winner import correct_for_choosing, take_cheapest_shown
from emb_pipeline.statistics.system_scores import SystemScores


def make_candidates(n: int = 70) -> Scored:
    rng = np.random.default_rng(3)
    right = (rng.random((150, n)) < np.linspace(0.5, 0.8, n)).astype(np.float64)
    right[:, 5] = right[:, 6]
    systems = SystemScores(right, [f"e{number}" for number in range(n)])
    return Scored.of_units(Criterion("topic", "accuracy", 0.2), systems, n_resamples=400, rng=rng)


def test_many_candidates_are_held_against_each_other_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    scored = make_candidates()
    many = compare_with(scored.deviations, scored.deviations, themselves=True)
    p, bound = check_non_inferiority(scored)
    order = np.random.default_rng(0).permutation(len(scored.embeddings))
    best = int(scored.values.argmax())
    corrected = correct_for_choosing(scored, best, take_cheapest_shown(scored, order))
    for module in (dunnett, winner):
        monkeypatch.setattr(module, "MOST_IN_ALL_PAIRS", 1000)
    again = make_candidates()
    few = compare_with(again.deviations, again.deviations, themselves=True)
    np.testing.assert_allclose(many.spread, few.spread, atol=1e-9)
    np.testing.assert_allclose(many.largest, few.largest, atol=1e-6)
    expected_p, expected_bound = check_non_inferiority(again)
    np.testing.assert_allclose(p, expected_p, atol=1e-9)
    np.testing.assert_allclose(bound, expected_bound, atol=1e-9)
    expected = correct_for_choosing(again, best, take_cheapest_shown(again, order))
    assert (corrected.value, corrected.low, corrected.high) == pytest.approx((expected.value, expected.low, expected.high))
    assert 0 < (p <= 0.05).sum() < len(p)
