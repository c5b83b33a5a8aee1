"""Metrics of classes: scikit-learn's values, values by hand, and intervals and tests that hold what they claim."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as known

from emb_pipeline.statistics.comparisons.pairs import run_sign_flip_tests
from emb_pipeline.statistics.intervals.bootstrap import compute_mean_intervals
from emb_pipeline.statistics.intervals.class_metrics import (
    OF_PREDICTIONS,
    OF_PROBABILITIES,
    compute_area_under_roc,
    compute_average_precision,
    compute_balanced_accuracy,
    compute_calibration_error,
    compute_class_metrics,
    compute_macro_f1,
    compute_mcc,
    count_units_by_class,
)

NAMES = [*OF_PREDICTIONS, *OF_PROBABILITIES]
RANKED = ["macro_f1", "balanced_accuracy", "mcc", "auroc", "auprc"]


def draw(n: int, shares: list[float], signal: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels of classes with these shares, and log probabilities that know something of them."""
    labels = rng.choice(len(shares), n, p=shares)
    scores = rng.normal(size=(n, len(shares))) + np.log(shares)
    scores[np.arange(n), labels] += signal
    return labels, scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def of_scikit_learn(labels: np.ndarray, logs: np.ndarray) -> dict[str, float]:
    found, probabilities, two = logs.argmax(axis=1), np.exp(logs), logs.shape[1] == 2
    return {
        "accuracy": known.accuracy_score(labels, found),
        "macro_f1": known.f1_score(labels, found, average="macro"),
        "balanced_accuracy": known.balanced_accuracy_score(labels, found),
        "mcc": known.matthews_corrcoef(labels, found),
        "log_loss": known.log_loss(labels, probabilities),
        "auroc": known.roc_auc_score(labels, probabilities[:, 1] if two else probabilities, multi_class="ovr"),
        "auprc": known.average_precision_score(labels, probabilities[:, 1])
        if two
        else known.average_precision_score(np.eye(logs.shape[1])[labels], probabilities, average="macro"),
    }


@pytest.mark.parametrize("shares", [[0.85, 0.15], [0.6, 0.3, 0.07, 0.03]])
def test_each_metric_is_scikit_learns(shares: list[float]) -> None:
    labels, logs = draw(400, shares, 1.0, np.random.default_rng(0))
    found = compute_class_metrics(NAMES, labels, logs)
    for name, value in of_scikit_learn(labels, logs).items():
        assert found[name].mean() == pytest.approx(value, abs=1e-9), name


def test_values_by_hand() -> None:
    labels, predictions = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert compute_balanced_accuracy(labels, predictions).mean() == pytest.approx((2 / 3 + 1) / 2)
    assert compute_macro_f1(labels, predictions).mean() == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert compute_mcc(labels, predictions).mean() == pytest.approx((1 * 2 - 1 * 0) / np.sqrt(2 * 1 * 3 * 2))
    is_positive, scores = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.8, 0.1])
    assert compute_area_under_roc(is_positive, scores).mean() == pytest.approx((2 + 1.5) / 4)  # the tie counts half
    assert compute_average_precision(is_positive, scores).mean() == pytest.approx((1 + 2 / 3) / 2)
    logs = np.log([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])  # two bins: 0.9 where one of two is right, 0.6 where one of one is
    error = compute_calibration_error(np.array([0, 1, 0]), logs).mean()
    assert error == pytest.approx((2 * abs(0.9 - 1 / 2) + abs(0.6 - 1)) / 3)


def test_what_a_metric_cannot_say_is_chance() -> None:
    one_class, same = np.zeros(5, dtype=int), np.full((5, 2), np.log(0.5))
    found = compute_class_metrics(RANKED, one_class, same)
    assert {name: values.mean() for name, values in found.items() if name in ("mcc", "auroc", "auprc")} == {
        "mcc": 0,
        "auroc": 0.5,
        "auprc": 0,
    }
    rare = compute_class_metrics(["auprc"], np.array([0, 1, 1, 1]), np.log([[0.9, 0.1], *[[0.1, 0.9]] * 3]))
    assert rare["auprc"].mean() == 1.0  # of class 0, the rarer one
    assert count_units_by_class(np.repeat([0, 1], [10, 990])) == pytest.approx(4 / (1 / 10 + 1 / 990))


