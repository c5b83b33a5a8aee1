"""Inner loops of rankings, compiled: they know scores and hashes, and no texts."""

from __future__ import annotations

import numba as nb
import numpy as np

from emb_pipeline.embeddings.ranking import mix

_compiled = nb.njit(cache=True, nogil=True)
_mix = _compiled(mix)


@_compiled  # type: ignore[untyped-decorator]
def find_largest(scores, k, rows, columns, found):  # type: ignore[no-untyped-def]
    """Find the columns of the ``k`` largest scores of each row, best first; of equal ones that of the smallest mixed hash.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
    k : int
        At most n_columns.
    rows : ndarray of shape (n_rows,), uint64
        Hashes.
    columns : ndarray of shape (n_columns,) or (0,), uint64
        Hashes; without any, the first column comes first.
    found : ndarray of shape (n_rows, k), int64
        Is filled.
    """
    n_columns = scores.shape[1]
    values, keys = np.empty(k, dtype=scores.dtype), np.zeros(k, dtype=np.uint64)
    for row in range(scores.shape[0]):
        places = found[row]
        of_row = _mix(rows[row]) if len(columns) else np.uint64(0)
        # A heap of the best so far, whose worst is at its top.
        for column in range(n_columns):
            value = scores[row, column]
            if column >= k and value < values[0]:
                continue
            key = _mix(of_row ^ columns[column]) if len(columns) else np.uint64(0)
            if column < k:
                _move_up(values, keys, places, column, value, key, column)
            elif value > values[0] or key < keys[0]:  # of an equal key the first column stays
                _move_down(values, keys, places, k, value, key, column)
        for size in range(k - 1, 0, -1):
            value, key, column = values[size], keys[size], places[size]
            places[size] = places[0]
            _move_down(values, keys, places, size, value, key, column)


@_compiled  # type: ignore[untyped-decorator]
def _is_worse(value, key, column, other_value, other_key, other_column):  # type: ignore[no-untyped-def]
    if value != other_value:
        return value < other_value
    if key != other_key:
        return key > other_key
    return column > other_column


@_compiled  # type: ignore[untyped-decorator]
def _move_up(values, keys, places, place, value, key, column):  # type: ignore[no-untyped-def]
    """Put an entry behind the end of a heap where it belongs."""
    while place:
        parent = (place - 1) // 2
        if not _is_worse(value, key, column, values[parent], keys[parent], places[parent]):
            break
        values[place], keys[place], places[place] = values[parent], keys[parent], places[parent]
        place = parent
    values[place], keys[place], places[place] = value, key, column


@_compiled  # type: ignore[untyped-decorator]
def _move_down(values, keys, places, size, value, key, column):  # type: ignore[no-untyped-def]
    """Put an entry in the place of a heap's top, and where it belongs."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        other = child + 1
        if other < size and _is_worse(values[other], keys[other], places[other], values[child], keys[child], places[child]):
            child = other
        if not _is_worse(values[child], keys[child], places[child], value, key, column):
            break
        values[place], keys[place], places[place] = values[child], keys[child], places[child]
        place = child
    values[place], keys[place], places[place] = value, key, column
