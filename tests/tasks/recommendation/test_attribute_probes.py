"""Do vectors carry attributes? Probes find what was planted, and nothing where nothing was."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from emb_pipeline.tasks.recommendation.attribute_probes import (
    ProbedAttribute,
    compute_auroc_of_units,
    compute_balanced_accuracy,
    predict_out_of_fold,
    score_attribute,
)
from emb_pipeline.tasks.recommendation.attributes import Attributes


def attributes_of(values: np.ndarray, name: str = "genre") -> Attributes:
    names = tuple((name, f"v{column}") for column in range(values.shape[1]))
    return Attributes((name,), names, sp.csr_array(values.astype(np.float32)))


def test_the_area_is_the_mean_of_the_folds_areas_by_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    folds, targets = np.arange(90) % 3, rng.random((90, 2)) < 0.4
    scores = np.round(targets + rng.normal(size=(90, 2)), 1)  # with ties
    expected = [
        roc_auc_score(targets[folds == fold, value], scores[folds == fold, value]) for fold in range(3) for value in range(2)
    ]
    assert compute_auroc_of_units(scores, targets, folds).mean() == pytest.approx(np.mean(expected))
    predicted = scores > 0.5
    by_value = [balanced_accuracy_score(targets[:, value], predicted[:, value]) for value in range(2)]
    assert compute_balanced_accuracy(predicted, targets) == pytest.approx(np.mean(by_value))


def test_the_spread_of_pseudo_values_is_that_of_the_area_over_samples() -> None:
    rng = np.random.default_rng(1)

    def draw() -> np.ndarray:
        targets = rng.random((200, 1)) < 0.3
        return compute_auroc_of_units(targets + rng.normal(size=(200, 1)), targets, np.zeros(200))

    samples = [draw() for _ in range(400)]
    errors = np.mean([values.std(ddof=1) / np.sqrt(200) for values in samples])
    assert errors == pytest.approx(np.std([values.mean() for values in samples]), rel=0.15)


def test_a_planted_attribute_is_found_and_one_that_is_not_there_is_not() -> None:
    rng = np.random.default_rng(2)
    values = rng.random((300, 3)) < [0.3, 0.5, 0.4]
    values[~values.any(axis=1), 0] = True
    asked = ProbedAttribute.of(attributes_of(values), "genre", np.ones(300, dtype=bool), seed=0)
    noise = rng.normal(size=(300, 10)).astype(np.float32)
    planted = noise.copy()
    planted[:, :3] += 1.5 * values
    features = {"noise": noise, "planted": planted, "sparse": sp.csr_array(values.astype(np.float32))}
    found = score_attribute(asked, features, baseline="noise", seed=0)
    assert found["planted"].ci_low > 0.75 and found["planted"].difference_low > 0.2 and found["sparse"].auroc > 0.99
    assert abs(found["noise"].auroc - 0.5) < 0.06 and found["noise"].difference == 0
    assert all(abs(score.shuffled - 0.5) < 0.06 for score in found.values())
    assert found["planted"].balanced_accuracy > 0.7 and abs(found["noise"].balanced_accuracy - 0.5) < 0.06


def test_a_fold_is_predicted_by_a_probe_that_has_not_seen_it() -> None:
    rng = np.random.default_rng(3)
    values = np.eye(2)[rng.integers(2, size=120)] > 0
    asked = ProbedAttribute.of(attributes_of(values), "genre", np.ones(120, dtype=bool), seed=0)
    assert asked.targets.shape == (120, 1)  # of two values, the second is the rest of the first
    own = np.eye(120, dtype=np.float32)  # each unit has a number of its own, which only memory could use
    scores, _ = predict_out_of_fold(asked, sp.csr_array(own), seed=0)
    area = compute_auroc_of_units(scores, asked.targets, asked.folds).mean()
    assert area == pytest.approx(0.5)


def test_rare_values_and_units_without_one_are_left_out() -> None:
    values = np.zeros((100, 3), dtype=bool)
    values[:40, 0], values[40:80, 1], values[80:85, 2] = True, True, True
    known = np.arange(100) != 0
    asked = ProbedAttribute.of(attributes_of(values), "genre", known, seed=0)
    assert asked.values == ("v0", "v1") and len(asked.rows) == 84 and 0 not in asked.rows
    assert np.ptp(np.bincount(asked.folds[asked.targets[:, 0]], minlength=5)) <= 1
    assert ProbedAttribute.of(attributes_of(values[:, 2:]), "genre", known, seed=0) is None
