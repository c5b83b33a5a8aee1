"""The share of a text's nearest neighbors that have its class: closeness as the task's own labels see it."""

from __future__ import annotations

import numpy as np

from emb_pipeline.diagnostics.neighbors import normalize_rows
from emb_pipeline.embeddings.protocols import Vectors

NEIGHBORS = 10
_BLOCK = 256


def measure_label_purity(vectors: Vectors, classes: np.ndarray, groups: np.ndarray, k: int = NEIGHBORS) -> float:
    """Average over texts the share of the k nearest by cosine that have the text's class.

    Texts of a text's own group (copies, near-duplicates) are none of its neighbors. Of equally near ones each counts with
    the probability that it is drawn, so the order of the texts does not matter.

    Parameters
    ----------
    vectors : ndarray or csr_array of shape (n_texts, dim)
        One for each text; dense or sparse.
    classes, groups : ndarray of shape (n_texts,)
        Number of the class, and of the group, of each.
    k : int
        Neighbors; fewer where there are not as many texts outside the group.

    Returns
    -------
    float
        From 0 to 1; NaN where no text has a neighbor.
    """
    import scipy.sparse as sp

    is_sparse = sp.issparse(vectors)
    if is_sparse:
        lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        factors = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        unit = sp.csr_array(sp.diags_array(factors) @ vectors)
    else:
        unit = normalize_rows(np.asarray(vectors, dtype=np.float32))
    shares = []
    for start in range(0, unit.shape[0], _BLOCK):
        rows = slice(start, start + _BLOCK)
        cosines = unit[rows] @ unit.T
        cosines = cosines.toarray() if is_sparse else cosines
        cosines = np.where(groups[rows, None] == groups[None, :], -np.inf, cosines)
        shares.append(_find_shares(cosines, classes[rows, None] == classes[None, :], k))
    found = np.concatenate(shares) if shares else np.array([np.nan])
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def _find_shares(cosines: np.ndarray, is_same: np.ndarray, k: int) -> np.ndarray:
    """Find the share of each row's k largest that are the same; equal ones at the border share the places that are left."""
    k = min(k, cosines.shape[1])
    border = -np.partition(-cosines, k - 1, axis=1)[:, k - 1 : k]
    n_known = np.isfinite(cosines).sum(axis=1)
    above, level = cosines > border, (cosines == border) & np.isfinite(cosines)
    n_above, n_level = above.sum(axis=1), level.sum(axis=1)
    wanted = np.minimum(k, n_known)
    at_border = np.divide(wanted - n_above, n_level, out=np.zeros(len(cosines)), where=n_level > 0)
    same = (above & is_same).sum(axis=1) + at_border * (level & is_same).sum(axis=1)
    return np.asarray(np.divide(same, wanted, out=np.full(len(cosines), np.nan), where=wanted > 0))
