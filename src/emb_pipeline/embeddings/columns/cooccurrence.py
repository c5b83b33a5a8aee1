"""Vectors of values from the values that they share rows with: no label is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd

from emb_pipeline.embeddings.columns.options import CooccurrenceOptions
from emb_pipeline.embeddings.columns.sparse import OneHotValues
from emb_pipeline.embeddings.columns.values import KnownValues, RowEncoder, ValueVectors, fit_numbers, require_columns
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
        columns = require_columns(texts)
        known, numbers = KnownValues.of(columns), fit_numbers(columns, self.options.numeric)
        occurs = OneHotValues(known).encode(columns)
        found = compute_ppmi(occurs, np.repeat(np.arange(len(known.counts)), known.counts))
        dims = min(self.options.dims, max(found.shape[0] - 1, 1))
        vectors = np.zeros((found.shape[0], dims), dtype=np.float32)
        if found.nnz:
            left, strengths, _ = randomized_svd(found, n_components=dims, random_state=self.seed)
            vectors = (left * np.sqrt(strengths)).astype(np.float32)
        unknown = np.zeros((1, dims), dtype=np.float32)
        tables = np.split(vectors, np.cumsum(known.counts)[:-1]) if known.counts else []
        averaged = self.options.combine == "average"
        return RowEncoder(ValueVectors(known, tuple(np.vstack([table, unknown]) for table in tables), averaged), numbers)


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
    counts = occurs.astype(np.float64)
    pairs = sp.coo_array(counts.T @ counts)
    first, second = pairs.coords
    apart = column_of[first] != column_of[second]
    first, second, together = first[apart], second[apart], pairs.data[apart]
    n_rows, rows_of = occurs.shape[0], np.asarray(counts.sum(axis=0)).ravel()
    information = np.log(together * n_rows / (rows_of[first] * rows_of[second]))
    positive = information > 0
    entries = (information[positive], (first[positive], second[positive]))
    return sp.csr_array(sp.coo_array(entries, shape=pairs.shape))
