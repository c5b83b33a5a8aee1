"""Nearest words: what an embedding takes for alike, how often two embeddings agree on it, and which words crowd in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emb_pipeline.embeddings.word_vectors import WordVectors
from emb_pipeline.text.tokens import sentence_key

COMMONEST = 30_000
"""Words that are looked among: rarer ones have hardly been trained."""
_BLOCK = 512


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their length; rows of zeros stay so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit


def nearest(vectors: WordVectors, words: Sequence[str], k: int = 10, *, commonest: int = COMMONEST) -> pd.DataFrame:
    """The nearest words by cosine.

    Parameters
    ----------
    vectors : WordVectors
        The embedding.
    words : sequence of str
        Whose neighbours; unknown ones are left out.
    k : int
        Neighbours of each; the word itself is none.
    commonest : int
        Words that are looked among.

    Returns
    -------
    DataFrame of word, rank, neighbour, cosine
    """
    known = [word for word in dict.fromkeys(words) if word in vectors.index]
    unit = unit_vectors(vectors.vectors[:commonest])
    own = np.array([vectors.index[word] for word in known], dtype=np.int64)
    queries = unit_vectors(vectors.vectors[own]) if len(own) else np.zeros((0, vectors.dim), np.float32)
    rows: list[tuple[str, int, str, float]] = []
    for start in range(0, len(known), _BLOCK):
        cosines = queries[start : start + _BLOCK] @ unit.T
        for word, row, scores in zip(known[start:], own[start:].tolist(), cosines, strict=False):
            if row < len(scores):
                scores[row] = -np.inf
            best = np.argsort(-scores, kind="stable")[: min(k, len(scores) - 1)]
            rows += [
                (word, rank, vectors.tokens[place], float(scores[place])) for rank, place in enumerate(best.tolist(), 1)
            ]
    return pd.DataFrame(rows, columns=["word", "rank", "neighbour", "cosine"])


def word_sample(vectors: WordVectors, n: int, *, least: int = 10) -> list[str]:
    """Words for comparing embeddings: drawn by hash among those that stand ``least`` times or more in the corpus.

    The draw of a word does not depend on the embedding, so two embeddings that know the same words get the same sample.
    """
    common = [token for token, count in zip(vectors.tokens, vectors.counts.tolist(), strict=True) if count >= least]
    return sorted(common, key=lambda token: sentence_key([token]))[:n]


def overlap(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """How many of a word's neighbours two embeddings share.

    Parameters
    ----------
    first, second : DataFrame of word, neighbour
        Of `nearest`.

    Returns
    -------
    DataFrame of word, shared
        For words that both have: the size of the intersection over that of the union (Jaccard), 0 to 1.
    """
    sets = [table.groupby("word")["neighbour"].agg(set) for table in (first, second)]
    words = sets[0].index.intersection(sets[1].index)
    shared = [len(sets[0][word] & sets[1][word]) / len(sets[0][word] | sets[1][word]) for word in words]
    return pd.DataFrame({"word": list(words), "shared": shared})
