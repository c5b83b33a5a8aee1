"""A classifier of two samples: its area, its interval, and its permutation test."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from emb_pipeline.statistics.drift.two_samples import FOLDS, PENALTY, Separation, separate_samples
from emb_pipeline.statistics.resampling import Resampling


def _draw(shift: float, n: int = 60, dim: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    is_second = np.repeat([False, True], n)
    texts = rng.standard_normal((2 * n, dim)) + shift * is_second[:, None]
    return texts / np.sqrt(dim), is_second, rng.permutation(2 * n) % FOLDS


def _separate(texts: np.ndarray, is_second: np.ndarray, folds: np.ndarray, n_permuted: int = 99) -> Separation:
    n = len(is_second)
    return separate_samples(texts @ texts[:n].T, is_second, folds, np.arange(n), Resampling(), n_permuted)


def test_scores_are_those_of_ridge_regression_on_the_other_folds_and_the_area_is_of_pairs_within_a_fold() -> None:
    texts, is_second, folds = _draw(0.5)
    found = _separate(texts, is_second, folds)
    right = pairs = 0.0
    for fold in range(FOLDS):
        rows = folds == fold
        sides = np.where(is_second, 1.0, -1.0)[~rows]
        ridge = Ridge(PENALTY, fit_intercept=False).fit(texts[~rows], sides - sides.mean())
        assert found.scores[rows] == pytest.approx(ridge.predict(texts[rows]), abs=1e-3)
        n_pairs = is_second[rows].sum() * (~is_second[rows]).sum()
        right, pairs = right + n_pairs * roc_auc_score(is_second[rows], found.scores[rows]), pairs + n_pairs
    assert found.area.value == pytest.approx(right / pairs, abs=1e-6)
    assert found.area.low < found.area.value < found.area.high


def test_samples_of_one_source_are_not_told_apart_and_shifted_ones_are() -> None:
    none = [_separate(*_draw(0.0, seed=seed), n_permuted=39) for seed in range(40)]
    assert np.mean([each.area.low <= 0.5 <= each.area.high for each in none]) >= 0.85
    assert np.mean([each.p <= 0.05 for each in none]) <= 0.15
    shifted = _separate(*_draw(1.0))
    assert shifted.area.low > 0.8 and shifted.p == 1 / 100


def test_samples_without_overlap_have_an_interval_below_one() -> None:
    found = _separate(*_draw(30.0))
    assert found.area.value == found.area.high == 1 and 0.8 < found.area.low < 1


def test_texts_that_only_are_scored_change_nothing() -> None:
    texts, is_second, folds = _draw(0.5)
    alone = _separate(texts, is_second, folds)
    more = _separate(np.concatenate([texts, texts[:7]]), is_second, np.concatenate([folds, folds[:7]]))
    assert more.area == alone.area and np.array_equal(more.scores[-7:], alone.scores[:7])


def test_a_sample_is_not_told_from_itself_however_it_is_learned() -> None:
    texts, _, folds = _draw(0.0)
    found = _separate(np.concatenate([texts, texts]), np.repeat([False, True], len(texts)), np.tile(folds, 2))
    assert found.area.value == 0.5 and found.p > 0.2


def test_folds_without_both_sides_are_refused() -> None:
    texts, is_second, _ = _draw(0.0)
    with pytest.raises(ValueError, match="no fold has texts of both samples"):
        _separate(texts, is_second, is_second.astype(int))
