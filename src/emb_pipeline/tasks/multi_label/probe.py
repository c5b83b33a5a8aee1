"""The probe of a multi-label classification: a logistic regression for each label, one C and one threshold for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio
from emb_pipeline.tasks.multi_label.options import MultiLabelOptions
from emb_pipeline.tasks.multi_label.task import find_strata
from emb_pipeline.tasks.probes.one_vs_rest import LabelCoefficients, OneVsRestRegression
from emb_pipeline.tasks.probes.probe import HeldOut, Judgment, Probe, ProbeTraining, Response
from emb_pipeline.tasks.probes.regression import Features, Regression

HALF = 0.5


@dataclass(frozen=True, eq=False)
class LabelSetResponse(Response[LabelCoefficients]):
    """The labels of each row.

    Attributes
    ----------
    targets : ndarray of shape (n_rows, n_labels), bool
        The labels of each row.
    options : MultiLabelOptions
        How the threshold is chosen.
    """

    targets: np.ndarray
    options: MultiLabelOptions

    @cached_property
    def strata(self) -> np.ndarray:
        """The rarest label of each row, which inner folds spread evenly."""
        return find_strata(self.targets)

    def start_regression(
        self, features: Features, rows: np.ndarray, start: LabelCoefficients | None = None
    ) -> Regression[LabelCoefficients]:
        """Prepare a logistic regression for each label."""
        return OneVsRestRegression(features, self.targets[rows], start=start)

    def hold_out(self) -> HeldOut:
        """Prepare to score by micro-F1, with the threshold that the options ask for."""
        return _HeldOutLabels(self)

    @property
    def lack(self) -> str | None:
        """A label."""
        return None if self.targets.any() else "no text with a label"

    def to_answers(self, predicted: np.ndarray, chosen: Mapping[str, float]) -> np.ndarray:
        """Compute margins: log probabilities of the labels, less the logarithm of the threshold."""
        return np.asarray(predicted - np.log(chosen["threshold"]))

    def list_chosen(self, chosen: Mapping[str, float]) -> dict[str, float]:
        """List the threshold."""
        return {"threshold": chosen["threshold"]}


class _HeldOutLabels:
    def __init__(self, response: LabelSetResponse) -> None:
        self._targets, self._choice = response.targets, response.options.threshold
        self._logs = np.zeros(self._targets.shape, dtype=np.float32)
        self._log_likelihood = np.zeros(len(self._targets))

    def add(self, rows: np.ndarray, logs: np.ndarray) -> None:
        self._logs[rows] = logs
        against = np.log(-np.expm1(np.minimum(logs, -1e-12)))
        self._log_likelihood[rows] = np.where(self._targets[rows], logs, against).sum(axis=1)

    def judge(self) -> Judgment:
        probabilities = np.exp(self._logs)
        threshold = HALF if self._choice == "half" else find_best_threshold(probabilities, self._targets)
        quality = compute_ratio(*count_agreement(self._targets, probabilities >= threshold))
        log_loss = -float(self._log_likelihood.mean())
        summaries = {"micro_f1": float(quality.mean()), "log_loss": log_loss, "threshold": threshold}
        return summaries, np.asarray(quality), self._log_likelihood


def fit_label_probe(
    features: Features,
    targets: np.ndarray,
    groups: np.ndarray,
    options: MultiLabelOptions,
    *,
    seed: int,
) -> Probe[LabelCoefficients]:
    """Choose C and the threshold by inner cross-validation, then fit on all training rows.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_features), float32
        Vectors of the training rows.
    targets : ndarray of shape (n_samples, n_labels), bool
        Their labels.
    groups : ndarray of shape (n_samples,)
        Duplicates have one number and stay in one inner fold.
    options : MultiLabelOptions
        The path, the tolerances and the kind of threshold.
    seed : int
        Seed of the inner folds.

    Returns
    -------
    Probe
        Its threshold is ``chosen["threshold"]``.
    """
    return ProbeTraining(features, LabelSetResponse(targets, options), groups, options, seed=seed).probe()


def count_agreement(targets: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count numerator and denominator of F1 = 2 TP / (labeled + predicted) of each row: two arrays of shape (n_rows,)."""
    return 2 * (targets & predicted).sum(axis=1), targets.sum(axis=1) + predicted.sum(axis=1)


def find_best_threshold(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Find the probability from which labels are to be given for the highest micro-F1.

    One threshold serves all labels: where probabilities are right, the best one of micro-F1 is the same for each [1]_.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
        Of rows that the model has not learned from.
    targets : ndarray of shape (n_rows, n_labels), bool
        The labels of each row.

    Returns
    -------
    float
        Half of the way from the last probability that is to count to the next one below; 0.5 without any label.

    References
    ----------
    .. [1] Lipton, Elkan & Naryanaswamy (2014), Optimal Thresholding of Classifiers to Maximize F1 Measure, ECML PKDD.

    Examples
    --------
    >>> round(find_best_threshold(np.array([[0.9, 0.1], [0.4, 0.2]]), np.array([[True, False], [True, False]])), 9)
    0.3
    """
    n_labels = int(targets.sum())
    if not n_labels:
        return HALF
    flat = probabilities.ravel()
    order = np.argsort(-flat, kind="stable")
    ordered = flat[order].astype(np.float64)
    hits = np.cumsum(targets.ravel()[order])
    f1 = 2 * hits / (np.arange(1, len(flat) + 1) + n_labels)
    below = np.append(ordered[1:], 0.0)
    f1[ordered == below] = -1.0  # equal probabilities count together
    last = int(f1.argmax())
    return float((ordered[last] + below[last]) / 2)
