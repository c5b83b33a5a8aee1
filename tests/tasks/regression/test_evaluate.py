"""Regression: numbers that a ridge probe predicts, held against scikit-learn and against planted truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge

from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.statistics.intervals.pseudo_values import compute_determination, compute_root_mean
from emb_pipeline.tasks.probes.ridge import RidgeRegression
from emb_pipeline.tasks.regression.evaluate import evaluate_regression
from emb_pipeline.tasks.regression.export import NumberPredictor
from emb_pipeline.tasks.regression.options import RegressionOptions
from emb_pipeline.tasks.regression.task import RegressionTask
from emb_pipeline.text.texts import Texts

ALONE = RegressionOptions(label_draws=0, training_draws=0)


class Planted:
    """Texts are numbers of rows of a fixed matrix."""

    def __init__(self, matrix: np.ndarray) -> None:
        self._matrix, self.dim = matrix, matrix.shape[1]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return self._matrix[[int(text.rpartition(" ")[2]) for text in texts]]


def planted(seed: int, n: int = 300, dim: int = 8, noise: float = 1.0, split: bool = True) -> tuple[RegressionTask, Planted]:
    """Numbers that are a sum of two directions and noise: R² = 2 / (2 + noise²) of the best predictor."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, dim)).astype(np.float32)
    targets = matrix[:, 0] - matrix[:, 1] + noise * rng.normal(size=n)
    texts = Texts([f"t{rng.integers(10**9)} {row}" for row in range(n)])
    ids = np.array([f"e{row}" for row in range(n)])
    parts = np.where(np.arange(n) < n // 2, "train", "test") if split else None
    return RegressionTask("numbers", ids, texts, targets.astype(np.float64), parts), Planted(matrix)


@pytest.mark.parametrize(("n", "dim"), [(60, 10), (30, 50)])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_ridge_is_that_of_scikit_learn_for_every_penalty(n: int, dim: int, sparse: bool) -> None:
    rng = np.random.default_rng(n)
    features, targets = rng.normal(size=(n, dim)) * (rng.random((n, dim)) < 0.4) + 0.3 * sparse, rng.normal(3, 2, size=n)
    features = np.where(rng.random((n, dim)) < 0.5, 0.0, features)
    ours = RidgeRegression(sp.csr_array(features.astype(np.float32)) if sparse else features, targets)
    for c in (0.01, 1.0, 100.0):
        found = ours.fit(c, tolerance=1e-10, max_iterations=10_000)
        theirs = Ridge(alpha=1 / c).fit(features, targets)
        assert ours.converged
        assert found.weights[:, 0] == pytest.approx(theirs.coef_, abs=1e-5)
        assert float(found.intercepts[0]) == pytest.approx(theirs.intercept_, abs=1e-5)


def test_the_probe_explains_as_much_as_was_planted() -> None:
    found = [evaluate_regression(*planted(seed, n=1200), ALONE, seed=0).metrics for seed in range(6)]
    assert np.mean([each["r2"] for each in found]) == pytest.approx(2 / 3, abs=0.03)
    assert np.mean([each["rmse"] for each in found]) == pytest.approx(1.0, abs=0.03)


def test_the_deviation_of_pseudo_values_is_that_of_the_metric_over_fresh_samples() -> None:
    rng = np.random.default_rng(3)
    roots, determinations, told = [], [], []
    for _ in range(400):
        targets = rng.normal(size=300)
        squares = np.square(0.7 * rng.standard_t(8, size=300) * (1 + 0.3 * np.abs(targets)))
        values = compute_root_mean(squares), compute_determination(squares, targets)
        roots.append(np.sqrt(squares.mean()))
        determinations.append(1 - squares.mean() / targets.var())
        assert [each.mean() for each in values] == pytest.approx([roots[-1], determinations[-1]])
        told.append([each.std() / np.sqrt(300) for each in values])
    assert np.mean(told, axis=0) == pytest.approx([np.std(roots), np.std(determinations)], rel=0.12)


def test_pseudo_values_of_errors_worked_out_by_hand() -> None:
    assert compute_root_mean(np.array([1.0, 7.0])).tolist() == [1.25, 2.75]
    assert compute_root_mean(np.zeros(3)).tolist() == [0, 0, 0]
    targets, squares = np.array([-1.0, 1.0, -1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    assert compute_determination(squares, targets).tolist() == [1.0, 0.0, 1.0, 0.0]


def test_a_probe_that_knows_nothing_has_no_correlation_with_folds_either() -> None:
    """Predicted means of training parts alone would correlate negatively with the numbers that were held out."""
    found, pooled = [], []
    for seed in range(12):
        task, _ = planted(seed, n=120, split=False)
        nothing = Planted(np.random.default_rng(100 + seed).normal(size=(120, 8)).astype(np.float32))
        found.append(evaluate_regression(task, nothing, ALONE, seed=seed).metrics["spearman"])
        folds = np.random.default_rng(seed).integers(5, size=120)
        means = np.array([task.targets[folds != fold].mean() for fold in folds])
        pooled.append(spearmanr(means, task.targets).statistic)
    assert abs(np.mean(found)) < 0.06
    assert np.mean(pooled) < -0.1


def test_shuffled_numbers_predict_nothing() -> None:
    task, encoder = planted(1)
    shuffled = evaluate_regression(task, encoder, ALONE, seed=0, shuffle_labels=True)
    assert abs(shuffled.metrics["spearman"]) < 0.3 < evaluate_regression(task, encoder, ALONE, seed=0).metrics["spearman"]


def test_the_learning_curve_rises_and_each_unit_has_a_score_at_each_number_of_labels() -> None:
    task, encoder = planted(2, n=400, dim=40)
    found = evaluate_regression(task, encoder, RegressionOptions(label_counts=(20, 60), label_draws=3), seed=0)
    curve = found.item_scores.to_pandas().query("metric == 'spearman'").groupby("label_fraction")["value"]
    assert curve.count().tolist() == [200, 200, 200]
    assert curve.mean().is_monotonic_increasing and curve.mean().iloc[-1] > curve.mean().iloc[0] + 0.1
    assert curve.mean()[1.0] == pytest.approx(found.metrics["spearman"])
    assert found.training_draws is not None and found.training_draws.num_rows == 200


def test_the_curve_is_of_the_metric_that_the_task_is_judged_by() -> None:
    task, encoder = planted(2, n=300)
    options = RegressionOptions(label_counts=(40,), label_draws=2, training_draws=2, primary_metric="r2")
    found = evaluate_regression(task, encoder, options, seed=0)
    curve = found.item_scores.to_pandas().query("label_fraction < 1")
    assert set(curve["metric"]) == {"r2"} and 0 < curve["value"].mean() < found.metrics["r2"]
    assert found.training_draws is not None and set(found.training_draws["metric"].to_pylist()) == {"r2"}


def test_tf_idf_is_fitted_on_training_texts_alone_and_finds_the_words_that_count() -> None:
    rng = np.random.default_rng(4)
    words, worth = np.array("awful poor fine good great".split()), np.array([-2, -1, 0, 1, 2])
    drawn = rng.integers(5, size=(200, 6))
    texts = Texts([" ".join(words[row]) + f" item{number}" for number, row in enumerate(drawn)])
    task = RegressionTask("stars", np.arange(200).astype(str), texts, worth[drawn].sum(axis=1).astype(np.float64))
    assert evaluate_regression(task, Tfidf(), ALONE, seed=0).metrics["r2"] > 0.8


def test_equal_texts_are_resampled_together() -> None:
    task, encoder = planted(5, n=60)
    twice = Texts([*list(task.texts)[:59], task.texts[58]])
    task = RegressionTask("numbers", task.example_ids, twice, task.targets, task.split)
    groups = evaluate_regression(task, encoder, ALONE, seed=0).item_scores.to_pandas().groupby("unit_id")["group_id"].first()
    assert groups["e59"] == groups["e58"] == "e58"


def test_strata_hold_equal_numbers_together_and_are_of_a_size() -> None:
    task, _ = planted(6)
    assert np.bincount(task.codes).tolist() == [60] * 5
    stars = RegressionTask("t", task.example_ids, task.texts, np.repeat([1.0, 5.0], [30, 270]))
    assert [len(np.unique(stars.codes[stars.targets == value])) for value in (1.0, 5.0)] == [1, 1]
    assert len(np.unique(stars.codes)) == 2


def test_an_exported_predictor_answers_numbers_and_the_mean_where_it_knows_nothing(tmp_path: Path) -> None:
    texts = [f"{'good ' * (row % 5)}{'bad ' * (4 - row % 5)}thing{row}" for row in range(60)]
    targets = np.array([float(row % 5) for row in range(60)])
    task = RegressionTask("stars", np.arange(60).astype(str), Texts(texts), targets)
    NumberPredictor.fit(task, Tfidf(), RegressionOptions(), seed=0).write(tmp_path)
    answers = NumberPredictor.from_folder(tmp_path).answer(["good good good good", "bad bad bad bad", "zyx", None])
    assert answers["number"][0] > 3 and answers["number"][1] < 1
    assert (answers["number"][2], answers["known"].tolist()) == (targets.mean(), [True, True, False, False])
    assert np.isnan(answers["number"][3]) and "there is no text" in answers["error"][3]
