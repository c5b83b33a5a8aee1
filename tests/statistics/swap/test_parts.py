"""Gains on parts of the test units: all their intervals hold at once."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.statistics.intervals.simultaneous import FEWEST_OF_PART
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.swap.common_units import CommonUnits
from emb_pipeline.statistics.swap.encoding_costs import estimate_encoding
from emb_pipeline.statistics.swap.parts import compute_gain, compute_gains_of_parts

RESAMPLING = Resampling(resamples=1000, seed=1)


def _pair(deployed: np.ndarray, candidate: np.ndarray) -> CommonUnits:
    n = len(deployed)
    names = [f"u{number}" for number in range(n)]
    return CommonUnits(names, deployed, candidate, np.array(names), n, n)


def test_gains_by_hand() -> None:
    found = _pair(np.array([0.0, 1, 0, 1] * 10), np.array([1.0, 1, 0, 0] * 10))
    parts = {"class": {"first": found.units[:2], "odd": found.units[::2], "gone": ["elsewhere"]}}
    first, odd = compute_gains_of_parts(found, "accuracy", parts, RESAMPLING)
    assert (first.n_units, first.deployed, first.candidate, first.gain) == (2, 0.5, 1.0, 0.5)
    assert np.isnan([first.low, first.high, first.p]).all()
    assert (odd.n_units, odd.gain) == (FEWEST_OF_PART, 0.5) and odd.low < 0.5 < odd.high and odd.p < 0.05
    whole = compute_gain(found, "accuracy", RESAMPLING)
    assert whole.gain == 0 and whole.low < 0 < whole.high and whole.p > 0.9


def test_two_that_agree_on_each_unit_have_an_interval() -> None:
    found = _pair(np.array([0.0, 1] * 20), np.array([0.0, 1] * 20))
    (gain,) = compute_gains_of_parts(found, "accuracy", {"class": {"all": found.units}}, RESAMPLING)
    assert gain.low < 0 < gain.high and gain.p > 0.9


def test_nothing_in_common_has_no_gain() -> None:
    none = _pair(np.zeros(0), np.zeros(0))
    assert compute_gains_of_parts(none, "accuracy", {"class": {"a": ["u0"]}}, RESAMPLING) == []
    assert compute_gain(none, "accuracy", RESAMPLING).n_units == 0


@pytest.mark.slow
def test_all_intervals_hold_at_once() -> None:
    """Ten classes of very different size, and two halves across them; gains of 0 to 9 points."""
    rng, all_held, none_found = np.random.default_rng(2), [], []
    sizes = [20, 20, 30, 30, 40, 50, 60, 80, 120, 150]
    of_class = np.repeat(np.arange(10), sizes)
    for run in range(300):
        deployed = (rng.random(600) < 0.7).astype(float)
        gained, lost = rng.random(600) < 0.1 + of_class / 100, rng.random(600) < 0.1
        candidate = np.where(gained & (deployed == 0), 1.0, np.where(lost & (deployed == 1), 0.0, deployed))
        truth = 0.3 * (0.1 + np.arange(10) / 100) - 0.07
        found = _pair(deployed, candidate)
        names = np.array(found.units)
        parts = {"class": {str(number): names[of_class == number].tolist() for number in range(10)}}
        gains = compute_gains_of_parts(found, "accuracy", parts, Resampling(resamples=400, seed=run))
        all_held.append(all(gain.low <= truth[int(gain.part)] <= gain.high for gain in gains))
        same = _pair(deployed, np.where(rng.random(600) < 0.2, rng.permutation(deployed), deployed))
        none_found.append(
            all(each.p > 0.05 for each in compute_gains_of_parts(same, "accuracy", parts, Resampling(400, seed=run)))
        )
    assert np.mean(all_held) > 0.93 and np.mean(none_found) > 0.92


def test_costs_by_hand() -> None:
    found = estimate_encoding(1_000_000, n_measured=500, encode_seconds=2.0, bytes_per_item=1536, usd_per_million_texts=3.0)
    assert (found.texts_per_second, found.seconds, found.n_bytes, found.usd) == (250, 4000, 1.536e9, 3.0)
    unknown = estimate_encoding(10, n_measured=5, encode_seconds=0.0, bytes_per_item=4, usd_per_million_texts=float("nan"))
    assert np.isnan([unknown.seconds, unknown.usd]).all()
    none = estimate_encoding(10, n_measured=0, encode_seconds=1.0, bytes_per_item=4, usd_per_million_texts=0.0)
    assert np.isnan(none.seconds) and none.n_bytes == 40
