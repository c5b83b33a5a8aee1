"""Vectors of values from the values that they share rows with: no label is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd

from emb_pipeline.embeddings.columns.options import CooccurrenceOptions
from emb_pipeline.embeddings.columns.sparse import OneHotValues
from emb_pipeline.embeddings.columns.values import KnownValues, RowEncoder, ValueVectors, fit_numbers, select_columns
from emb_pipeline.text.columns import Columns
from emb_pipeline.text.texts import Texts


@dataclass(frozen=True)
class CooccurrenceColumns:
    """The strongest directions of the positive pointwise mutual information of values that are in one row.

    A value that the training rows do not have gets zeros.

    References
    ----------
    Levy & Goldberg (2014), Neural word embedding as implicit matrix factorization (there, of words in windows).
    """

    options: CooccurrenceOptions
    seed: int = 0

    def fit(self, texts: Texts) -> RowEncoder:
        """Count pairs of values in these rows."""
        rows = RowsOfValues.of(select_columns(texts, self.options))
        found = compute_ppmi(rows.occurs, rows.column_of)
        dims = min(self.options.dims, max(found.shape[0] - 1, 1))
        vectors = np.zeros((found.shape[0], dims), dtype=np.float32)
        if found.nnz:
            left, strengths, _ = randomized_svd(found, n_components=dims, random_state=self.seed)
            vectors = (left * np.sqrt(strengths)).astype(np.float32)
        return rows.build_encoder(vectors, self.options)


@dataclass(frozen=True, eq=False)
class RowsOfValues:
    """Training rows as sets of values: the values of all columns are numbered through.

    Attributes
    ----------
    columns : Columns
        The columns.
    known : KnownValues
        Their values.
    occurs : csr_array of shape (n_rows, n_values)
        1 where a row has a value.
    """

    columns: Columns
    known: KnownValues
    occurs: sp.csr_array

    @classmethod
    def of(cls, columns: Columns) -> RowsOfValues:
        """Number the values of rows."""
        known = KnownValues.of(columns)
        return cls(columns, known, OneHotValues(known).encode(columns))

    @property
    def column_of(self) -> np.ndarray:
        """Column of each value: shape (n_values,), int."""
        return np.repeat(np.arange(len(self.known.counts)), self.known.counts)

    def build_encoder(self, vectors: np.ndarray, options: CooccurrenceOptions) -> RowEncoder:
        """Build an encoder of vectors of all values, shape (n_values, dims); a value that is not known gets zeros."""
        unknown = np.zeros((1, vectors.shape[1]), dtype=np.float32)
        tables = np.split(vectors, np.cumsum(self.known.counts)[:-1]) if self.known.counts else []
        made = ValueVectors(self.known, tuple(np.vstack([table, unknown]) for table in tables), options.combine == "average")
        return RowEncoder(self.columns.names, made, fit_numbers(self.columns, options.numeric))


def count_shared_rows(occurs: sp.csr_array, column_of: np.ndarray) -> sp.coo_array:
    """Count the rows that two values of different columns share.

    Parameters
    ----------
    occurs : csr_array of shape (n_rows, n_values)
        1 where a row has a value.
    column_of : ndarray of shape (n_values,), int
        The column of each value.

    Returns
    -------
    coo_array of shape (n_values, n_values), float64
        Symmetric.
    """
    counts = occurs.astype(np.float64)
    pairs = sp.coo_array(counts.T @ counts)
    first, second = pairs.coords
    apart = column_of[first] != column_of[second]
    return sp.coo_array((pairs.data[apart], (first[apart], second[apart])), shape=pairs.shape)


def compute_ppmi(occurs: sp.csr_array, column_of: np.ndarray) -> sp.csr_array:
    """Compute the positive pointwise mutual information of values of different columns.

    ``max(0, ln(n_ab · n / (n_a · n_b)))``, where ``n_a`` of ``n`` rows have the value a.

    Parameters
    ----------
    occurs : csr_array of shape (n_rows, n_values)
        1 where a row has a value.
    column_of : ndarray of shape (n_values,), int
        The column of each value.

    Returns
    -------
    csr_array of shape (n_values, n_values), float64
    """
    pairs = count_shared_rows(occurs, column_of)
    (first, second), together = pairs.coords, pairs.data
    n_rows, rows_of = occurs.shape[0], np.asarray(occurs.sum(axis=0, dtype=np.float64)).ravel()
    information = np.log(together * n_rows / (rows_of[first] * rows_of[second]))
    positive = information > 0
    entries = (information[positive], (first[positive], second[positive]))
    return sp.csr_array(sp.coo_array(entries, shape=pairs.shape))
