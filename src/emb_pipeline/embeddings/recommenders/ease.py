"""EASE (Steck 2019): a linear model that predicts each item of a user from all others, in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy.linalg.lapack
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.options import EaseOptions
from emb_pipeline.storage.free_memory import require_memory

_BYTES_PER_PAIR = 26.0
"""Memory at its peak for each pair of items: the matrix and its sparse form, or its inverse and two matrices of weights."""
_ROWS_AT_A_TIME = 512


@dataclass(frozen=True)
class Ease:
    """Weights B that minimise ``|X - XB|² + regularization |B|²`` with a diagonal of zeros.

    X holds ones, or the weights of interactions. With ``P = (XᵀX + regularization I)⁻¹`` they are ``B_ij = -P_ij / P_jj``
    off the diagonal [1]_.

    References
    ----------
    .. [1] Steck (2019), Embarrassingly shallow autoencoders for sparse data, WWW.
    """

    options: EaseOptions = field(default_factory=EaseOptions)

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, EaseRecommender]]:
        """One for each regularization."""
        for regularization in self.options.regularizations:
            setting = {"regularisation": regularization}
            yield setting, self.fit(interactions, setting)

    def fit(self, interactions: Interactions, setting: Setting) -> EaseRecommender:
        """The weights; their memory grows with the square of the number of items, and is refused where it is not there."""
        require_room("ease", interactions.n_items)
        gram = compute_gram(interactions)
        return EaseRecommender(interactions.confidence, solve_ease(gram, float(setting["regularisation"] or 0)))


def require_room(method: str, n_items: int, *, free: float | None = None) -> None:
    """Refuse a matrix of all pairs of items that does not fit in memory.

    Parameters
    ----------
    method : str
        For the message.
    n_items : int
        Items that have interactions.
    free : float, optional
        Bytes that are free; those of this machine by default.

    Raises
    ------
    DataError
        It does not fit.
    """
    require_memory(
        f"{method} on {n_items:,} items",
        _BYTES_PER_PAIR * n_items**2,
        "raise 'core' of the task's source, so that fewer items are left, or leave the method out; item_knn, als, bpr and "
        "item2vec need memory for each item, and not for each pair",
        free=free,
    )


def compute_gram(interactions: Interactions) -> np.ndarray:
    """Compute the sums of products of columns: shape (n_items, n_items), float64."""
    gram: np.ndarray = (interactions.confidence.T @ interactions.confidence).astype(np.float64).toarray()
    return gram


def solve_ease(gram: np.ndarray, regularization: float) -> np.ndarray:
    """Compute the weights from the sums of products of columns, which are overwritten.

    Parameters
    ----------
    gram : ndarray of shape (n_columns, n_columns), float64
        Symmetric; it holds the inverse when this returns.
    regularization : float
        Above 0.

    Returns
    -------
    ndarray of shape (n_columns, n_columns), float32
    """
    gram[np.diag_indices_from(gram)] += regularization
    # Its transpose is the same matrix, and in the order of LAPACK: both steps work in place.
    factor, failed = scipy.linalg.lapack.dpotrf(gram.T, lower=True, clean=False, overwrite_a=True)
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
    if failed:
        raise np.linalg.LinAlgError("the sums of products are not positive definite")
    blocks = [slice(start, min(start + _ROWS_AT_A_TIME, len(gram))) for start in range(0, len(gram), _ROWS_AT_A_TIME)]
    for rows in blocks:  # the lower half is there
        inverse[rows, rows.stop :] = inverse[rows.stop :, rows].T
        square = inverse[rows, rows]
        square[...] = np.tril(square) + np.tril(square, -1).T
    weights = np.empty(gram.shape, dtype=np.float32)
    diagonal = np.diag(inverse).copy()
    for rows in blocks:
        weights[rows] = -inverse.T[rows] / diagonal
    np.fill_diagonal(weights, 0)
    return weights


@dataclass(frozen=True, eq=False)
class EaseRecommender:
    """History times weights.

    Attributes
    ----------
    histories : csr_array of shape (n_users, n_items)
        Ones where a user took an item, or the weights of that.
    weights : ndarray of shape (n_items, n_items), float32
        Row i: what having taken item i adds to the scores of others.
    """

    histories: sp.csr_array
    weights: np.ndarray

    @property
    def dim(self) -> int:
        """Numbers of a one-hot history."""
        return int(self.weights.shape[0])

    @property
    def n_bytes(self) -> int:
        """Memory of the weights."""
        return int(self.weights.nbytes)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Predictions: shape (n_users, n_items), float32."""
        return np.asarray(self.histories[users] @ self.weights)
