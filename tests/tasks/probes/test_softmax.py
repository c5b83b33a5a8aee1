from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.probe import fit_probe, weigh_examples
from emb_pipeline.tasks.probes import probe, softmax
from emb_pipeline.tasks.probes.lbfgs import minimise
from emb_pipeline.tasks.probes.softmax import SoftmaxRegression, axes_of

CLASSES = 4


def _labelled(features: np.ndarray, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scores = features @ rng.normal(size=(features.shape[1], CLASSES))
    return np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)


@pytest.fixture
def dense() -> tuple[np.ndarray, np.ndarray]:
    """120 correlated, differently scaled rows of 12 features."""
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(120, 12)) @ rng.normal(size=(12, 12)) * np.geomspace(0.1, 2, 12)).astype(np.float32)
    return features, _labelled(features)


@pytest.fixture
def sparse() -> tuple[sp.csr_array, np.ndarray]:
    """80 rows of 500 mostly unshared columns."""
    rng = np.random.default_rng(0)
    table = np.zeros((80, 500), dtype=np.float32)
    for row in table:
        row[rng.integers(0, 20, 6)] = rng.random(6)
        row[rng.integers(20, 500, 4)] = rng.random(4)
    return sp.csr_array(table), _labelled(table)


def _sklearn(features: np.ndarray | sp.csr_array, codes: np.ndarray, c: float) -> LogisticRegression:
    return LogisticRegression(C=c, tol=1e-10, max_iter=20_000).fit(features.astype(np.float64), codes)


@pytest.mark.parametrize("c", [0.01, 1.0, 30.0])
def test_coefficients_equal_those_of_scikit_learn(dense: tuple[np.ndarray, np.ndarray], c: float) -> None:
    features, codes = dense
    found = SoftmaxRegression(features, codes, CLASSES).fit(c, tolerance=1e-9, max_iterations=5000)
    known = _sklearn(features, codes, c)
    np.testing.assert_allclose(found.weights.T, known.coef_, atol=2e-3 * np.abs(known.coef_).max())
    ours, theirs = (intercepts - intercepts.mean() for intercepts in (found.intercepts, known.intercept_))
    np.testing.assert_allclose(ours, theirs, atol=2e-2)


@pytest.mark.parametrize("kind", ["principal axes", "axes of rows", "merged columns"])
@pytest.mark.parametrize("c", [1.0, 100.0])
def test_other_axes_give_the_same_probabilities(sparse: tuple[sp.csr_array, np.ndarray], kind: str, c: float) -> None:
    table, codes = sparse
    if kind != "merged columns":
        table = table.toarray()
    features = table[:, :20] if kind == "principal axes" else table
    train, test = np.arange(60), np.arange(60, 80)
    axes = axes_of(features[train])
    rotated = axes.rotate(features[train])
    assert rotated.shape[1] <= {"principal axes": 20, "axes of rows": 60, "merged columns": 130}[kind]
    found = SoftmaxRegression(rotated, codes[train], CLASSES).fit(c, tolerance=1e-9, max_iterations=5000)
    known = _sklearn(features[train], codes[train], c)
    logs = found.predict(axes.rotate(features[test]))
    np.testing.assert_allclose(np.exp(logs), known.predict_proba(features[test].astype(np.float64)), atol=1e-2)


def test_merged_columns_keep_all_inner_products_with_training_rows(sparse: tuple[sp.csr_array, np.ndarray]) -> None:
    table, _ = sparse
    merged = softmax._MergedColumns(table[:60])
    train, test = merged.rotate(table[:60]), merged.rotate(table[60:])
    assert train.shape[1] < 250
    np.testing.assert_allclose((test @ train.T).toarray(), (table[60:] @ table[:60].T).toarray(), atol=1e-5)
    np.testing.assert_allclose((train @ train.T).toarray(), (table[:60] @ table[:60].T).toarray(), atol=1e-5)


def test_more_features_than_rows_give_no_more_axes_than_rows() -> None:
    features = np.random.default_rng(0).normal(size=(10, 50)).astype(np.float32)
    rotated = axes_of(features).rotate(features)
    assert rotated.shape == (10, 10)
    np.testing.assert_allclose(rotated @ rotated.T, features @ features.T, rtol=1e-4, atol=1e-4)


