"""Label purity of neighbors."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.neighbors import NearestNeighbors

from emb_pipeline.diagnostics.label_purity import measure_label_purity


@pytest.mark.parametrize("convert", [np.asarray, sp.csr_array])
def test_it_is_that_of_scikit_learns_neighbors(convert: type) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((600, 8)).astype(np.float32)
    classes = (vectors[:, 0] > 0).astype(int)
    found = NearestNeighbors(n_neighbors=11, metric="cosine").fit(vectors).kneighbors(vectors, return_distance=False)[:, 1:]
    expected = (classes[found] == classes[:, None]).mean()
    assert measure_label_purity(convert(vectors), classes, np.arange(600)) == pytest.approx(expected, abs=1e-4)


def test_by_hand_with_a_tie_at_the_border() -> None:
    """Of the first text the two others are equally near, and one is wanted: half of it is of its class."""
    vectors = np.array([[1.0, 0], [1, 1], [1, -1]])
    assert measure_label_purity(vectors, np.array([0, 0, 1]), np.arange(3), k=1) == pytest.approx((0.5 + 1 + 0) / 3)


def test_copies_are_no_neighbors() -> None:
    rng = np.random.default_rng(1)
    once = rng.standard_normal((40, 5))
    classes, groups = np.tile(rng.integers(0, 2, 40), 2), np.tile(np.arange(40), 2)
    vectors = np.vstack([once, once])
    apart = measure_label_purity(vectors, classes, groups, k=1)
    assert measure_label_purity(vectors, classes, np.arange(80), k=1) == 1.0 and apart < 0.8


def test_vectors_of_zeros_are_as_pure_as_chance() -> None:
    classes = np.array([0] * 30 + [1] * 10)
    same = (30 * 29 + 10 * 9) / (40 * 39)
    assert measure_label_purity(np.zeros((40, 3)), classes, np.arange(40)) == pytest.approx(same)


def test_without_neighbors_there_is_none() -> None:
    assert np.isnan(measure_label_purity(np.ones((3, 2)), np.zeros(3), np.zeros(3)))
