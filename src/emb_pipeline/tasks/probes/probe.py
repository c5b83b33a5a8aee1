"""The probe: a linear model on frozen vectors, its penalty tuned on training data alone.

What it learns is a `Response`: one class of each row, a number, or whatever else a kind of task asks for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, Protocol

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.tasks.options import FoldOptions
from emb_pipeline.tasks.probes.penalty_path import PenaltyPath, Scorer, mean_of
from emb_pipeline.tasks.probes.regression import Features, Regression, Solution, count_bytes
from emb_pipeline.tasks.probes.scaling import Scaler, mean_squared_length
from emb_pipeline.tasks.probes.softmax import Axes, axes_of
from emb_pipeline.tasks.splits.folds import draw_stratified_folds

_LARGEST_COPIES = 1 << 30
"""Bytes of all inner folds' training rows up to which they are held at once; of more, a fold's are taken for each fit."""

Judgment = tuple[dict[str, float], np.ndarray, np.ndarray]
"""Summaries, ``log_loss`` among them; quality and log likelihood of each row."""


class HeldOut(Protocol):
    """Predictions for training rows by probes that have not learned from them."""

    def add(self, rows: np.ndarray, predicted: np.ndarray) -> None:
        """Take what coefficients predict for some rows, which a mask says."""

    def judge(self) -> Judgment:
        """Score them, once all rows have some."""


class Response(ABC, Generic[Solution]):
    """The right answer of each training row, as a probe learns it."""

    @property
    @abstractmethod
    def strata(self) -> np.ndarray:
        """Codes that inner folds spread evenly: shape (n_rows,)."""

    @abstractmethod
    def start_regression(self, features: Features, rows: np.ndarray, start: Solution | None = None) -> Regression[Solution]:
        """Prepare fits to some rows, of which these are the features."""

    @abstractmethod
    def hold_out(self) -> HeldOut:
        """Prepare to score predictions of all rows."""

    @property
    def lack(self) -> str | None:
        """The reason why nothing can be learned from these rows, as what they have; None where something can."""
        return None

    @property
    def only_answer(self) -> np.ndarray | None:
        """The answer to every text, where these rows have no other; None where there are several."""
        return None

    def find_axes(self, features: Features) -> Axes:
        """Find the axes in which fits to these features are fast."""
        return axes_of(features)

    def to_answers(self, predicted: np.ndarray, chosen: Mapping[str, float]) -> np.ndarray:
        """Bring what coefficients predict into the form of answers, by the summaries of the penalty that was chosen."""
        return predicted

    def to_head(self, head: LinearHead) -> LinearHead:
        """Bring scores of coefficients into the unit of the answers."""
        return head

    def list_chosen(self, chosen: Mapping[str, float]) -> dict[str, float]:
        """List what was chosen next to the penalty."""
        return {}


@dataclass(frozen=True, eq=False)
class Probe(Generic[Solution]):
    """A fitted probe.

    Attributes
    ----------
    c : float
        The chosen inverse penalty, in scikit-learn's scale.
    edge : {"none", "low", "high"}
        Whether the best value is the first or last of the path, after the path was widened.
    path : list of dict
        C and summaries of each value tried, on held-out inner folds.
    chosen : dict
        The one of them that was chosen.
    converged : bool
        Whether the final fit reached its tolerance.
    tune_seconds : float
        Time that choosing C took.
    coefficients : LinearCoefficients
        In the scaling and the axes of the training rows.
    """

    c: float
    edge: str
    path: list[dict[str, float]]
    chosen: dict[str, float]
    converged: bool
    tune_seconds: float
    _scaler: Scaler
    _axes: Axes
    _response: Response[Solution]
    coefficients: Solution

    def answer(self, features: Features) -> np.ndarray:
        """Answer to each row as its kind of task asks for: log probabilities of shape (n_rows, n_classes), say."""
        return self.to_answers(self.coefficients, self._axes.rotate(self._scaler.scale(features)))

    def to_answers(self, coefficients: Solution, coordinates: Features) -> np.ndarray:
        """Answer by other coefficients to rows in the scaling and the axes of the training rows."""
        return self._response.to_answers(coefficients.predict(coordinates), self.chosen)

    def head(self, dim: int) -> LinearHead:
        """Give the same scores straight from features of this dimension."""
        unit = (
            sp.eye_array(dim, dtype=np.float32, format="csr") if self._scaler.mean is None else np.eye(dim, dtype=np.float32)
        )
        weights = np.asarray(self._axes.rotate(unit) @ self.coefficients.weights)
        head = self._response.to_head(LinearHead(weights, self.coefficients.intercepts))
        if self._scaler.mean is None or self._scaler.deviation is None:
            return head
        return head.on_raw(self._scaler.mean, self._scaler.deviation)

    @property
    def details(self) -> dict[str, Any]:
        """Facts of the tuning to keep, ready for JSON."""
        chosen = self._response.list_chosen(self.chosen)
        return {"c": self.c, "edge": self.edge, "converged": self.converged, "path": self.path, **chosen}


class ProbeTraining(Generic[Solution]):
    """Training rows in the scaling and the axes of their probe, to fit it on all of them and on resamples of them.

    Dense features are standardized by the mean and deviation of the training rows. C goes up a `PenaltyPath`, scored by
    inner cross-validation. The inner folds share scaling and axes, which know all training rows but no label. The final fit
    starts from the mean of the folds' solutions for the chosen C, which is near.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_features), float32
        Vectors of the training rows.
    response : Response
        What is learned.
    groups : ndarray of shape (n_samples,)
        Duplicates have one number and stay in one inner fold.
    options : FoldOptions
        The path and the tolerances.
    seed : int
        Seed of the inner folds.
    """

    def __init__(
        self,
        features: Features,
        response: Response[Solution],
        groups: np.ndarray,
        options: FoldOptions,
        *,
        seed: int,
    ) -> None:
        self._scaler = Scaler.of(features, standardize=options.standardize)
        scaled = self._scaler.scale(features)
        self._axes = response.find_axes(scaled)
        self._rotated = self._axes.rotate(scaled)
        self._response, self._groups, self._options, self._seed = response, groups, options, seed

    def probe(self) -> Probe[Solution]:
        """Choose C, then fit on all rows."""
        inner = _InnerFolds(self._rotated, self._response, self._groups, self._options, seed=self._seed)
        path = PenaltyPath(1.0 / max(mean_squared_length(self._rotated), 1e-12), inner.scorer, self._options)
        started = perf_counter()
        path.tune()
        tune_seconds = perf_counter() - started
        c = path.chosen_c
        everyone = np.arange(len(self._groups))
        final = self._response.start_regression(self._rotated, everyone, path.chosen_solution)
        options = self._options
        coefficients = final.fit(c, tolerance=options.final_tolerance, max_iterations=5 * options.max_iterations)
        return Probe(
            c,
            path.edge,
            path.tried,
            path.scores[path.chosen],
            final.converged,
            tune_seconds,
            self._scaler,
            self._axes,
            self._response,
            coefficients,
        )

    def coordinates(self, features: Features) -> Features:
        """Bring rows into the scaling and the axes of the training rows: what `on_resample` has coefficients for."""
        return self._axes.rotate(self._scaler.scale(features))

    def on_resample(self, rows: np.ndarray, probe: Probe[Solution]) -> Solution:
        """Fit on a resample of the rows: where it has one class alone, that is what the coefficients predict.

        Scaling and axes stay: they know no label. So does C: chosen again on each resample, which holds two thirds of the
        examples, it would move further than with other labels (``benchmarks/label_luck.py``).

        Parameters
        ----------
        rows : ndarray of int
            Positions of rows, each as often as it was drawn.
        probe : Probe
            Of all rows; the fit starts from its coefficients.
        """
        fitted = self._response.start_regression(self._rotated[rows], rows, probe.coefficients)
        return fitted.fit(probe.c, tolerance=self._options.tolerance, max_iterations=self._options.max_iterations)


class _InnerFolds(Generic[Solution]):
    """Inner cross-validation: the folds go up the path side by side, each from its own last solution."""

    def __init__(
        self,
        features: Features,
        response: Response[Solution],
        groups: np.ndarray,
        options: FoldOptions,
        *,
        seed: int,
    ) -> None:
        self._features, self._response, self._options = features, response, options
        n_folds = max(2, min(options.inner_folds, len(np.unique(groups))))
        self._folds = draw_stratified_folds(response.strata, groups, n_folds=n_folds, seed=seed)

    def scorer(self) -> Scorer[Solution]:
        """Build models of all folds that start from nothing; their solution is the mean."""
        folds = [(self._folds != fold, self._folds == fold) for fold in np.unique(self._folds)]
        starts: list[Solution | None] = [None] * len(folds)
        keep_models = count_bytes(self._features) * len(folds) <= _LARGEST_COPIES
        models: list[Regression[Solution]] = []
        if keep_models:
            models = [self._response.start_regression(self._features[rows], np.flatnonzero(rows)) for rows, _ in folds]

        def score(c: float) -> tuple[dict[str, float], np.ndarray, np.ndarray, Solution]:
            predicted, solutions = self._response.hold_out(), []
            for number, (rows, held_out) in enumerate(folds):
                if keep_models:
                    model = models[number]
                else:  # the same fit: a model starts from the last solution, and keeps nothing else
                    model = self._response.start_regression(self._features[rows], np.flatnonzero(rows), starts[number])
                fitted = model.fit(c, tolerance=self._options.tolerance, max_iterations=self._options.max_iterations)
                del model
                predicted.add(held_out, fitted.predict(self._features[held_out]))
                starts[number] = fitted
                solutions.append(fitted)
            return *predicted.judge(), mean_of(solutions)

        return score