@pytest.mark.parametrize("name", RANKED)
def test_each_unit_adds_what_leaving_it_out_takes_away(name: str) -> None:
    """The jackknife needs no formula."""
    labels, logs = draw(250, [0.6, 0.25, 0.15], 1.0, np.random.default_rng(1))
    found = compute_class_metrics([name], labels, logs)[name]
    others = [np.arange(250) != unit for unit in range(250)]
    without = np.array([compute_class_metrics([name], labels[rest], logs[rest])[name].mean() for rest in others])
    added = 249 * (without.mean() - without)
    assert np.corrcoef(added, found)[0, 1] > 0.99
    assert (np.asarray(found) - found.mean()).std() == pytest.approx(added.std(), rel=0.05)


def population(shares: list[float], signal: float) -> dict[str, float]:
    labels, logs = draw(200_000, shares, signal, np.random.default_rng(99))
    return {name: values.mean() for name, values in compute_class_metrics(RANKED, labels, logs).items()}


@pytest.mark.slow
@pytest.mark.parametrize(("n", "shares"), [(200, [0.5, 0.5]), (300, [0.9, 0.1]), (300, [0.7, 0.2, 0.1])])
def test_intervals_cover_the_truth_of_balanced_and_imbalanced_classes(n: int, shares: list[float]) -> None:
    """Of AUROC with 30 positive units, nine in ten; the error of a share is 1.5 points."""
    truth, rng, hits = population(shares, 1.5), np.random.default_rng(2), dict.fromkeys(RANKED, 0)
    repetitions = 200
    for _ in range(repetitions):
        labels, logs = draw(n, shares, 1.5, rng)
        for name, values in compute_class_metrics(RANKED, labels, logs).items():
            (interval,) = compute_mean_intervals(values[:, None].view(type(values)), n_resamples=400, rng=rng)
            hits[name] += interval.low <= truth[name] <= interval.high
    covered = {name: count / repetitions for name, count in hits.items()}
    assert all(0.88 <= share <= 0.99 for share in covered.values()), covered


@pytest.mark.slow
@pytest.mark.parametrize("name", RANKED)
def test_two_systems_that_are_equally_good_differ_in_one_of_twenty_data_sets(name: str) -> None:
    """Both see the label through noise of their own, of the same size; a tenth of the units are positive."""
    rng, n, rejected, repetitions = np.random.default_rng(3), 300, 0, 400
    for _ in range(repetitions):
        labels = rng.choice(2, n, p=[0.9, 0.1])
        shared = rng.normal(size=n)
        systems = []
        for _ in range(2):
            score = 2.0 * labels - 2.0 + 0.7 * shared + 0.7 * rng.normal(size=n)
            logs = -np.logaddexp(0, np.column_stack([score, -score]))
            systems.append(compute_class_metrics([name], labels, logs)[name])
        _, p = run_sign_flip_tests(np.column_stack(systems), n_permutations=199, rng=rng)
        rejected += float(p[0]) <= 0.05
    assert 0.02 <= rejected / repetitions <= 0.08


def test_a_better_system_is_found() -> None:
    rng = np.random.default_rng(4)
    labels, good = draw(400, [0.85, 0.15], 2.5, rng)
    bad = rng.normal(size=good.shape)
    for name in RANKED:
        pair = [compute_class_metrics([name], labels, logs)[name] for logs in (good, bad)]
        _, p = run_sign_flip_tests(np.column_stack(pair), n_permutations=199, rng=rng)
        assert p[0] <= 0.05, name
