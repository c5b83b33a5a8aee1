"""The luck of which labels were bought, for scores that are means over a few draws of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emb_pipeline.names import without_seed
from emb_pipeline.statistics.extra_variance import ExtraVariance


def luck_of_labels(
    draws: pd.DataFrame, names: Sequence[str], label_fraction: float, *, n_resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw by how much other labels would move the mean scores of embeddings.

    Scores are means over J draws of m labels, without replacement, from the n that there are. Two draws share m / n of their
    labels, so the spread over draws, S, is smaller than that between independent sets of labels, and the mean of the draws
    varies with ``S (1 / J + m / (n - m))``. Embeddings learn from the same draws, so S is a covariance: luck that they
    share cancels in their differences. S is known from J draws alone: the deviations have the tails of Student's t with
    J - 1 degrees of freedom.

    Parameters
    ----------
    draws : DataFrame
        A task's rows: ``embedding``, ``label_fraction``, ``n_labels``, ``draw``, ``value`` (the mean over all units).
    names : sequence of str
        Embeddings; the seeds of one are averaged.
    label_fraction : float
        m / n, below 1.
    n_resamples : int
        Rows.
    rng : Generator
        Source of the deviations.

    Returns
    -------
    ndarray of shape (n_resamples, n_embeddings)
        To be added to resampled means. Zero with a single draw, which shows no spread.

    Raises
    ------
    ValueError
        An embedding without some of the draws.

    References
    ----------
    .. [1] Nadeau & Bengio (2003), Inference for the generalization error, Machine Learning 52(3).
    """
    rows = draws[np.isclose(draws["label_fraction"], label_fraction)]
    means = rows.groupby([rows["draw"], rows["embedding"].map(without_seed)])["value"].mean().unstack()
    means = means.reindex(columns=list(names))
    if means.isna().to_numpy().any() or means.empty:
        lacking = [name for name in names if means.empty or means[name].isna().any()]
        raise ValueError(f"{lacking[0]} lacks draws of {label_fraction:.3g} of the labels that others have")
    n_draws, degrees = len(means), len(means) - 1
    if not degrees:
        return np.zeros((n_resamples, len(names)))
    spread = np.atleast_2d(np.cov(means.to_numpy(), rowvar=False))
    factor = 1 / n_draws + label_fraction / (1 - label_fraction)
    return ExtraVariance(factor * spread, degrees).deviations(n_resamples, rng)