def test_a_path_ends_where_a_single_fit_ends(dense: tuple[np.ndarray, np.ndarray]) -> None:
    features, codes = dense
    along = SoftmaxRegression(features, codes, CLASSES)
    for c in (0.01, 0.1, 1.0):
        at_the_end = along.fit(c, tolerance=1e-9, max_iterations=5000)
    at_once = SoftmaxRegression(features, codes, CLASSES).fit(1.0, tolerance=1e-9, max_iterations=5000)
    np.testing.assert_allclose(at_the_end.weights, at_once.weights, atol=5e-3)


def test_classes_without_a_training_row_get_finite_low_probabilities(dense: tuple[np.ndarray, np.ndarray]) -> None:
    features, codes = dense
    logs = SoftmaxRegression(features, codes, CLASSES + 1).fit(10.0).predict(features)
    assert np.isfinite(logs).all()
    assert np.exp(logs[:, CLASSES]).max() < 0.1
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)


def test_features_without_any_signal_give_class_frequencies() -> None:
    codes = np.repeat([0, 1], [30, 10])
    zeros = sp.csr_array((40, 3), dtype=np.float32)
    logs = (
        SoftmaxRegression(axes_of(zeros).rotate(zeros), codes, 2)
        .fit(1.0, tolerance=1e-9)
        .predict(axes_of(zeros).rotate(zeros))
    )
    np.testing.assert_allclose(np.exp(logs[0]), [0.75, 0.25], atol=1e-3)


def test_lbfgs_finds_the_minimum_of_a_quadratic() -> None:
    curvature = np.array([0.5, 1.0, 4.0], dtype=np.float32)
    target = np.array([1.0, -2.0, 3.0], dtype=np.float32)

    def objective(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return 1 + 0.5 * float(curvature @ (x - target) ** 2), curvature * (x - target), x

    found = minimise(objective, np.zeros(3, dtype=np.float32), tolerance=1e-10, max_iterations=100)
    assert found.converged
    np.testing.assert_allclose(found.x, target, atol=1e-3)
    assert found.point is found.x
    assert not minimise(objective, np.zeros(3, dtype=np.float32), tolerance=1e-10, max_iterations=1).converged


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("wanted", ["balanced", {"a": 5.0, "b": 0.2}])
def test_weighted_classes_give_scikit_learns_probabilities(
    dense: tuple[np.ndarray, np.ndarray], sparse: tuple[sp.csr_array, np.ndarray], kind: str, wanted: str | dict[str, float]
) -> None:
    features, codes = {"dense": dense, "sparse": sparse}[kind]
    weights = weigh_examples(codes, list("abcd"), wanted)
    found = SoftmaxRegression(features, codes, CLASSES, weights=weights).fit(1.0, tolerance=1e-9, max_iterations=5000)
    named = wanted if isinstance(wanted, str) else {"abcd".index(name): weight for name, weight in wanted.items()}
    wide = features.astype(np.float64)
    known = LogisticRegression(C=1.0, tol=1e-10, max_iter=20_000, class_weight=named).fit(wide, codes)
    np.testing.assert_allclose(np.exp(found.predict(features)), known.predict_proba(wide), atol=1e-2)


def test_a_weight_of_no_class_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(DataError, match="'hart' is no class of the task; did you mean 'heart'"):
        weigh_examples(np.array([0, 1]), ["heart", "lung"], {"hart": 2.0})
    np.testing.assert_allclose(weigh_examples(np.array([0, 1]), ["heart", "lung"], {"heart": 2.0}), [2, 1])
    assert weigh_examples(np.array([0, 1]), 2, "none") is None


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_a_probe_that_takes_the_rows_of_a_fold_for_each_fit_is_the_same(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, codes = request.getfixturevalue(kind)
    options, groups = ClassificationOptions(), np.arange(len(codes))
    whole = fit_probe(features, codes, int(codes.max()) + 1, groups, options, seed=0)
    monkeypatch.setattr(probe, "_LARGEST_COPIES", 0)
    parts = fit_probe(features, codes, int(codes.max()) + 1, groups, options, seed=0)
    assert parts.c == whole.c and parts.path == whole.path
    np.testing.assert_array_equal(parts.coefficients.weights, whole.coefficients.weights)
