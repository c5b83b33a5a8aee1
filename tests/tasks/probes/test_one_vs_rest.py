from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from emb_pipeline.tasks.probes.one_vs_rest import OneVsRestRegression
from emb_pipeline.tasks.probes.softmax import axes_of


def draw(n: int = 300, dim: int = 12, n_labels: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose labels follow a linear model, each label rarer than the one before."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(n, dim)).astype(np.float32)
    scores = features @ rng.normal(size=(dim, n_labels)) - np.arange(n_labels)
    return features, rng.random((n, n_labels)) < 1 / (1 + np.exp(-scores))


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
def test_each_label_has_the_coefficients_of_scikit_learn_s_one_vs_rest(c: float, is_sparse: bool) -> None:
    features, targets = draw()
    features[np.abs(features) < 0.5] = 0
    given = sp.csr_array(features) if is_sparse else features
    axes = axes_of(given)
    model = OneVsRestRegression(axes.rotate(given), targets)
    found = model.fit(c, tolerance=1e-9, max_iterations=2000)
    reference = OneVsRestClassifier(LogisticRegression(C=c, tol=1e-8, max_iter=5000)).fit(features, targets)
    expected = reference.predict_proba(features)
    assert np.exp(found.predict(axes.rotate(given))) == pytest.approx(expected, abs=2e-3)


def test_a_path_of_penalties_ends_where_a_fit_from_nothing_does() -> None:
    features, targets = draw()
    model = OneVsRestRegression(features, targets)
    for c in (0.01, 0.1, 1.0, 10.0):
        along = model.fit(c, tolerance=1e-7)
    alone = OneVsRestRegression(features, targets).fit(10.0, tolerance=1e-7)
    assert along.weights == pytest.approx(alone.weights, abs=2e-2)


def test_a_label_that_no_row_or_every_row_has_is_next_to_certain() -> None:
    features, targets = draw()
    targets[:, 0], targets[:, 1] = True, False
    shares = np.exp(OneVsRestRegression(features, targets).fit(1.0).predict(features))
    assert shares[:, 0].min() > 0.9 and shares[:, 1].max() < 0.1
