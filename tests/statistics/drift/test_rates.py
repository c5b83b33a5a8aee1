"""Shares of words in two samples of texts."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.statistics.drift.rates import compare_rates
from emb_pipeline.statistics.resampling import Resampling


def test_shares_are_of_all_words_and_their_difference_has_an_interval_over_texts() -> None:
    first = np.array([0, 1, 2, 1, 0]), np.array([10, 10, 20, 10, 0])
    second = np.array([5, 6, 4]), np.array([10, 12, 8])
    found = compare_rates(first, second, Resampling(resamples=400))
    assert found.first == pytest.approx(4 / 50) and found.second == pytest.approx(15 / 30)
    assert found.difference.value == pytest.approx(0.42) and 0.3 < found.difference.low < 0.42 < found.difference.high < 0.6


def test_one_text_has_a_share_and_no_interval() -> None:
    found = compare_rates((np.array([1]), np.array([4])), (np.array([1, 1]), np.array([2, 2])), Resampling(resamples=50))
    assert found.difference.value == pytest.approx(0.25) and np.isnan(found.difference.low)
