"""Training text made worse on purpose: what poor training costs downstream."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from emb_pipeline.corrupt.typos import misspell_words
from emb_pipeline.text.tokens import TokenCorpus, cut, write_sentences
from emb_pipeline.text.words import tokenize

CorruptionKind: TypeAlias = Literal["less_text", "shuffled_words", "typos"]
SENTENCES_SHUFFLED = 20_000
"""Sentences whose words are exchanged among each other at a time: memory does not grow with the corpus."""


def corrupt_corpus(corpus: TokenCorpus, folder: Path, kind: CorruptionKind, level: float, *, seed: int = 0) -> TokenCorpus:
    """A corpus of which a share was corrupted.

    Parameters
    ----------
    corpus : TokenCorpus
        The text as it is; it stays so.
    folder : Path
        Where the corrupted one goes.
    kind : {"less_text", "shuffled_words", "typos"}
        ``less_text`` leaves out sentences, everywhere alike, until the share of the tokens is gone. ``shuffled_words``
        permutes a share of the tokens among the places that they are at, 20,000 sentences at a time: words keep their
        frequencies and lose their company. ``typos`` puts one slip into a share of the words of four characters or more
        (`emb_pipeline.corrupt.typos.misspell_words`).
    level : float
        The share, between 0 and 1.
    seed : int
        Of what is shuffled; the others draw from position and text alone.

    Raises
    ------
    ValueError
        A level outside of 0 to 1, or another kind.
    """
    if not 0 < level <= 1:
        raise ValueError(f"a level is a share above 0 and up to 1, not {level}")
    if kind == "less_text":
        if level == 1:
            raise ValueError("less_text at level 1 leaves no text")
        return cut(corpus, folder, max(1, round((1 - level) * corpus.n_tokens)))
    if kind == "shuffled_words":
        return _rewrite_sentences(_shuffle_words(corpus, level, np.random.default_rng(seed)), folder, corpus)
    if kind == "typos":
        return _rewrite_sentences((tokenize(misspell_words(" ".join(tokens), level)) for tokens in corpus), folder, corpus)
    raise ValueError(f"{kind!r} is no way to corrupt a corpus; there are less_text, shuffled_words and typos")


def _rewrite_sentences(sentences: Iterator[list[str]], folder: Path, corpus: TokenCorpus) -> TokenCorpus:
    """The corpus with another sentence in the place of each."""
    return write_sentences(zip(corpus.read_document_numbers(), sentences, strict=True), folder, like=corpus)


def _shuffle_words(corpus: TokenCorpus, level: float, rng: np.random.Generator) -> Iterator[list[str]]:
    sentences = iter(corpus)
    while block := list(islice(sentences, SENTENCES_SHUFFLED)):
        tokens = np.array([token for sentence in block for token in sentence], dtype=object)
        places = np.flatnonzero(rng.random(len(tokens)) < level)
        tokens[places] = tokens[rng.permutation(places)]
        ends = np.cumsum([len(sentence) for sentence in block])
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            yield tokens[start:end].tolist()
