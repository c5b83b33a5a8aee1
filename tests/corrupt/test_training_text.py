"""Text made worse on purpose."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from emb_pipeline.corrupt.training_text import corrupt_corpus
from emb_pipeline.text.tokens import TokenCorpus, write_tokens


@pytest.fixture
def corpus(tmp_path: Path) -> TokenCorpus:
    """200 sentences of the same five words with a number of their own."""
    documents = ((str(i), f"grey stones under water number {i}.") for i in range(200))
    return write_tokens(documents, tmp_path / "whole")


def test_less_text_leaves_out_the_share_everywhere(corpus: TokenCorpus, tmp_path: Path) -> None:
    less = corrupt_corpus(corpus, tmp_path / "less", "less_text", 0.75)
    assert less.n_tokens == pytest.approx(0.25 * corpus.n_tokens, abs=6)
    kept = [int(tokens[-1]) for tokens in less]
    assert kept == sorted(kept) and min(kept) < 20 and max(kept) > 180


def test_shuffled_words_keep_their_frequencies_and_lose_their_company(corpus: TokenCorpus, tmp_path: Path) -> None:
    half, whole = (corrupt_corpus(corpus, tmp_path / f"{level}", "shuffled_words", level, seed=1) for level in (0.5, 1.0))
    assert half.counts == whole.counts == corpus.counts
    assert [len(tokens) for tokens in half] == [len(tokens) for tokens in corpus]
    together = [sum(tokens[:2] == ["grey", "stones"] for tokens in text) for text in (corpus, half, whole)]
    assert together[0] == 200 and 50 < together[1] < 110 and together[2] < 20
    assert corrupt_corpus(corpus, tmp_path / "again", "shuffled_words", 0.5, seed=1).fingerprint == half.fingerprint


def test_typos_misspell_a_share_of_the_longer_words(corpus: TokenCorpus, tmp_path: Path) -> None:
    found = Counter(token for tokens in corrupt_corpus(corpus, tmp_path / "typos", "typos", 0.3) for token in tokens)
    for word in ("grey", "stones", "water", "number"):
        assert 0.6 * 200 < found[word] < 0.8 * 200


def test_a_corrupted_corpus_says_where_it_comes_from(corpus: TokenCorpus, tmp_path: Path) -> None:
    made = corrupt_corpus(corpus, tmp_path / "typos", "typos", 0.3)
    assert made.manifest["made_from"] == corpus.fingerprint != made.fingerprint and made.n_documents == 200
    assert list(made.read_document_numbers()) == list(corpus.read_document_numbers())


@pytest.mark.parametrize(
    ("kind", "level", "message"),
    [("typos", 1.5, "share above 0"), ("noise", 0.5, "no way to corrupt"), ("less_text", 1.0, "leaves no text")],
)
def test_other_levels_and_kinds_are_refused(
    kind: str, level: float, message: str, corpus: TokenCorpus, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        corrupt_corpus(corpus, tmp_path / "bad", kind, level)  # type: ignore[arg-type]
