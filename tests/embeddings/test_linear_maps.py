"""Maps between two embeddings: a planted one is found, and noise makes it worse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group
from sklearn.linear_model import RidgeCV

from emb_pipeline.embeddings.linear_maps import MAPS, PENALTIES, fit_map, fit_procrustes, fit_ridge


def _draw(n: int, dim: int = 6) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(4)
    return rng, rng.normal(size=(n, dim)) + 3


def test_a_planted_rotation_is_found_exactly() -> None:
    _, source = _draw(20)
    rotation = ortho_group.rvs(6, random_state=1)
    found = fit_procrustes(source, 2.5 * source @ rotation + 7)
    np.testing.assert_allclose(found.weights, 2.5 * rotation, atol=1e-9)
    np.testing.assert_allclose(found.apply(source), 2.5 * source @ rotation + 7, rtol=1e-5)


def test_a_rotation_by_hand() -> None:
    source = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
    np.testing.assert_allclose(fit_procrustes(source, source @ quarter).weights, quarter, atol=1e-12)


def test_it_is_what_scipy_finds_and_dimensions_may_differ() -> None:
    rng, source = _draw(40)
    target = rng.normal(size=(40, 6))
    x, y = source - source.mean(axis=0), target - target.mean(axis=0)
    rotation, total = orthogonal_procrustes(x, y)
    np.testing.assert_allclose(fit_procrustes(source, target).weights, rotation * total / (x**2).sum(), atol=1e-9)
    narrow = fit_procrustes(source, target[:, :4]).weights
    assert narrow.shape == (6, 4)
    np.testing.assert_allclose(narrow.T @ narrow, np.eye(4) * (narrow[:, 0] @ narrow[:, 0]), atol=1e-9)


def test_ridge_is_what_scikit_learn_finds() -> None:
    rng, source = _draw(30)
    target = source @ rng.normal(size=(6, 3)) + rng.normal(size=(30, 3))
    centered = source - source.mean(axis=0)
    unit = (centered**2).sum() / 6
    oracle = RidgeCV([penalty * unit for penalty in PENALTIES]).fit(source, target)
    np.testing.assert_allclose(fit_ridge(source, target).weights, oracle.coef_.T, rtol=1e-6)


def test_ridge_finds_any_planted_map() -> None:
    rng, source = _draw(200)
    planted = rng.normal(size=(6, 9))
    np.testing.assert_allclose(fit_ridge(source, source @ planted - 2).apply(source), source @ planted - 2, atol=5e-3)


@pytest.mark.parametrize("name", MAPS)
def test_noise_makes_a_map_worse_and_more_pairs_make_it_better(name: str) -> None:
    rng, source = _draw(2000)
    target = source @ ortho_group.rvs(6, random_state=1)

    def lose(n_pairs: int, noise: float) -> float:
        noisy = target[:n_pairs] + noise * rng.normal(size=(n_pairs, 6))
        return float(((fit_map(name, source[:n_pairs], noisy).apply(source[1000:]) - target[1000:]) ** 2).mean())  # type: ignore[arg-type]

    assert lose(20, 0.1) < lose(20, 0.5) < lose(20, 2.0)
    assert lose(1000, 0.5) < lose(100, 0.5) < lose(10, 0.5)


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        fit_procrustes(np.ones((1, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="3 vectors to map, and 2"):
        fit_ridge(np.ones((3, 2)), np.ones((2, 2)))
