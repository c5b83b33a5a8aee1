"""Matrices as Arrow columns, one fixed-size list of float32 per row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def make_matrix_column(matrix: np.ndarray) -> pa.FixedSizeListArray:
    """Store a matrix of shape (n_rows, dim) as ``n_rows`` lists of ``dim`` float32."""
    flat = pa.array(np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


def read_matrix_column(column: pa.ChunkedArray) -> np.ndarray:
    """Read such a column as a matrix of shape (n_rows, dim), float32: a view where the column is in one piece."""
    whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    matrix: np.ndarray = whole.flatten().to_numpy(zero_copy_only=True).reshape(len(column), column.type.list_size)
    return matrix.astype(np.float32, copy=False)
