"""Do vectors of users and items carry attributes? Probes predict each value of an attribute from the vector alone.

Unit: the user, or the item.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.stats import rankdata

from emb_pipeline.statistics.intervals.bootstrap import compute_mean_intervals
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.probes.one_vs_rest import LabelCoefficients, OneVsRestRegression
from emb_pipeline.tasks.probes.probe import HeldOut, Judgment, ProbeTraining, Response
from emb_pipeline.tasks.probes.regression import Features
from emb_pipeline.tasks.recommendation.attributes import Attributes
from emb_pipeline.tasks.splits.folds import draw_stratified_folds

FEWEST_UNITS = 20
"""Units with a value, and without it, below which the value is left out: a fold would hold too few."""
ACTIVITY = "number of interactions"
"""The baseline: a feature that needs no embedding."""
OPTIONS = ClassificationOptions(log10_c_low=-2, log10_c_high=2, steps_per_decade=1, widen_decades=2, training_draws=0)
"""The probe's penalty: a coarser path than a task's, for there are many probes."""
N_RESAMPLES, N_PERMUTATIONS = 2000, 3


@dataclass(frozen=True, eq=False)
class ValuesResponse(Response[LabelCoefficients]):
    """Values of an attribute, each against the rest.

    Attributes
    ----------
    targets : ndarray of shape (n_units, n_values), bool
        Whether a unit has a value.
    """

    targets: np.ndarray

    @property
    def strata(self) -> np.ndarray:
        """The rarest value of each unit."""
        return find_rarest(self.targets)

    def start_regression(
        self, features: Features, rows: np.ndarray, start: LabelCoefficients | None = None
    ) -> OneVsRestRegression:
        """Prepare logistic regressions."""
        return OneVsRestRegression(features, self.targets[rows], start)

    def hold_out(self) -> HeldOut:
        """Prepare to score by log likelihood."""
        return _HeldOutValues(self.targets)


class _HeldOutValues:
    def __init__(self, targets: np.ndarray) -> None:
        self._targets, self._log_likelihood = targets, np.zeros(len(targets))

    def add(self, rows: np.ndarray, logs: np.ndarray) -> None:
        of_the_rest = np.log(-np.expm1(np.minimum(logs, -1e-12)))
        self._log_likelihood[rows] = np.where(self._targets[rows], logs, of_the_rest).mean(axis=1)

    def judge(self) -> Judgment:
        return {"log_loss": -float(self._log_likelihood.mean())}, self._log_likelihood, self._log_likelihood


def find_rarest(targets: np.ndarray) -> np.ndarray:
    """Find of each unit the value that fewest units have: codes of shape (n_units,); -1 for a unit without any."""
    counts = np.where(targets, targets.sum(axis=0), len(targets) + 1)
    return np.where(targets.any(axis=1), counts.argmin(axis=1), -1)


@dataclass(frozen=True, eq=False)
class ProbedAttribute:
    """An attribute as it is predicted: units with a value, values that enough of them have, and folds.

    Attributes
    ----------
    rows : ndarray of shape (n_units,), int64
        Units, among all users or items.
    values : tuple of str
        The values.
    targets : ndarray of shape (n_units, n_values), bool
    folds : ndarray of shape (n_units,), int64
    """

    rows: np.ndarray
    values: tuple[str, ...]
    targets: np.ndarray
    folds: np.ndarray

    @classmethod
    def of(cls, attributes: Attributes, name: str, known: np.ndarray, *, seed: int) -> ProbedAttribute | None:
        """Select the units of ``known`` (a mask) that have a value; None where fewer than two values are common enough."""
        columns = attributes.columns_of(name)
        every = attributes.matrix[:, columns].toarray() > 0
        rows = np.flatnonzero(known & every.any(axis=1))
        counts = every[rows].sum(axis=0)
        common = np.flatnonzero((counts >= FEWEST_UNITS) & (len(rows) - counts >= FEWEST_UNITS))
        targets = every[np.ix_(rows, common)]
        if len(common) < 2:
            return None
        if (every.sum(axis=1) <= 1).all() and len(common) == 2 == len(columns):
            common, targets = common[:1], targets[:, :1]  # the other one is the rest
        folds = draw_stratified_folds(find_rarest(targets), np.arange(len(rows)), n_folds=OPTIONS.folds, seed=seed)
        return cls(rows, tuple(attributes.values[columns[each]][1] for each in common), targets, folds)


@dataclass(frozen=True)
class ProbeScore:
    """Scores of the prediction of an attribute, means over its values.

    Attributes
    ----------
    auroc, ci_low, ci_high : float
        Area under the ROC curve, within folds.
    shuffled : float
        The same of probes that learned from permuted values, a mean over permutations: by chance .5.
    balanced_accuracy : float
        A value is predicted where its probability is above its share in training.
    difference, difference_low, difference_high : float
        AUROC less that of the baseline on the same units.
    """

    auroc: float
    ci_low: float
    ci_high: float
    shuffled: float
    balanced_accuracy: float
    difference: float
    difference_low: float
    difference_high: float


def score_attribute(
    asked: ProbedAttribute, features: Mapping[str, Features], *, baseline: str, seed: int
) -> dict[str, ProbeScore]:
    """Predict an attribute from several representations of the same units.

    Penalties are chosen by inner folds of training units. Intervals are of a bootstrap over units.

    Parameters
    ----------
    asked : ProbedAttribute
        Units, values and folds.
    features : mapping of str to ndarray or csr_array of shape (n_units, dim)
        By name.
    baseline : str
        The one that others are held against.
    seed : int
        Of inner folds, permutations and resamples.
    """
    found = {name: predict_out_of_fold(asked, rows, seed=seed) for name, rows in features.items()}
    areas = {name: compute_auroc_of_units(logs, asked.targets, asked.folds) for name, (logs, _) in found.items()}
    permutations = [np.random.default_rng([seed, number]).permutation(len(asked.rows)) for number in range(N_PERMUTATIONS)]
    mixed = [replace(asked, targets=asked.targets[permutation]) for permutation in permutations]
    names, rng = list(features), np.random.default_rng(seed)
    own = compute_mean_intervals(
        np.stack([areas[name] for name in names], 1), n_resamples=N_RESAMPLES, rng=rng, bounds=(0, 1)
    )
    differences = np.stack([areas[name] - areas[baseline] for name in names], 1)
    against = compute_mean_intervals(differences, n_resamples=N_RESAMPLES, rng=np.random.default_rng(seed))
    scores = {}
    for name, area, other in zip(names, own, against, strict=True):
        logs, thresholds = found[name]
        by_chance = [
            compute_auroc_of_units(predict_out_of_fold(each, features[name], seed=seed)[0], each.targets, each.folds).mean()
            for each in mixed
        ]
        scores[name] = ProbeScore(
            area.value,
            area.low,
            area.high,
            float(np.mean(by_chance)),
            compute_balanced_accuracy(logs > thresholds, asked.targets),
            other.value,
            other.low,
            other.high,
        )
    return scores


def predict_out_of_fold(asked: ProbedAttribute, features: Features, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predict each fold from the others: log probabilities, and logs of the shares in training, each (n_units, n_values)."""
    logs, shares = np.zeros(asked.targets.shape), np.zeros(asked.targets.shape)
    for fold in range(OPTIONS.folds):
        train, test = np.flatnonzero(asked.folds != fold), np.flatnonzero(asked.folds == fold)
        response = ValuesResponse(asked.targets[train])
        probe = ProbeTraining(features[train], response, np.arange(len(train)), OPTIONS, seed=seed).probe()
        logs[test] = probe.answer(features[test])
        shares[test] = np.log(np.maximum(asked.targets[train].mean(axis=0), 1e-12))
    return logs, shares


