"""Counts of words that stand near each other, in bounded memory.

    tokens.txt ──► hash table, when full: sorted run on disk ──► merge by key range ──► first, second, count (mapped)

A pair at distance d weighs 1/d (Pennington et al. 2014, section 4.2). The counts are symmetric, so only the half with
``first <= second`` is stored. Inside, weights are whole numbers (in units of 1 / lcm(1 … window)), so that a sum does not
depend on its order: with or without runs on disk, the counts come out the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numba as nb
import numpy as np

from emb_pipeline.text.errors import DataError
from emb_pipeline.text.tokens import TokenCorpus

_SLOT_BYTES = 16
_FULL = 0.7
_SENTENCES_PER_BATCH = 50_000
_EMPTY = -1
_BORDER = -1


@dataclass(frozen=True, eq=False)
class CooccurrenceCounts:
    """Weighted co-occurrence counts, mapped from disk.

    Attributes
    ----------
    first, second : ndarray of shape (n_pairs,), int32
        Ranks of the two words, ``first <= second``; pairs ascend by (first, second) and none is there twice.
    count : ndarray of shape (n_pairs,), float32
        Entry (first, second), and so also (second, first), of the co-occurrence matrix.
    n_words : int
        Rows of that matrix.
    n_runs : int
        Runs that went to disk because memory was full; 0 if none did.
    """

    first: np.ndarray
    second: np.ndarray
    count: np.ndarray
    n_words: int
    n_runs: int

    def __len__(self) -> int:
        return len(self.count)


def count_cooccurrences(
    tokens: TokenCorpus, words: list[str], *, window: int, memory_mb: int, folder: Path
) -> CooccurrenceCounts:
    """Count how often each pair of words stands within a window, weighted by 1 / distance.

    Words outside ``words`` are passed over and do not take up a place in the window; a sentence's border ends it.

    Parameters
    ----------
    tokens : TokenCorpus
        The corpus; read once, as a stream.
    words : list of str
        The words to count; a word's place in this list is its rank.
    window : int
        Words to each side, 1 to 20.
    memory_mb : int
        MiB for the counts in memory; the rest goes to ``folder`` and is merged at the end within the same bound.
    folder : Path
        Where runs and result lie; it must stay as long as the result is used.

    Returns
    -------
    CooccurrenceCounts

    Raises
    ------
    DataError
        No two of the words ever stand in one sentence.
    """
    unit = math.lcm(*range(1, window + 1))
    weights = np.array([0, *(unit // distance for distance in range(1, window + 1))], dtype=np.int64)
    table = _Table(memory_mb, n_pairs_at_most=tokens.n_tokens * window)
    runs: list[Path] = []
    for ids in _batches(tokens, words):
        at = 0
        while (at := table.add(ids, at, weights)) < len(ids):
            runs.append(table.spill(folder / f"run_{len(runs):04d}"))
    if not runs:
        blocks: Iterator[tuple[np.ndarray, np.ndarray]] = iter([table.sorted_pairs()])
    else:
        runs.append(table.spill(folder / f"run_{len(runs):04d}"))
        blocks = _merged(runs, pairs_in_memory=table.capacity // 4)
    return _stored(blocks, folder, unit, len(words), len(runs), tokens)


class _Table:
    """Pairs and their weights: open addressing, emptied to disk when 70 % full."""

    def __init__(self, memory_mb: int, n_pairs_at_most: int) -> None:
        # Half of the memory: sorting what the table holds takes as much again.
        affordable = 1 << int(math.log2(memory_mb * 2**20 / 2 / _SLOT_BYTES))
        self.capacity = min(affordable, 1 << max(10, math.ceil(math.log2(n_pairs_at_most / _FULL))))
        self._keys = np.full(self.capacity, _EMPTY, dtype=np.int64)
        self._sums = np.zeros(self.capacity, dtype=np.int64)
        self._used = 0

    def add(self, ids: np.ndarray, start: int, weights: np.ndarray) -> int:
        at, self._used = _count_pairs(ids, start, weights, self._keys, self._sums, self._used, int(self.capacity * _FULL))
        return int(at)

    def sorted_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        filled = np.flatnonzero(self._keys != _EMPTY)
        keys = self._keys[filled]
        order = np.argsort(keys)
        return keys[order], self._sums[filled[order]]

    def spill(self, path: Path) -> Path:
        keys, sums = self.sorted_pairs()
        np.save(path.with_suffix(".keys.npy"), keys)
        np.save(path.with_suffix(".sums.npy"), sums)
        self._keys.fill(_EMPTY)
        self._sums.fill(0)
        self._used = 0
        return path


def _batches(tokens: TokenCorpus, words: list[str]) -> Iterator[np.ndarray]:
    """Ranks of the known words of many sentences at a time; each sentence is closed by a border."""
    ranks = {word: rank for rank, word in enumerate(words)}
    ids: list[int] = []
    with tokens.tokens_path.open(encoding="utf-8") as sentences:
        for number, sentence in enumerate(sentences, start=1):
            ids.extend(ranks[word] for word in sentence.split() if word in ranks)
            ids.append(_BORDER)
            if number % _SENTENCES_PER_BATCH == 0:
                yield np.asarray(ids, dtype=np.int32)
                ids.clear()
    yield np.asarray(ids, dtype=np.int32)


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _count_pairs(ids, start, weights, keys, sums, used, limit):  # type: ignore[no-untyped-def]
    """Count each word with the words before it; stop where the table is full, and say where that is."""
    mask = np.uint64(keys.shape[0] - 1)
    shift = np.uint64(64 - np.int64(np.round(np.log2(keys.shape[0]))))
    window = weights.shape[0] - 1
    for at in range(start, ids.shape[0]):
        if ids[at] == _BORDER:
            continue
        if used + window >= limit:
            return at, used
        for distance in range(1, window + 1):
            before = at - distance
            if before < 0 or ids[before] == _BORDER:
                break
            low, high = min(ids[at], ids[before]), max(ids[at], ids[before])
            key = (np.int64(low) << 32) | np.int64(high)
            # Both orders of a pair are the one entry that is stored; a word with itself is two entries in one place.
            weight = weights[distance] * (2 if low == high else 1)
            slot = (np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> shift
            while keys[slot] != key:
                if keys[slot] == _EMPTY:
                    keys[slot] = key
                    used += 1
                    break
                slot = (slot + np.uint64(1)) & mask
            sums[slot] += weight
    return ids.shape[0], used


def _merged(runs: list[Path], pairs_in_memory: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Sum the runs, one range of keys at a time."""
    keys = [np.load(run.with_suffix(".keys.npy"), mmap_mode="r") for run in runs]
    sums = [np.load(run.with_suffix(".sums.npy"), mmap_mode="r") for run in runs]
    # Every run is sorted, so each 1000th of its keys tells where the ranges must end for all to be of like size.
    step = max(1, pairs_in_memory // (1000 * len(runs)))
    sample = np.sort(np.concatenate([run[::step] for run in keys]))
    borders = sample[max(1, pairs_in_memory // step) :: max(1, pairs_in_memory // step)]
    ends = [np.concatenate([[0], np.searchsorted(run, borders), [len(run)]]) for run in keys]
    for part in range(len(borders) + 1):
        yield _summed(
            np.concatenate([run[end[part] : end[part + 1]] for run, end in zip(keys, ends, strict=True)]),
            np.concatenate([run[end[part] : end[part + 1]] for run, end in zip(sums, ends, strict=True)]),
        )


def _summed(keys: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not len(keys):
        return keys, sums
    order = np.argsort(keys)
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return keys[starts], np.add.reduceat(sums[order], starts)


def _stored(
    blocks: Iterator[tuple[np.ndarray, np.ndarray]], folder: Path, unit: int, n_words: int, n_runs: int, tokens: TokenCorpus
) -> CooccurrenceCounts:
    n_pairs = 0
    with (
        (folder / "first").open("wb") as first,
        (folder / "second").open("wb") as second,
        (folder / "count").open("wb") as count,
    ):
        for keys, sums in blocks:
            (keys >> 32).astype(np.int32).tofile(first)
            (keys & 0xFFFFFFFF).astype(np.int32).tofile(second)
            (sums / unit).astype(np.float32).tofile(count)
            n_pairs += len(keys)
    for run in folder.glob("run_*"):
        run.unlink()
    if not n_pairs:
        raise DataError(
            str(tokens.tokens_path),
            "no two known words stand in one sentence",
            "lower min_count or give a corpus with longer sentences",
        )
    return CooccurrenceCounts(
        np.memmap(folder / "first", np.int32, "r"),
        np.memmap(folder / "second", np.int32, "r"),
        np.memmap(folder / "count", np.float32, "r"),
        n_words,
        n_runs,
    )
