"""Sparse vectors of rows: a column for each value, or values folded into a fixed number of columns by a hash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction import FeatureHasher

from emb_pipeline.embeddings.columns.options import ColumnOptions, OneHotColumnsOptions
from emb_pipeline.embeddings.columns.values import KnownValues, RowEncoder, fit_numbers, select_columns
from emb_pipeline.text.columns import Columns
from emb_pipeline.text.texts import Texts


@dataclass(frozen=True)
class OneHotColumns:
    """One column for each value of the training rows; a value that they do not have is in none."""

    options: OneHotColumnsOptions

    def fit(self, texts: Texts) -> RowEncoder:
        """The values of these rows."""
        columns = select_columns(texts, self.options)
        known = KnownValues.of(columns, self.options.min_rows)
        return RowEncoder(columns.names, OneHotValues(known), fit_numbers(columns, self.options.numeric))


@dataclass(frozen=True, eq=False)
class OneHotValues:
    """Ones in the columns of a row's values.

    Attributes
    ----------
    known : KnownValues
        The value of each column.
    """

    known: KnownValues

    @property
    def dim(self) -> int:
        """Values."""
        return sum(self.known.counts)

    def encode(self, columns: Columns) -> sp.csr_array:
        """Vectors of rows: a csr_array of shape (n_rows, dim), float32."""
        places = self.known.find(columns)
        is_known = places >= 0
        starts = np.concatenate([[0], np.cumsum(self.known.counts)])[:-1]
        indices = (places + starts)[is_known]
        pointers = np.concatenate([[0], np.cumsum(is_known.sum(axis=1))])
        return sp.csr_array(
            (np.ones(len(indices), dtype=np.float32), indices.astype(np.int32), pointers.astype(np.int32)),
            shape=(len(columns), self.dim),
        )


@dataclass(frozen=True)
class HashedColumns:
    """Values folded into ``dim`` columns by a signed hash (Weinberger et al. 2009): no vocabulary, no unknown value."""

    options: ColumnOptions
    dim: int

    def fit(self, texts: Texts) -> RowEncoder:
        """The scaling of the numeric columns."""
        columns = select_columns(texts, self.options)
        return RowEncoder(columns.names, HashedValues(self.dim), fit_numbers(columns, self.options.numeric))


@dataclass(frozen=True)
class HashedValues:
    """The sum of the hashed columns of a row's values, ``workclass=Private``.

    Attributes
    ----------
    dim : int
        Columns.
    """

    dim: int

    def encode(self, columns: Columns) -> sp.csr_array:
        """Vectors of rows: a csr_array of shape (n_rows, dim), float32."""
        hasher = FeatureHasher(self.dim, input_type="string", dtype=np.float32)
        total = sp.csr_array((len(columns), self.dim), dtype=np.float32)
        for column, name in enumerate(columns.categorical):
            of_values = sp.csr_array(hasher.transform([f"{name}={value}"] for value in columns.values[column]))
            total = total + of_values[columns.codes[:, column]]
        return sp.csr_array(total)
