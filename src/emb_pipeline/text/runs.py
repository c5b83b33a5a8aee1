"""Runs of words that texts and a corpus have in common: an audit that knows nothing of sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from emb_pipeline.text.held_out import TELLING
from emb_pipeline.text.texts import TokenIds
from emb_pipeline.text.tokens import TokenCorpus

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT, _FILTER_BITS = np.uint64(31), 22


def find_runs_in_corpus(texts: Sequence[str], corpus: TokenCorpus, longest: Sequence[int]) -> np.ndarray:
    """Compute the share of the word runs of each text that are in a corpus, within a document.

    Parameters
    ----------
    texts : sequence of str
        What to look for.
    corpus : TokenCorpus
        Read once. Memory grows with the texts, not with the corpus (but for a number a sentence).
    longest : sequence of int
        Words of a run; a text that has fewer is one run.

    Returns
    -------
    ndarray of shape (n_texts, len(longest)), float64
        NaN for texts of fewer than `TELLING` tokens.
    """
    tokens = TokenIds.of(texts)
    ids, owners = _map_to_corpus_ids(tokens, corpus), np.repeat(np.arange(len(texts)), np.diff(tokens.starts))
    lengths = np.diff(tokens.starts)
    sought = {}
    for length, hashes in _hash_runs(ids, max(longest)):
        if length < TELLING:
            continue
        inside = owners[: len(hashes)] == owners[length - 1 :]
        is_run = length == np.minimum(lengths[:, None], np.array(longest)).T  # of each kind, for each text
        kept = inside & is_run.any(axis=0)[owners[: len(hashes)]]
        if kept.any():
            sought[length] = _Sought(hashes[kept], owners[: len(hashes)][kept], is_run)
    for part, documents in _read_batches(corpus, max(longest)):
        for length, hashes in _hash_runs(part, max(longest)):
            if length in sought:
                sought[length].look_in(hashes[documents[: len(hashes)] == documents[length - 1 :]])
    n_runs, n_found = (np.zeros((len(texts), len(longest))) for _ in range(2))
    for each in sought.values():
        for kind in range(len(longest)):
            n_runs[:, kind] += each.is_run[kind] * np.bincount(each.owners, minlength=len(texts))
            n_found[:, kind] += each.is_run[kind] * np.bincount(each.owners[each.are_found()], minlength=len(texts))
    with np.errstate(invalid="ignore"):
        return np.asarray(n_found / n_runs)


class _Sought:
    """Runs of one length, and which of them were found."""

    def __init__(self, hashes: np.ndarray, owners: np.ndarray, is_run: np.ndarray) -> None:
        self.owners, self.is_run = owners, is_run
        self._distinct, self._places = np.unique(hashes, return_inverse=True)
        self._present = np.zeros(len(self._distinct), dtype=bool)
        self._filter = np.zeros(1 << _FILTER_BITS, dtype=bool)  # most of a corpus passes by without a search
        self._filter[self._distinct >> np.uint64(64 - _FILTER_BITS)] = True

    def look_in(self, hashes: np.ndarray) -> None:
        likely = hashes[self._filter[hashes >> np.uint64(64 - _FILTER_BITS)]]
        places = np.searchsorted(self._distinct, likely)
        places[places == len(self._distinct)] = 0
        self._present[places[self._distinct[places] == likely]] = True

    def are_found(self) -> np.ndarray:
        return np.asarray(self._present[self._places])


def _map_to_corpus_ids(tokens: TokenIds, corpus: TokenCorpus) -> np.ndarray:
    """Find the ids that a corpus gives the words of texts; words that it has not get others."""
    id_of = {word: number for number, word in enumerate(corpus.counts)}
    known = np.array([id_of.get(word, len(id_of) + place) for place, word in enumerate(tokens.words)], dtype=np.int64)
    return np.asarray(known[tokens.ids])


def _read_batches(corpus: TokenCorpus, longest: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Token ids, and the document of each, in batches that repeat the last words of the one before."""
    document_of = np.repeat(np.arange(corpus.n_documents), corpus.sentences_per_document)
    ids, documents, n_sentences = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), 0
    for batch in corpus.open_ids().batches:
        lengths = np.diff(batch.ends)
        of_batch = np.repeat(document_of[n_sentences : n_sentences + len(lengths)], lengths)
        n_sentences += len(lengths)
        ids = np.concatenate([ids[-longest + 1 :], batch.ids])
        documents = np.concatenate([documents[-longest + 1 :], of_batch])
        yield ids, documents


def _hash_runs(ids: np.ndarray, longest: int) -> Iterator[tuple[int, np.ndarray]]:
    """Hash, for each length up to the longest, each run of so many ids: shape (n_ids - length + 1,)."""
    numbers = (ids.astype(np.uint64) + np.uint64(1)) * _FACTOR
    found = numbers
    for length in range(1, min(longest, len(ids)) + 1):
        if length > 1:
            found = found[:-1]
            found = (found ^ (found >> _SHIFT)) * _MIX + numbers[length - 1 :]
        yield length, found ^ (found << np.uint64(32))
