"""The luck of which labels were bought: variance of scores that are means over draws of a set of labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance, compute_positive_part


def estimate_label_luck(draws: np.ndarray, single: np.ndarray, *, overlap: float, share: float = 1.0) -> ExtraVariance:
    """Covariance of means over draws of the labels, all of which come from one set of labels.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, n_systems)
        Mean score of each draw; systems learn from the same labels in the same draw.
    single : ndarray of shape (n_draws, n_systems)
        The same of one seed of each system; equal to ``draws`` where there is one.
    overlap : float
        ``m / (n - m)`` for draws of m of n labels; times ``folds - 1`` for a mean over folds. With strata of which other
        shares are drawn it is ``f / (1 - f)`` of their mean share f, as if each stratum added the same part to the luck.
    share : float
        Part of the variance over draws that other test units would show, too (`find_share_of_labels`).

    Returns
    -------
    ExtraVariance
        Covariance of ``draws`` over their number, plus ``overlap`` times the covariance of ``single``. The first part is
        chance in which labels were drawn from the set; the second is the luck of the set itself, which more draws do not
        lessen. A mean over folds or seeds lessens the spread over draws, which are made for each, but not the luck of the
        set. Exact where each label adds its own part to a score; too large by some where labels work in combination.

    References
    ----------
    .. [1] Shao & Wu (1989), A general theory for jackknife variance estimation, Annals of Statistics 17(3): delete-d.
    .. [2] Nadeau & Bengio (2003), Inference for the generalization error, Machine Learning 52.
    """
    n_draws, n_systems = draws.shape
    if n_draws < 2:
        return ExtraVariance.create_zero(n_systems)
    spread, of_single = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (draws, single))
    whole = (spread / n_draws + overlap * of_single) * share
    return ExtraVariance(compute_positive_part(whole), n_draws - 1)


def estimate_label_variance(draws: pd.DataFrame, names: Sequence[str], label_fraction: float) -> ExtraVariance:
    """Variance over other labels of the mean scores of embeddings, from stored draws of a part of the labels.

    Parameters
    ----------
    draws : DataFrame
        A task's rows: ``family``, ``label_fraction``, ``class_share``, ``n_labels``, ``folds``, ``draw``, ``value`` (the
        mean over all units).
    names : sequence of str
        Families; the seeds of one are averaged. They learn from the same draws: luck that they share cancels in their
        differences.
    label_fraction : float
        Share of the labels, below 1.

    Returns
    -------
    ExtraVariance
        See `estimate_label_luck`. None with a single draw, which shows no spread.

    Raises
    ------
    ValueError
        An embedding without some of the draws.
    """
    rows = draws[np.isclose(draws["label_fraction"], label_fraction)]
    means = rows.groupby([rows["draw"], rows["family"]])["value"].mean().unstack()
    means = means.reindex(columns=list(names))
    if means.isna().to_numpy().any() or means.empty:
        lacking = [name for name in names if means.empty or means[name].isna().any()]
        raise ValueError(f"{lacking[0]} lacks draws of {label_fraction:.3g} of the labels that others have")
    matrix = means.to_numpy()
    share = float(rows["class_share"].iloc[0])
    overlap = max(int(rows["folds"].max()) - 1, 1) * share / (1 - share)
    return estimate_label_luck(matrix, matrix, overlap=overlap)
