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
    values, keys = np.empty(k, dtype=scores.dtype), np.zeros(k, dtype=np.uint64)
    for row in range(scores.shape[0]):
        of_row = _mix(rows[row]) if len(columns) else np.uint64(0)
        _look_through(scores[row], 0, of_row, columns, values, keys, found[row])
        _sort_heap(values, keys, found[row])


@_compiled  # type: ignore[untyped-decorator]
def keep_largest(scores, first, rows, columns, values, keys, places):  # type: ignore[no-untyped-def]
    """Look through the scores of some further columns for those that are among the largest of each row so far.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_some)
        Of the columns from ``first`` on.
    first : int
        Columns that were looked through before, from the first one on.
    rows, columns : ndarray, uint64
        As `find_largest` takes them; ``columns`` of all columns.
    values, keys, places : ndarray of shape (n_rows, k)
        The best of each row as a heap: of the type of the scores, uint64, int64. Changed in place; empty at first.
    """
    for row in range(scores.shape[0]):
        of_row = _mix(rows[row]) if len(columns) else np.uint64(0)
        _look_through(scores[row], first, of_row, columns, values[row], keys[row], places[row])


@_compiled  # type: ignore[untyped-decorator]
def sort_largest(values, keys, places):  # type: ignore[no-untyped-def]
    """Sort what `keep_largest` left of all columns, best first."""
    for row in range(values.shape[0]):
        _sort_heap(values[row], keys[row], places[row])


@_compiled  # type: ignore[untyped-decorator]
def count_in_front(scores, starts, wanted, rows, columns, ranks):  # type: ignore[no-untyped-def]
    """Rank some columns of each row among all of it: 1 for the largest score, of equal ones the smallest mixed hash.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
    starts : ndarray of shape (n_rows + 1,)
        Where each row's wanted columns start.
    wanted : ndarray of shape (n_wanted,)
        Columns.
    rows : ndarray of shape (n_rows,), uint64
        Hashes.
    columns : ndarray of shape (n_columns,), uint64
        Hashes.
    ranks : ndarray of shape (n_wanted,), int64
        Is filled.
    """
    for row in range(scores.shape[0]):
        of_row = _mix(rows[row])
        for place in range(starts[row], starts[row + 1]):
            column = wanted[place]
            value, key = scores[row, column], _mix(of_row ^ columns[column])
            rank = 1
            for other in range(scores.shape[1]):
                if scores[row, other] > value:
                    rank += 1
                elif scores[row, other] == value and other != column:
                    other_key = _mix(of_row ^ columns[other])
                    if other_key < key or (other_key == key and other < column):
                        rank += 1
            ranks[place] = rank


@_compiled  # type: ignore[untyped-decorator]
def _look_through(scores, first, of_row, columns, values, keys, places):  # type: ignore[no-untyped-def]
    """Keep the best of what was kept and these scores in a heap, whose worst is at its top."""
    k = len(values)
    for at in range(len(scores)):
        column, value = first + at, scores[at]
        if column >= k and value < values[0]:
            continue
        key = _mix(of_row ^ columns[column]) if len(columns) else np.uint64(0)
        if column < k:
            _move_up(values, keys, places, column, value, key, column)
        elif value > values[0] or key < keys[0]:  # of an equal key the first column stays
            _move_down(values, keys, places, k, value, key, column)


@_compiled  # type: ignore[untyped-decorator]
def _sort_heap(values, keys, places):  # type: ignore[no-untyped-def]
    for size in range(len(values) - 1, 0, -1):
        value, key, column = values[size], keys[size], places[size]
        values[size], keys[size], places[size] = values[0], keys[0], places[0]
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
