"""The conditional random field, against sums over all tag sequences."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.tasks.probes import crf
from emb_pipeline.tasks.probes.crf import FORBIDDEN, CrfCoefficients, LinearChainCrf, TokenVectors

STARTS = np.array([0, 4, 5, 8])
CODES = np.array([0, 1, 2, 0, 1, 0, 0, 1])
ALLOWED = np.array([[True, True, False], [True, True, True], [True, True, True], [True, True, False]])


@pytest.fixture
def vectors() -> TokenVectors:
    rng = np.random.default_rng(0)
    return TokenVectors(rng.normal(size=(5, 2)).astype(np.float32), rng.integers(0, 5, 8), STARTS)


@pytest.fixture
def coefficients() -> CrfCoefficients:
    rng = np.random.default_rng(1)
    return CrfCoefficients(
        rng.normal(size=(2, 3, 3)).astype(np.float32),
        rng.normal(size=3).astype(np.float32),
        np.where(ALLOWED, rng.normal(size=(4, 3)), FORBIDDEN).astype(np.float32),
    )


def _score(vectors: TokenVectors, coefficients: CrfCoefficients, sentence: int, tags: tuple[int, ...]) -> float:
    start, end = STARTS[sentence], STARTS[sentence + 1]
    total = 0.0
    for position, tag in enumerate(tags):
        total += coefficients.intercepts[tag] + coefficients.steps[tags[position - 1] if position else 3, tag]
        for offset in (-1, 0, 1):
            if start <= start + position + offset < end:
                row = vectors.rows[vectors.places[start + position + offset]]
                total += row @ coefficients.weights[:, offset + 1, tag]
    return float(total)


def test_likelihood_and_best_tags_are_those_of_all_sequences_written_out(
    vectors: TokenVectors, coefficients: CrfCoefficients
) -> None:
    logs, best = [], []
    for sentence in range(3):
        length = int(STARTS[sentence + 1] - STARTS[sentence])
        scores = {tags: _score(vectors, coefficients, sentence, tags) for tags in product(range(3), repeat=length)}
        right = tuple(CODES[STARTS[sentence] : STARTS[sentence + 1]].tolist())
        logs.append(scores[right] - np.logaddexp.reduce(list(scores.values())))
        best.extend(max(scores, key=lambda tags: scores[tags]))
    np.testing.assert_allclose(coefficients.log_likelihoods(vectors, CODES), logs, rtol=1e-5)
    assert coefficients.decode(vectors).tolist() == best


def test_gradients_are_finite_differences_of_the_loss(vectors: TokenVectors, coefficients: CrfCoefficients) -> None:
    model = LinearChainCrf(vectors, CODES, ALLOWED, window=1)
    gradients = model._evaluate_fit(coefficients).gradients
    flat, shape = crf._flatten(coefficients).astype(np.float64), (2, 3, 3)
    for place, gradient in enumerate(crf._flatten(gradients)):
        step = np.zeros_like(flat)
        step[place] = 1e-2
        losses = [model._evaluate_fit(crf._unflatten((flat + sign * step), shape)).loss for sign in (1, -1)]
        assert gradient == pytest.approx((losses[0] - losses[1]) / 2e-2, abs=2e-4)


def test_without_steps_between_tags_it_is_logistic_regression() -> None:
    """Sentences of one token have no steps but the first, which a regression takes for its intercept."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(3)
    rows, codes = rng.normal(size=(60, 3)).astype(np.float32), rng.integers(0, 3, 60)
    rows[codes == 1, 0] += 1.5
    everything = np.ones((4, 3), dtype=bool)
    model = LinearChainCrf(TokenVectors(rows, np.arange(60), np.arange(61)), codes, everything, window=0)
    found = model.fit(0.5, tolerance=1e-9, max_iterations=1000)
    expected = LogisticRegression(C=0.5, tol=1e-8, max_iter=10_000).fit(rows, codes)
    weights = found.weights[:, 0].T
    np.testing.assert_allclose(weights - weights.mean(axis=0), expected.coef_ - expected.coef_.mean(axis=0), atol=2e-3)


def test_forbidden_steps_are_never_decoded(vectors: TokenVectors) -> None:
    fitted = LinearChainCrf(vectors, CODES, ALLOWED, window=1).fit(1.0)
    tags = fitted.decode(vectors)
    before = np.concatenate([[3], tags[:-1]])
    before[STARTS[:-1]] = 3
    assert ALLOWED[before, tags].all()


def test_sparse_and_dense_rows_have_the_same_solution(vectors: TokenVectors) -> None:
    dense = LinearChainCrf(vectors, CODES, ALLOWED, window=1).fit(1.0, tolerance=1e-8, max_iterations=500)
    sparse_vectors = vectors.with_rows(sp.csr_array(vectors.rows))
    sparse = LinearChainCrf(sparse_vectors, CODES, ALLOWED, window=1).fit(1.0, tolerance=1e-8, max_iterations=500)
    np.testing.assert_allclose(sparse.weights, dense.weights, atol=1e-3)


def test_equal_rows_held_once_give_what_repeated_rows_give(vectors: TokenVectors, coefficients: CrfCoefficients) -> None:
    repeated = TokenVectors(vectors.rows[vectors.places], np.arange(8), STARTS)
    np.testing.assert_allclose(
        coefficients.log_likelihoods(repeated, CODES), coefficients.log_likelihoods(vectors, CODES), rtol=1e-5
    )
    part = vectors.of_sentences(np.array([2, 0]))
    np.testing.assert_array_equal(part.rows[part.places], vectors.rows[vectors.places[[5, 6, 7, 0, 1, 2, 3]]])
    assert part.starts.tolist() == [0, 3, 7]