def compute_auroc_of_units(scores: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Compute pseudo-values of the area under the ROC curve, a mean over values and folds.

    Of each fold and value, the area is the share of pairs of a unit with the value and one without it that the scores order
    right, ties counting half. A unit's pseudo-value is the area plus its influence on it [1]_, so that their mean is the
    mean of the folds' areas, each weighted by its units. A fold in which all units have a value, or
    none has, says nothing and counts .5.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_values)
    targets : ndarray of shape (n_units, n_values), bool
    folds : ndarray of shape (n_units,)

    Returns
    -------
    ndarray of shape (n_units,)

    References
    ----------
    .. [1] DeLong, DeLong & Clarke-Pearson (1988), Comparing the areas under two or more correlated ROC curves,
       Biometrics 44.
    """
    found = np.full(scores.shape, 0.5)
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        for value in range(scores.shape[1]):
            has, own = targets[rows, value], scores[rows, value]
            n_with, n_without = int(has.sum()), int((~has).sum())
            if not n_with or not n_without:
                continue
            ranks = rankdata(own)
            above = np.empty(len(rows))  # of each unit the share of the other side that it is on the right side of
            above[has] = (ranks[has] - rankdata(own[has])) / n_without
            above[~has] = 1 - (ranks[~has] - rankdata(own[~has])) / n_with
            area = above[has].mean()
            size = np.where(has, n_with, n_without)
            found[rows, value] = area + len(rows) / size * (above - area)
    return np.asarray(found.mean(axis=1))


def compute_balanced_accuracy(predicted: np.ndarray, targets: np.ndarray) -> float:
    """Compute the mean over values of the mean of sensitivity and specificity."""
    with_value = (predicted & targets).sum(axis=0) / targets.sum(axis=0)
    without = (~predicted & ~targets).sum(axis=0) / (~targets).sum(axis=0)
    return float(((with_value + without) / 2).mean())


def count_activity(n_interactions: np.ndarray) -> np.ndarray:
    """Make the feature of the baseline: shape (n_units, 2), the logarithm of one more than the count, and its square."""
    logs = np.log1p(n_interactions.astype(np.float32))[:, None]
    return np.hstack([logs, np.square(logs)])


def take_rows(vectors: Features, rows: np.ndarray) -> Features:
    """Take rows of vectors as a probe does: float32."""
    taken = vectors[rows]
    return sp.csr_array(taken.astype(np.float32)) if sp.issparse(taken) else np.asarray(taken, dtype=np.float32)
