"""The probe of token vectors: a conditional random field whose penalty is tuned on training sentences alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from emb_pipeline.tasks.probes.crf import CrfCoefficients, LinearChainCrf, TokenVectors, find_tokens_of_sentences
from emb_pipeline.tasks.probes.penalty_path import PenaltyPath, Scorer, mean_of
from emb_pipeline.tasks.probes.scaling import Scaler, mean_squared_length
from emb_pipeline.tasks.probes.softmax import Axes, axes_of
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions

Quality = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Quality of each held-out sentence: of the numbers of the sentences, and the tag codes of their tokens."""


@dataclass(frozen=True, eq=False)
class CrfProbe:
    """A fitted probe.

    Attributes
    ----------
    c : float
        The chosen inverse penalty.
    edge : {"none", "low", "high"}
        Whether the best value is the first or last of the path, after the path was widened.
    path : list of dict
        C, quality and log loss per token of each value tried, on held-out training sentences.
    converged : bool
        Whether the final fit reached its tolerance.
    tune_seconds : float
        Time that choosing C took.
    """

    c: float
    edge: str
    path: list[dict[str, float]]
    converged: bool
    tune_seconds: float
    _scaler: Scaler
    _axes: Axes | None
    _coefficients: CrfCoefficients

    def decode(self, vectors: TokenVectors) -> np.ndarray:
        """Find the best tags of all sentences: codes of shape (n_tokens,)."""
        return self._coefficients.decode(_turn_vectors(vectors, self._scaler, self._axes))

    @property
    def details(self) -> dict[str, Any]:
        """Facts of the tuning to keep, ready for JSON."""
        return {"c": self.c, "edge": self.edge, "converged": self.converged, "path": self.path}


def fit_crf_probe(
    vectors: TokenVectors,
    codes: np.ndarray,
    allowed: np.ndarray,
    rounds: Sequence[np.ndarray],
    quality: Quality,
    options: SequenceLabelingOptions,
) -> CrfProbe:
    """Choose C on held-out training sentences, then fit on all of them.

    Dense vectors are standardised by mean and deviation over the training tokens, and turned into their principal axes.
    C goes up a `PenaltyPath`; what is held out for that shares scaling and axes, which know no tag. The final fit starts
    from the mean of the rounds' solutions for the chosen C, which is near.

    Parameters
    ----------
    vectors : TokenVectors
        Of the training sentences.
    codes : ndarray of shape (n_tokens,), int64
        Their tags.
    allowed : ndarray of shape (n_tags + 1, n_tags), bool
        See `LinearChainCrf`.
    rounds : sequence of ndarray of shape (n_sentences,), bool
        The training sentences that choose C. They are held out in one round or in several that have none in common.
    quality : callable
        What C is chosen by: of the numbers of held-out sentences and the codes found for them.
    options : SequenceLabelingOptions
        Window, path and tolerances.
    """
    counts = vectors.counts
    scaler = Scaler.of(vectors.rows, standardize=options.standardize, weights=counts)
    axes = None
    if isinstance(vectors.rows, np.ndarray):
        axes = axes_of(scaler.scale(vectors.rows) * np.sqrt(counts / counts.sum())[:, None].astype(np.float32))
    turned = _turn_vectors(vectors, scaler, axes)
    scorer = _build_held_out_scorer(turned, codes, allowed, rounds, quality, options)
    path = PenaltyPath(1.0 / max(mean_squared_length(turned.rows, counts), 1e-12), scorer, options)
    started = perf_counter()
    path.tune()
    tune_seconds = perf_counter() - started
    c = path.chosen_c
    final = LinearChainCrf(turned, codes, allowed, options.window, start=path.chosen_solution)
    coefficients = final.fit(c, tolerance=options.final_tolerance, max_iterations=5 * options.max_iterations)
    return CrfProbe(c, path.edge, path.tried, final.converged, tune_seconds, scaler, axes, coefficients)


def fit_on_resample(
    probe: CrfProbe, vectors: TokenVectors, codes: np.ndarray, allowed: np.ndarray, options: SequenceLabelingOptions
) -> CrfProbe:
    """Fit on a resample of a probe's sentences: with its scaling, axes and C, from its coefficients on.

    Parameters
    ----------
    probe : CrfProbe
        Of all training sentences.
    vectors, codes, allowed, options
        As of `fit_crf_probe`, of the sentences drawn, each as often as it was.
    """
    turned = _turn_vectors(vectors, probe._scaler, probe._axes)
    field = LinearChainCrf(turned, codes, allowed, options.window, start=probe._coefficients)
    coefficients = field.fit(probe.c, tolerance=options.tolerance, max_iterations=options.max_iterations)
    return replace(probe, converged=field.converged, _coefficients=coefficients)


def _build_held_out_scorer(
    vectors: TokenVectors,
    codes: np.ndarray,
    allowed: np.ndarray,
    rounds: Sequence[np.ndarray],
    quality: Quality,
    options: SequenceLabelingOptions,
) -> Callable[[], Scorer[CrfCoefficients]]:
    def part(chosen: np.ndarray) -> tuple[TokenVectors, np.ndarray]:
        tokens, _ = find_tokens_of_sentences(vectors.starts, np.flatnonzero(chosen))
        return vectors.of_sentences(np.flatnonzero(chosen)), codes[tokens]

    fits, tests = [part(~held_out) for held_out in rounds], [part(held_out) for held_out in rounds]
    tested = np.concatenate([np.flatnonzero(held_out) for held_out in rounds])

    def scorer() -> Scorer[CrfCoefficients]:
        models = [LinearChainCrf(of_fit, fit_codes, allowed, options.window) for of_fit, fit_codes in fits]

        def score(c: float) -> tuple[dict[str, float], np.ndarray, np.ndarray, CrfCoefficients]:
            found, logs = [], []
            for model, (of_test, test_codes) in zip(models, tests, strict=True):
                fitted = model.fit(c, tolerance=options.tolerance, max_iterations=options.max_iterations)
                found.append(fitted.decode(of_test))
                logs.append(fitted.log_likelihoods(of_test, test_codes))
            qualities = quality(tested, np.concatenate(found))
            log_likelihoods = np.concatenate(logs)
            log_loss = -float(log_likelihoods.sum()) / sum(len(each) for each in found)
            summaries = {"quality": float(qualities.mean()), "log_loss": log_loss}
            return summaries, qualities, log_likelihoods, mean_of([model.coefficients for model in models])

        return score

    return scorer


def _turn_vectors(vectors: TokenVectors, scaler: Scaler, axes: Axes | None) -> TokenVectors:
    scaled = scaler.scale(vectors.rows)
    return vectors.with_rows(scaled if axes is None else axes.rotate(scaled))
