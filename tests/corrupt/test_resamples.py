"""Resamples of a corpus: documents drawn with replacement."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from emb_pipeline.corrupt.resamples import resample_corpus
from emb_pipeline.text.tokens import TokenCorpus, cut, write_tokens

N = 1_000
"""Documents; document i has 1 + i % 3 sentences."""


@pytest.fixture
def corpus(tmp_path: Path) -> TokenCorpus:
    documents = ((str(i), " ".join(f"Doc{i} part{part} of it." for part in range(1 + i % 3))) for i in range(N))
    return write_tokens(documents, tmp_path / "whole")


def test_documents_are_drawn_whole_with_their_sentences(corpus: TokenCorpus, tmp_path: Path) -> None:
    as_they_are = list(corpus.read_documents())
    for sentences in resample_corpus(corpus, tmp_path / "drawn", 1).read_documents():
        assert sentences == as_they_are[int(sentences[0][0].removeprefix("doc"))]


def test_there_are_as_many_documents_of_which_63_per_cent_are_distinct(corpus: TokenCorpus, tmp_path: Path) -> None:
    drawn = resample_corpus(corpus, tmp_path / "drawn", 1)
    times = Counter(sentences[0][0] for sentences in drawn.read_documents())
    assert times.total() == drawn.n_documents == N
    assert 0.60 < len(times) / N < 0.665  # 1 - 1 / e = 0.632; its standard deviation here is 0.010
    assert max(times.values()) > 3
    assert drawn.n_tokens == sum(drawn.counts.values()) != corpus.n_tokens


def test_the_same_number_and_seed_draw_the_same_and_another_draws_anew(corpus: TokenCorpus, tmp_path: Path) -> None:
    again = [resample_corpus(corpus, tmp_path / f"{turn}", 1, seed=3).fingerprint for turn in range(2)]
    assert again[0] == again[1]
    others = [resample_corpus(corpus, tmp_path / "other", number, seed=seed) for number, seed in ((2, 3), (1, 4))]
    assert len({again[0], *(each.fingerprint for each in others), corpus.fingerprint}) == 4


def test_copies_stand_behind_each_other_in_the_order_of_the_corpus(corpus: TokenCorpus, tmp_path: Path) -> None:
    drawn = [
        int(sentences[0][0].removeprefix("doc"))
        for sentences in resample_corpus(corpus, tmp_path / "drawn", 1).read_documents()
    ]
    assert drawn == sorted(drawn)


def test_documents_that_a_cut_emptied_are_not_drawn(corpus: TokenCorpus, tmp_path: Path) -> None:
    part = cut(corpus, tmp_path / "cut", 1_000)
    filled = sum(map(bool, part.read_documents()))
    assert filled < N
    drawn = resample_corpus(part, tmp_path / "drawn", 1)
    assert sum(map(bool, drawn.read_documents())) == filled
    assert drawn.n_tokens == pytest.approx(part.n_tokens, rel=0.15)


def test_what_cannot_be_resampled_is_refused_with_what_to_do(corpus: TokenCorpus, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="numbered from 1, not 0"):
        resample_corpus(corpus, tmp_path / "bad", 0)
    single = write_tokens([("1", "One text. In one piece."), ("2", "...")], tmp_path / "single")
    with pytest.raises(ValueError, match=r"single one; let its source split the text into documents, or .* grid\.resampled"):
        resample_corpus(single, tmp_path / "bad", 1)
