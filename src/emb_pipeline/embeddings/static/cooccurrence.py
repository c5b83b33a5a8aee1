"""Counts of words that are near each other, in bounded memory.

    ids.arrow ──► chunk of tokens, sorted by word ──► rows of the matrix, one by one ──► first, second, count (mapped)
                           └─ more than one chunk: runs of such rows on disk ──► summed row by row ──┘

The places of a word, taken together, give its whole row of the matrix: the row is summed in one array of a number for each
word, which stays in the processor's cache, and comes out in order. So nothing is hashed and no pairs are sorted, and threads
share the work by taking different rows.

A pair at distance d weighs 1/d (Pennington et al. 2014, section 4.2). The counts are symmetric, so only the half with
``first <= second`` is stored. Inside, weights are whole numbers (in units of 1 / lcm(1 … window)), so that a sum does not
depend on its order: with or without runs on disk and with any number of threads, the counts come out the same to the last
bit.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import numba as nb
import numpy as np

from emb_pipeline.errors import DataError
from emb_pipeline.text.id_stream import IdStream
from emb_pipeline.text.tokens import TokenCorpus

_BORDER = -1
_CHUNK_SHARE = 0.75
_TOKEN_BYTES = 8  # its id and its place among those of its word
_PAIR_BYTES = 16
_PAIRS_PER_TASK = 1 << 20
_VISITS_PER_PAIR = 8  # a task that finds few pairs may look at this many neighbors for each that it had room for
_VISITS_THAT_FILL = 0.25  # of a row's places: from so many on, it is read as a whole


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
    tokens: TokenCorpus, n_words: int, *, window: int, memory_mb: int, folder: Path, workers: int = 1
) -> CooccurrenceCounts:
    """Count how often each pair of words is within a window, weighted by 1 / distance.

    Rarer words are passed over and do not take up a place in the window; a sentence's border ends it.

    Parameters
    ----------
    tokens : TokenCorpus
        The corpus; its token stream is read once.
    n_words : int
        How many words to count, the commonest of the corpus; a word's rank is its row in the vocabulary.
    window : int
        Words to each side, 1 to 20.
    memory_mb : int
        MiB for the counting; what does not fit goes to ``folder`` and is merged at the end within the same bound. At least
        the longest sentence and a few numbers for each word and worker are held, however small it is.
    folder : Path
        Where runs and result are; it must stay as long as the result is used.
    workers : int
        Threads. The counts do not depend on them.

    Returns
    -------
    CooccurrenceCounts

    Raises
    ------
    DataError
        No two of the words ever are in one sentence, or the corpus has no sound token stream.
    """
    unit = math.lcm(*range(1, window + 1))
    weights = np.array([0, *(unit // distance for distance in range(1, window + 1))], dtype=np.int64)
    stream = tokens.open_ids()
    n_known = int(tokens.read_vocabulary()["count"].to_numpy()[:n_words].sum())
    whole = n_known + tokens.n_sentences + 1
    capacity = _chunk_capacity(stream, n_words, memory_mb * 2**20, workers)
    with ThreadPoolExecutor(workers) as threads:
        rows = _Rows(n_words, memory_mb * 2**20, threads, workers)
        chunks = _chunks(stream, n_words, min(whole, capacity))
        if whole <= capacity:
            runs = None
            blocks: Iterator[_Block] = chain.from_iterable(rows.of_chunk(chunk, weights) for chunk in chunks)
        else:
            runs = _Runs.written((rows.of_chunk(chunk, weights) for chunk in chunks), folder, n_words)
            blocks = rows.of_runs(runs) if runs else iter(())
        counts = _stored(blocks, folder, unit, n_words, len(runs.starts) if runs else 0, tokens)
    for run in folder.glob("run_*"):
        run.unlink()
    return counts


class _Chunk(NamedTuple):
    """Part of the corpus: known words alone, a border before and behind each sentence, and where each word is."""

    ids: np.ndarray
    places: np.ndarray
    starts: np.ndarray


class _Block(NamedTuple):
    """Some consecutive rows of the matrix: how many pairs each has, their second words and weights."""

    first_row: int
    lengths: np.ndarray
    second: np.ndarray
    sums: np.ndarray


def _chunk_capacity(stream: IdStream, n_words: int, memory: int, workers: int) -> int:
    """Tokens and borders that a chunk has room for."""
    for_words = n_words * 8 * (workers + 3)
    longest = max((int(np.diff(batch.ends).max(initial=0)) for batch in stream.batches), default=0)
    affordable = int((memory * _CHUNK_SHARE - for_words) / _TOKEN_BYTES)
    return max(longest + 2, min(affordable, np.iinfo(np.int32).max))


def _chunks(stream: IdStream, n_words: int, capacity: int) -> Iterator[_Chunk]:
    """The corpus in parts; each is overwritten by the next."""
    ids, places = np.empty(capacity, dtype=np.int32), np.empty(capacity, dtype=np.int32)
    starts = np.empty(n_words + 1, dtype=np.int64)
    ids[0] = _BORDER
    used = 1
    for batch in stream.batches:
        sentence = 0
        while sentence < len(batch.ends) - 1:
            sentence, used = _append_known(batch.ids, batch.ends, sentence, n_words, ids, used)
            if sentence < len(batch.ends) - 1:
                _sort_by_word(ids[:used], starts, places)
                yield _Chunk(ids[:used], places, starts)
                used = 1
    if used > 1:
        _sort_by_word(ids[:used], starts, places)
        yield _Chunk(ids[:used], places, starts)


class _Rows:
    """Makes rows of the matrix, several at a time, and gives them in their order."""

    def __init__(self, n_words: int, memory: int, threads: ThreadPoolExecutor, workers: int) -> None:
        self._n_words = n_words
        self._threads = threads
        self._ahead = 2 * workers
        self._pairs_per_task = min(_PAIRS_PER_TASK, int(memory * (1 - _CHUNK_SHARE) / _PAIR_BYTES / self._ahead))
        self._scratch: SimpleQueue[tuple[np.ndarray, ...]] = SimpleQueue()
        for _ in range(workers):
            sizes = (n_words, n_words // 64 + 1, n_words // 4096 + 1)
            row, marks, groups = (
                np.zeros(size, type_) for size, type_ in zip(sizes, (np.int64, *2 * [np.uint64]), strict=True)
            )
            self._scratch.put((row, marks, groups))

    def of_chunk(self, chunk: _Chunk, weights: np.ndarray) -> Iterator[_Block]:
        """Rows that the sentences of a chunk give."""
        neighbors = np.diff(chunk.starts) * (2 * (len(weights) - 1))
        return self._in_order(neighbors, lambda *room: _count_rows(*chunk, weights, *room))

    def of_runs(self, runs: _Runs) -> Iterator[_Block]:
        """Rows of all runs, summed."""
        entries = np.zeros(self._n_words, dtype=np.int64)
        for starts in runs.starts:
            entries += np.diff(starts)
        return self._in_order(entries, lambda *room: _sum_rows(runs.starts, runs.second, runs.sums, *room))

    def _in_order(self, visits: np.ndarray, fill: Callable[..., int]) -> Iterator[_Block]:
        pairs_at_most = np.minimum(visits, self._n_words - np.arange(self._n_words))
        sizes = np.cumsum(np.maximum(pairs_at_most, visits // _VISITS_PER_PAIR))
        cuts = np.searchsorted(sizes, np.arange(self._pairs_per_task, sizes[-1], self._pairs_per_task), side="right")
        pending: deque[Future[_Block]] = deque()
        for first, last in pairwise(np.unique([0, *cuts, self._n_words]).tolist()):
            if len(pending) == self._ahead:
                yield pending.popleft().result()
            pending.append(self._threads.submit(self._block, first, last, int(pairs_at_most[first:last].sum()), fill))
        while pending:
            yield pending.popleft().result()

    def _block(self, first: int, last: int, pairs_at_most: int, fill: Callable[..., int]) -> _Block:
        lengths = np.empty(last - first, dtype=np.int64)
        second, sums = np.empty(pairs_at_most, dtype=np.int32), np.empty(pairs_at_most, dtype=np.int64)
        scratch = self._scratch.get()
        n_pairs = fill(first, *scratch, lengths, second, sums)
        self._scratch.put(scratch)
        return _Block(first, lengths, second[:n_pairs], sums[:n_pairs])


class _Runs(NamedTuple):
    """Matrices of several chunks on disk, one behind the other.

    Attributes
    ----------
    starts : ndarray of shape (n_runs, n_words + 1), int64
        Where each row of each run starts and ends in the other two.
    second : ndarray of shape (n_pairs,), int32
    sums : ndarray of shape (n_pairs,), int64
    """

    starts: np.ndarray
    second: np.ndarray
    sums: np.ndarray

    @classmethod
    def written(cls, matrices: Iterator[Iterator[_Block]], folder: Path, n_words: int) -> _Runs | None:
        """Write them down; None if there is none."""
        paths = [folder / f"run_{name}" for name in ("starts", "second", "sums")]
        n_runs = n_pairs = 0
        with paths[0].open("wb") as starts, paths[1].open("wb") as second, paths[2].open("wb") as sums:
            for blocks in matrices:
                np.array([n_pairs]).tofile(starts)
                for block in blocks:
                    (n_pairs + np.cumsum(block.lengths)).tofile(starts)
                    block.second.tofile(second)
                    block.sums.tofile(sums)
                    n_pairs += len(block.second)
                n_runs += 1
        if not n_runs:
            return None
        return cls(
            np.memmap(paths[0], np.int64, "r", shape=(n_runs, n_words + 1)),
            np.memmap(paths[1], np.int32, "r"),
            np.memmap(paths[2], np.int64, "r"),
        )


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _append_known(ids, ends, sentence, n_words, chunk, used):  # type: ignore[no-untyped-def]
    """Take the known words of one sentence after the other; stop before the one that has no room left."""
    for row in range(sentence, ends.shape[0] - 1):
        end = used
        for at in range(ends[row], ends[row + 1]):
            if ids[at] < n_words:
                if end + 1 >= chunk.shape[0]:
                    return row, used
                chunk[end] = ids[at]
                end += 1
        if end >= used + 2:  # a word alone is in no pair
            chunk[end] = _BORDER
            used = end + 1
    return ends.shape[0] - 1, used


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _sort_by_word(ids, starts, places):  # type: ignore[no-untyped-def]
    """Where each word is: those of word w are ``places[starts[w] : starts[w + 1]]``, ascending."""
    starts[:] = 0
    for at in range(ids.shape[0]):
        if ids[at] != _BORDER:
            starts[ids[at] + 1] += 1
    for word in range(1, starts.shape[0]):
        starts[word] += starts[word - 1]
    # Each start moves on to its end as it is filled, which is the start of the next: all move back by one at last.
    for at in range(ids.shape[0]):
        if ids[at] != _BORDER:
            places[starts[ids[at]]] = at
            starts[ids[at]] += 1
    for word in range(starts.shape[0] - 1, 0, -1):
        starts[word] = starts[word - 1]
    starts[0] = 0


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _count_rows(  # type: ignore[no-untyped-def]
    ids, places, starts, weights, first_row, row, marks, groups, lengths, second, sums
):
    """Sum the weights of each word's neighbors that are no commoner than it.

    Each pair is met from both its words, and counted from the commoner one; a word with itself is counted from both, as it
    is two entries in one place of the matrix.
    """
    n_pairs = 0
    for index in range(lengths.shape[0]):
        word = first_row + index
        own = places[starts[word] : starts[word + 1]]
        if own.shape[0] * 2 * (weights.shape[0] - 1) >= row.shape[0] * _VISITS_THAT_FILL:
            _add_all(own, ids, weights, row)
            lengths[index] = _take_all(word, row, second, sums, n_pairs)
        else:
            _add_marked(own, word, ids, weights, row, marks, groups)
            lengths[index] = _take_marked(word, row, marks, groups, second, sums, n_pairs)
        n_pairs += lengths[index]
    return n_pairs


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _add_all(places, ids, weights, row):  # type: ignore[no-untyped-def]
    """Add all neighbors, commoner ones too: not to ask for each takes half the time."""
    for k in range(places.shape[0]):
        for step in (-1, 1):
            at = np.int64(places[k])
            for distance in range(1, weights.shape[0]):
                at += step
                if ids[at] == _BORDER:
                    break
                row[ids[at]] += weights[distance]


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _take_all(first, row, second, sums, start):  # type: ignore[no-untyped-def]
    """Move what is in a row, from a first place on, to the pairs, in order; leaves the row empty."""
    n_pairs = start
    row[:first] = 0
    for word in range(first, row.shape[0]):
        if row[word] != 0:
            second[n_pairs] = word
            sums[n_pairs] = row[word]
            row[word] = 0
            n_pairs += 1
    return n_pairs - start


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _add_marked(places, word, ids, weights, row, marks, groups):  # type: ignore[no-untyped-def]
    """Add the neighbors that are no commoner than the word, and mark where they are."""
    for k in range(places.shape[0]):
        for step in (-1, 1):
            at = np.int64(places[k])
            for distance in range(1, weights.shape[0]):
                at += step
                other = ids[at]
                if other == _BORDER:
                    break
                if other >= word:
                    _add(other, weights[distance], row, marks, groups)


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _sum_rows(  # type: ignore[no-untyped-def]
    run_starts, run_second, run_sums, first_row, row, marks, groups, lengths, second, sums
):
    """Sum the rows of all runs."""
    n_pairs = 0
    for index in range(lengths.shape[0]):
        word = first_row + index
        for run in range(run_starts.shape[0]):
            for k in range(run_starts[run, word], run_starts[run, word + 1]):
                _add(run_second[k], run_sums[k], row, marks, groups)
        lengths[index] = _take_marked(word, row, marks, groups, second, sums, n_pairs)
        n_pairs += lengths[index]
    return n_pairs


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _add(word, weight, row, marks, groups):  # type: ignore[no-untyped-def]
    """Add to a row, and mark the places that are not empty any more: a bit a word, and a bit for each 64 of these."""
    if row[word] == 0:
        marks[word >> 6] |= np.uint64(1) << np.uint64(word & 63)
        groups[word >> 12] |= np.uint64(1) << np.uint64((word >> 6) & 63)
    row[word] += weight


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _take_marked(first, row, marks, groups, second, sums, start):  # type: ignore[no-untyped-def]
    """As `_take_all`, by way of the marks: a nearly empty row is not read as a whole."""
    n_pairs = start
    for g in range(first >> 12, groups.shape[0]):
        group = groups[g]
        groups[g] = np.uint64(0)
        while group != np.uint64(0):
            m = (g << 6) + _lowest_bit(group)
            group &= group - np.uint64(1)
            mark = marks[m]
            marks[m] = np.uint64(0)
            while mark != np.uint64(0):
                word = (m << 6) + _lowest_bit(mark)
                mark &= mark - np.uint64(1)
                second[n_pairs] = word
                sums[n_pairs] = row[word]
                row[word] = 0
                n_pairs += 1
    return n_pairs - start


# Multiplying a single bit by this number shifts another pattern to the top for each place of the bit (de Bruijn).
_PATTERNS = 0x03F79D71B4CB0A89
_PLACES = np.zeros(64, dtype=np.int64)
_PLACES[[(_PATTERNS << bit & 0xFFFFFFFFFFFFFFFF) >> 58 for bit in range(64)]] = np.arange(64)


@nb.njit(cache=True, nogil=True, boundscheck=False)  # type: ignore[untyped-decorator]
def _lowest_bit(bits):  # type: ignore[no-untyped-def]
    """Place of the lowest bit that is set."""
    lowest = bits & (~bits + np.uint64(1))
    return _PLACES[(lowest * np.uint64(_PATTERNS)) >> np.uint64(58)]


def _stored(
    blocks: Iterator[_Block], folder: Path, unit: int, n_words: int, n_runs: int, tokens: TokenCorpus
) -> CooccurrenceCounts:
    n_pairs = 0
    with (
        (folder / "first").open("wb") as first,
        (folder / "second").open("wb") as second,
        (folder / "count").open("wb") as count,
    ):
        for block in blocks:
            words = np.arange(block.first_row, block.first_row + len(block.lengths), dtype=np.int32)
            np.repeat(words, block.lengths).tofile(first)
            block.second.tofile(second)
            (block.sums / unit).astype(np.float32).tofile(count)
            n_pairs += len(block.second)
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
