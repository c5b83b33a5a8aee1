"""Pairs that share a text depend on each other, and tests and intervals know it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.comparisons.pairs import run_sign_flip_tests
from emb_pipeline.statistics.intervals.dyadic import estimate_dyadic_excess
from emb_pipeline.statistics.score_tables import read_task_scores


def pairs_of_texts(n_pairs: int, uses: int, rng: np.random.Generator) -> np.ndarray:
    """Each text is in as many pairs, drawn at random."""
    texts = np.repeat(np.arange(2 * n_pairs // uses), uses)
    return rng.permutation(texts).reshape(n_pairs, 2)


def systems(texts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two systems, equally good, for each of which each text has an effect of its own."""
    effects = rng.normal(size=(texts.max() + 1, 2))
    return np.asarray(effects[texts[:, 0]] + effects[texts[:, 1]] + rng.normal(size=(len(texts), 2)))


def test_by_hand() -> None:
    """Deviations 1, 2, -3, 0; the pairs 0 and 1 share a text, 1 and 2 another one; twice their products, over n²."""
    texts = np.array([[0, 1], [1, 2], [2, 3], [4, 5]])
    found = estimate_dyadic_excess(np.array([[1.0], [2.0], [-3.0], [0.0]]), texts)
    assert found.covariance == pytest.approx(0)  # 2 (1·2 + 2·-3) / 16 < 0: no less than that of independent pairs
    found = estimate_dyadic_excess(np.array([[1.0], [2.0], [3.0], [-6.0]]), texts)
    number = 8**2 / (1 + 4 + 4 + 1 + 1 + 1)  # of texts: in 1, 2, 2, 1, 1 and 1 pairs
    assert found.covariance == pytest.approx(2 * (1 * 2 + 2 * 3) / 16 * number / (number - 1))
    assert found.freedom == pytest.approx(number - 1)


def test_pairs_of_the_same_two_texts_and_of_a_text_with_itself_are_counted_once() -> None:
    """All that the copies share is in the group of the two texts already, whichever of them stands first."""
    assert not estimate_dyadic_excess(np.array([[1.0], [2.0], [-3.0]]), np.array([[0, 1], [1, 0], [2, 2]])).covariance.any()
    texts = np.array([[0, 1], [1, 0], [0, 2], [3, 3]])
    found = estimate_dyadic_excess(np.array([[1.0], [1.0], [1.0], [-3.0]]), texts)
    number = 7**2 / (9 + 4 + 1 + 1)
    assert found.covariance == pytest.approx(2 * 2 / 16 * number / (number - 1))


@pytest.mark.slow
def test_equal_systems_are_called_different_in_five_percent() -> None:
    """Each text is in five pairs."""
    uses, ignored = 5, 0.2
    rng, n = np.random.default_rng(5), 150
    rejected = {"ignored": 0, "known": 0}
    for _ in range(n):
        texts = pairs_of_texts(300, uses, rng)
        scores = systems(texts, rng)
        for name, extra in (("ignored", None), ("known", estimate_dyadic_excess(scores, texts))):
            rejected[name] += run_sign_flip_tests(scores, n_permutations=199, rng=rng, extra=extra)[0][0] <= 0.05
    assert rejected["ignored"] > ignored * n
    assert 0.02 * n <= rejected["known"] <= 0.085 * n


def test_texts_in_the_groups_of_stored_scores_become_extra_variance() -> None:
    rng = np.random.default_rng(3)
    texts = pairs_of_texts(40, 4, rng)
    scores = systems(texts, rng)
    rows = [
        {"origin": "domain", "method": name, "dim": None, "tuned": False, "seed": 0, "task": "t", "label_fraction": 1.0}
        | {"unit_id": f"u{row:02}", "group_id": f"text {a}\ttext {b}", "metric": "spearman", "value": scores[row, column]}
        | {"embedding": f"domain.{name}"}
        for column, name in enumerate("ab")
        for row, (a, b) in enumerate(np.sort(texts, axis=1).tolist())
    ]
    (found,) = read_task_scores(pd.DataFrame(rows))
    np.testing.assert_allclose(
        found.estimate_extra_variance("spearman").covariance, estimate_dyadic_excess(scores, texts).covariance
    )
    assert found.find_label_variance("spearman").is_zero
