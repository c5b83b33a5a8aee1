from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.static import cooccurrence
from emb_pipeline.embeddings.static.cooccurrence import CooccurrenceCounts, count_cooccurrences
from emb_pipeline.errors import DataError
from emb_pipeline.text import id_stream
from emb_pipeline.text.tokens import TokenCorpus, write_tokens
from tests.embeddings.conftest import CorpusOf


def as_matrix(counts: CooccurrenceCounts) -> np.ndarray:
    matrix = np.zeros((counts.n_words, counts.n_words))
    matrix[counts.first, counts.second] = counts.count
    matrix[counts.second, counts.first] = counts.count
    return matrix


def test_counts_equal_a_matrix_made_by_hand(corpus_of: CorpusOf, tmp_path: Path) -> None:
    corpus = corpus_of("a c b d", "a b")
    counts = count_cooccurrences(corpus, 4, window=2, memory_mb=16, folder=tmp_path)
    # d is out of a's window; the second sentence's a does not see the first sentence's d
    np.testing.assert_allclose(
        as_matrix(counts), [[0.0, 1.5, 1.0, 0.0], [1.5, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.5], [0.0, 1.0, 0.5, 0.0]]
    )


def test_a_word_beside_itself_counts_once_in_each_direction(corpus_of: CorpusOf, tmp_path: Path) -> None:
    counts = count_cooccurrences(corpus_of("a a b"), 2, window=5, memory_mb=16, folder=tmp_path)
    np.testing.assert_allclose(as_matrix(counts), [[2.0, 1.5], [1.5, 0.0]])


def test_a_word_that_is_too_rare_takes_up_no_place_in_the_window(corpus_of: CorpusOf, tmp_path: Path) -> None:
    counts = count_cooccurrences(corpus_of("a x b", "a", "b"), 2, window=1, memory_mb=16, folder=tmp_path)
    np.testing.assert_allclose(as_matrix(counts), [[0.0, 1.0], [1.0, 0.0]])


def test_a_window_longer_than_the_sentence_ends_with_it(corpus_of: CorpusOf, tmp_path: Path) -> None:
    counts = count_cooccurrences(corpus_of("a a b", "a b", "b"), 2, window=20, memory_mb=16, folder=tmp_path)
    np.testing.assert_allclose(as_matrix(counts), [[2.0, 2.5], [2.5, 0.0]])


def test_one_word_has_a_matrix_of_one_entry(corpus_of: CorpusOf, tmp_path: Path) -> None:
    counts = count_cooccurrences(corpus_of("a a a", "a"), 1, window=2, memory_mb=16, folder=tmp_path)
    np.testing.assert_allclose(as_matrix(counts), [[2 * (1 + 1 + 0.5)]])


def pair_by_pair(corpus: TokenCorpus, n_words: int, window: int) -> dict[tuple[int, int], float]:
    """The stored half of the matrix, the slow way."""
    ranks = {word: rank for rank, word in enumerate(corpus.read_vocabulary()["token"].to_pylist()[:n_words])}
    counts: dict[tuple[int, int], float] = defaultdict(float)
    for sentence in corpus:
        ids = [ranks[word] for word in sentence if word in ranks]
        for at, one in enumerate(ids):
            for distance, other in enumerate(ids[at + 1 : at + 1 + window], start=1):
                counts[min(one, other), max(one, other)] += (2 if one == other else 1) / distance
    return counts


@pytest.fixture
def long_tailed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenCorpus:
    """Twelve thousand tokens of common and rare words, in many batches."""
    monkeypatch.setattr(id_stream, "TOKENS_PER_BATCH", 500)
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 40, size=600)
    sentences = [np.where(rng.random(n) < 0.5, rng.zipf(1.3, size=n) % 1_000, rng.integers(20_000, size=n)) for n in lengths]
    corpus = write_tokens(
        ((str(i), " ".join(f"w{rank}" for rank in row)) for i, row in enumerate(sentences)), tmp_path / "corpus"
    )
    assert len(corpus.open_ids().batches) > 5
    return corpus


@pytest.mark.parametrize(("n_words", "window"), [(40, 3), (70, 20), (1_000, 10), (5_000, 5)])
def test_counts_equal_those_taken_pair_by_pair(long_tailed: TokenCorpus, tmp_path: Path, n_words: int, window: int) -> None:
    counts = count_cooccurrences(long_tailed, n_words, window=window, memory_mb=16, folder=tmp_path)
    expected = pair_by_pair(long_tailed, n_words, window)
    assert list(zip(counts.first.tolist(), counts.second.tolist(), strict=True)) == sorted(expected)
    np.testing.assert_allclose(counts.count, [expected[pair] for pair in sorted(expected)], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("n_runs", [0, 5])
def test_threads_and_runs_on_disk_leave_the_counts_the_same_to_the_last_bit(
    long_tailed: TokenCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, n_runs: int
) -> None:
    n_words = len(long_tailed.counts)
    assert n_words > 4096  # more than one word of each level of marks
    folders = [tmp_path / name for name in ("plain", "parted")]
    for folder in folders:
        folder.mkdir()
    plain = count_cooccurrences(long_tailed, n_words, window=7, memory_mb=16, folder=folders[0])
    monkeypatch.setattr(cooccurrence, "_PAIRS_PER_TASK", 300)  # hundreds of tasks
    if n_runs:
        monkeypatch.setattr(cooccurrence, "_TOKEN_BYTES", 5 * 2**10)  # room for a fifth of the tokens
    parted = count_cooccurrences(long_tailed, n_words, window=7, memory_mb=16, folder=folders[1], workers=workers)
    assert plain.n_runs == 0
    assert (parted.n_runs > 3) == bool(n_runs)
    for name in ("first", "second", "count"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(parted, name))
    assert not list(folders[1].glob("run_*"))


def test_the_result_lies_on_disk_and_not_in_memory(corpus_of: CorpusOf, tmp_path: Path) -> None:
    counts = count_cooccurrences(corpus_of("a b"), 2, window=1, memory_mb=16, folder=tmp_path)
    assert isinstance(counts.count, np.memmap)


def test_a_corpus_of_single_words_is_refused(corpus_of: CorpusOf, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no two known words stand in one sentence"):
        count_cooccurrences(corpus_of("a", "b"), 2, window=1, memory_mb=16, folder=tmp_path)


@pytest.mark.parametrize("token_bytes", [8, 2**24])
def test_a_corpus_of_which_no_pair_is_known_is_refused_whatever_the_memory(
    corpus_of: CorpusOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token_bytes: int
) -> None:
    monkeypatch.setattr(cooccurrence, "_TOKEN_BYTES", token_bytes)
    with pytest.raises(DataError, match="no two known words stand in one sentence"):
        count_cooccurrences(corpus_of("a b", "a c", "a d"), 1, window=1, memory_mb=16, folder=tmp_path)


def test_memory_smaller_than_one_sentence_still_counts_it(
    corpus_of: CorpusOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cooccurrence, "_TOKEN_BYTES", 2**30)
    counts = count_cooccurrences(corpus_of("a b", "a b c", "c a"), 3, window=1, memory_mb=16, folder=tmp_path)
    assert counts.n_runs == 3
    np.testing.assert_allclose(as_matrix(counts), [[0, 2, 1], [2, 0, 1], [1, 1, 0]])
