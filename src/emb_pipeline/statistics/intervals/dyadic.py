"""Units that are pairs of texts: pairs that share a text depend on each other."""

from __future__ import annotations

import numpy as np

from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance, compute_positive_part
from emb_pipeline.statistics.resampling import sum_groups


def estimate_dyadic_excess(scores: np.ndarray, texts: np.ndarray) -> ExtraVariance:
    """Covariance of systems' mean scores that is due to pairs sharing one of their texts.

    Groups of pairs that share a text would soon hold all pairs. The dyadic cluster-robust covariance [1]_, [2]_ needs no
    groups: it is the sum of ``e_i e_jᵀ`` over all pairs i, j that share a text, over n², where e is what a score differs
    from its mean by. What resampling the pairs holds already, those of the same two texts, is taken off.

    Parameters
    ----------
    scores : ndarray of shape (n_pairs, n_systems)
        Item scores.
    texts : ndarray of shape (n_pairs, 2), int
        Numbers of the two texts of each pair.

    Returns
    -------
    ExtraVariance
        Of shape (n_systems, n_systems), positive semi-definite; with one less than the effective number of texts as its
        degrees of freedom, 1 at least.

    References
    ----------
    .. [1] Aronow, Samii & Assenova (2015), Cluster-robust variance estimation for dyadic data, Political Analysis 23(4).
    .. [2] Cameron, Gelbach & Miller (2011), Robust inference with multiway clustering, JBES 29(2): taken off is what is
       counted twice.
    """
    scores = np.asarray(scores, dtype=np.float64)
    n_pairs, n_texts = len(scores), int(texts.max()) + 1
    deviations = scores - scores.mean(axis=0)
    differ = texts[:, 0] != texts[:, 1]
    of_texts = sum_groups(deviations, texts[:, 0], n_texts) + sum_groups(
        np.where(differ[:, None], deviations, 0), texts[:, 1], n_texts
    )
    dyads, place = np.unique(np.sort(texts, axis=1), axis=0, return_inverse=True)
    of_dyads = sum_groups(deviations, place.ravel(), len(dyads))
    # A pair of two texts is in the sums of both: what it shares with itself and with its repeats is there twice.
    times = np.where(dyads[:, 0] != dyads[:, 1], 2.0, 1.0)[:, None]
    covariance = (of_texts.T @ of_texts - (times * of_dyads).T @ of_dyads) / n_pairs**2
    counts = np.bincount(texts[:, 0], minlength=n_texts) + np.bincount(texts[differ, 1], minlength=n_texts)
    number = counts.sum() ** 2 / (counts.astype(np.float64) ** 2).sum()
    return ExtraVariance(compute_positive_part(covariance * number / max(number - 1, 1)), max(float(number) - 1, 1.0))
