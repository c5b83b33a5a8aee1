"""Resamples of a corpus: other documents of the same kind that might have been collected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from emb_pipeline.text.tokens import TokenCorpus, write_sentences


def resample_corpus(corpus: TokenCorpus, folder: Path, number: int, *, seed: int = 0) -> TokenCorpus:
    """Draw a bootstrap resample of a corpus: as many documents as it has, with replacement.

    Documents are drawn with all their sentences, because documents were collected: the sentences of one
    are about the same things in the same words, and single draws would make corpora that resemble each other too much
    [1]_. About 63 % of the documents are drawn, some of them several times.

    Parameters
    ----------
    corpus : TokenCorpus
        The text as it is; it stays so.
    folder : Path
        The folder of the resample. Documents keep their order, and copies follow each other: nothing else differs.
    number : int
        Which resample, from 1.
    seed : int
        The same number and seed draw the same documents, for every embedding.

    Raises
    ------
    ValueError
        A number below 1, or a corpus of fewer than two documents with a sentence.

    References
    ----------
    .. [1] Antoniak & Mimno (2018), Evaluating the stability of embedding-based word similarities, TACL 6.
    """
    if number < 1:
        raise ValueError(f"resamples are numbered from 1, not {number}")
    lengths = corpus.sentences_per_document
    filled = np.flatnonzero(lengths)
    if len(filled) < 2:
        raise ValueError(
            f"{corpus.folder}: a resample draws documents, and this corpus is a single one; let its source split the text "
            "into documents, or take the corpus out of grid.resampled"
        )
    drawn = np.random.default_rng([seed, number]).choice(filled, size=len(filled))
    return write_sentences(
        _repeat_documents(corpus, np.bincount(drawn, minlength=len(lengths)).tolist()), folder, like=corpus
    )


def _repeat_documents(corpus: TokenCorpus, times: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
    """Stream the sentences of each document as often as it was drawn, each copy a document of its own."""
    numbers = count()
    for sentences, copies in zip(corpus.read_documents(), times, strict=True):
        for _ in range(copies):
            document = next(numbers)
            yield from ((document, tokens) for tokens in sentences)
