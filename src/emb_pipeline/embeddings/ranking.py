"""The best of many scores, and the order of equal ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from emb_pipeline.text.hashing import hash_text

_RANKED = (np.float32, np.float64)
"""Types of scores that the compiled loop is made for."""


@dataclass(frozen=True, eq=False)
class TieOrder:
    """An order of equal scores that carries no information: for each row its own, drawn by hash.

    A row is a query or a user, a column a passage or an item. The order of a file often puts what is relevant first, and
    ids count upwards with age or grade; a hash of words or names does neither [1]_. Each row has an order of its own, so
    that what is scored by chance is chance for each row again, and not one draw for all.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,), uint64
    columns : ndarray of shape (n_columns,), uint64
        Hashes. Columns of equal hash stay in their own order.

    References
    ----------
    .. [1] Cabanac, Hubert, Boughanem & Chrisment (2010), Tie-breaking bias: effect of an uncontrolled parameter on
       information retrieval evaluation, CLEF.
    """

    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[str], columns: Iterable[str]) -> TieOrder:
        """The order of columns for each row, by what both are called or by their words."""
        return cls(hashes(rows), hashes(columns))

    def take(self, rows: np.ndarray | slice) -> TieOrder:
        """The same for some of the rows."""
        return TieOrder(self.rows[rows], self.columns)

    def keys(self, rows: np.ndarray | int, columns: np.ndarray | slice) -> np.ndarray:
        """Order equal scores: a number for each pair of a row and a column."""
        # Mixed twice: were a query's hash only xor-ed with that of a passage of the same words, it would come first.
        of_rows = mix(np.atleast_1d(self.rows[rows]))
        return mix(of_rows ^ self.columns[columns])


def hashes(texts: Iterable[str]) -> np.ndarray:
    """The hash of each text: shape (n_texts,), uint64."""
    return np.array([hash_text(text) for text in texts], dtype=np.uint64)


def largest(scores: np.ndarray, k: int, ties: TieOrder | None = None) -> np.ndarray:
    """Find the ``k`` largest scores of each row.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
    k : int
        At most n_columns.
    ties : TieOrder, optional
        The order of equal scores; without it the first column comes first, which is for columns whose order carries no
        information about what is right.

    Returns
    -------
    ndarray of shape (n_rows, k), int64
        Columns, best first.
    """
    # numba takes half a second to import; what does not rank needs none.
    from emb_pipeline.embeddings.ranking_kernels import find_largest

    ordered = np.ascontiguousarray(scores, dtype=scores.dtype if scores.dtype in _RANKED else np.float64)
    found = np.empty((len(scores), k), dtype=np.int64)
    none = np.zeros(0, dtype=np.uint64)
    rows, columns = (none, none) if ties is None else (ties.rows, ties.columns)
    find_largest(ordered, k, rows, columns, found)
    return found


def split_rows(n_rows: int, n_columns: int, block_bytes: int = 1 << 23) -> Iterator[slice]:
    """Yield some rows at a time, so many that their scores, of 8 bytes at most, fit a block."""
    n_together = max(1, block_bytes // (8 * max(n_columns, 1)))
    for start in range(0, n_rows, n_together):
        yield slice(start, min(start + n_together, n_rows))


def mix(numbers: np.ndarray) -> np.ndarray:
    """Turn each number into another that looks random, one to one (the finalizer of splitmix64)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = numbers ^ (numbers >> np.uint64(31))
    return mixed
