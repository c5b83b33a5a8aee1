from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings import cooccurrence
from emb_pipeline.embeddings.cooccurrence import CooccurrenceCounts, count_cooccurrences
from emb_pipeline.text.errors import DataError
from tests.embeddings.conftest import CorpusOf


def as_matrix(counts: CooccurrenceCounts) -> np.ndarray:
    matrix = np.zeros((counts.n_words, counts.n_words))
    matrix[counts.first, counts.second] = counts.count
    matrix[counts.second, counts.first] = counts.count
    return matrix


def test_counts_equal_a_matrix_made_by_hand(corpus_of: CorpusOf, tmp_path: Path) -> None:
    corpus = corpus_of("a b c d", "a c")
    counts = count_cooccurrences(corpus, ["a", "b", "c", "d"], window=2, memory_mb=16, folder=tmp_path)
    # d is out of a's window; the second sentence's a does not see the first sentence's d
    np.testing.assert_allclose(
        as_matrix(counts), [[0.0, 1.0, 1.5, 0.0], [1.0, 0.0, 1.0, 0.5], [1.5, 1.0, 0.0, 1.0], [0.0, 0.5, 1.0, 0.0]]
    )


def test_a_word_beside_itself_counts_once_in_each_direction(corpus_of: CorpusOf, tmp_path: Path) -> None:
    counts = count_cooccurrences(corpus_of("a a b"), ["a", "b"], window=5, memory_mb=16, folder=tmp_path)
    np.testing.assert_allclose(as_matrix(counts), [[2.0, 1.5], [1.5, 0.0]])


def test_an_unknown_word_takes_up_no_place_in_the_window(corpus_of: CorpusOf, tmp_path: Path) -> None:
    counts = count_cooccurrences(corpus_of("a x b"), ["a", "b"], window=1, memory_mb=16, folder=tmp_path)
    np.testing.assert_allclose(as_matrix(counts), [[0.0, 1.0], [1.0, 0.0]])


def test_counts_that_went_to_disk_are_the_same_to_the_last_bit(
    corpus_of: CorpusOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(120)]
    corpus = corpus_of(*(" ".join(rng.choice(words, size=30)) for _ in range(100)))
    folders = [tmp_path / name for name in ("whole", "spilled")]
    for folder in folders:
        folder.mkdir()
    whole = count_cooccurrences(corpus, words, window=7, memory_mb=16, folder=folders[0])
    monkeypatch.setattr(cooccurrence, "_SLOT_BYTES", 16 * 2**10)  # a table of 512 slots in place of half a million
    spilled = count_cooccurrences(corpus, words, window=7, memory_mb=16, folder=folders[1])
    assert whole.n_runs == 0
    assert spilled.n_runs > 3
    for name in ("first", "second", "count"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(spilled, name))
    assert not list(folders[1].glob("run_*"))


def test_the_result_lies_on_disk_and_not_in_memory(corpus_of: CorpusOf, tmp_path: Path) -> None:
    counts = count_cooccurrences(corpus_of("a b"), ["a", "b"], window=1, memory_mb=16, folder=tmp_path)
    assert isinstance(counts.count, np.memmap)


def test_a_corpus_of_single_words_is_refused(corpus_of: CorpusOf, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no two known words stand in one sentence"):
        count_cooccurrences(corpus_of("a", "b"), ["a", "b"], window=1, memory_mb=16, folder=tmp_path)
