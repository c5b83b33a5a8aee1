"""Nearest words: what an embedding takes for alike, how often two embeddings agree on it, and which words crowd in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emb_pipeline.embeddings.ranking import largest
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.text.words import hash_sentence

COMMONEST = 30_000
"""Words that are looked among: rarer ones have hardly been trained."""
_BLOCK = 512


def normalize_rows(vectors: np.ndarray) -> np.ndarray:
    """Divide rows by their length; rows of zeros stay so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit


def find_nearest_words(
    vectors: WordVectors, words: Sequence[str], k: int = 10, *, commonest: int = COMMONEST
) -> pd.DataFrame:
    """Find the nearest words by cosine.

    Parameters
    ----------
    vectors : WordVectors
        The embedding.
    words : sequence of str
        Whose neighbors; unknown ones are left out.
    k : int
        Neighbours of each; the word itself is none.
    commonest : int
        Words that are looked among.

    Returns
    -------
    DataFrame of word, rank, neighbor, cosine
    """
    known = [word for word in dict.fromkeys(words) if word in vectors.index]
    unit = normalize_rows(vectors.vectors[:commonest])
    own = np.array([vectors.index[word] for word in known], dtype=np.int64)
    queries = normalize_rows(vectors.vectors[own]) if len(own) else np.zeros((0, vectors.dim), np.float32)
    rows: list[tuple[str, int, str, float]] = []
    for start in range(0, len(known), _BLOCK):
        cosines = queries[start : start + _BLOCK] @ unit.T
        inside = np.flatnonzero(own[start : start + _BLOCK] < len(unit))
        cosines[inside, own[start + inside]] = -np.inf
        best = largest(cosines, min(k, len(unit) - 1))
        rows += [
            (word, rank, vectors.tokens[place], float(scores[place]))
            for word, places, scores in zip(known[start:], best.tolist(), cosines, strict=False)
            for rank, place in enumerate(places, 1)
        ]
    return pd.DataFrame(rows, columns=["word", "rank", "neighbor", "cosine"])


def draw_word_sample(vectors: WordVectors, n: int, *, least: int = 10) -> list[str]:
    """Draw words for comparing embeddings, by hash among those that occur ``least`` times or more in the corpus.

    The draw of a word does not depend on the embedding, so two embeddings that know the same words get the same sample.
    """
    common = [token for token, count in zip(vectors.tokens, vectors.counts.tolist(), strict=True) if count >= least]
    return sorted(common, key=lambda token: hash_sentence([token]))[:n]


def measure_overlaps(neighbors: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Measure the share of a word's neighbors that two embeddings have in common, as a mean over the words of both.

    Parameters
    ----------
    neighbors : DataFrame of embedding, word, neighbor
        Of `find_nearest_words`, for several embeddings.
    pairs : sequence of (str, str)
        Embeddings to compare.

    Returns
    -------
    DataFrame of first, second, shared, words
        ``shared`` is the size of the intersection over that of the union (Jaccard), from 0 to 1; pairs without a common word
        are left out.

    References
    ----------
    .. [1] Wendlandt, Kummerfeld & Mihalcea (2018), Factors influencing the surprising instability of word embeddings, NAACL.
    """
    sets = {
        str(name): rows.groupby("word")["neighbor"].agg(set) for name, rows in neighbors.groupby("embedding", sort=False)
    }
    rows = []
    for first, second in pairs:
        if first in sets and second in sets:
            one, other = sets[first], sets[second]
            shared = [
                len(one[word] & other[word]) / len(one[word] | other[word]) for word in one.index.intersection(other.index)
            ]
            if shared:
                rows.append((first, second, sum(shared) / len(shared), len(shared)))
    return pd.DataFrame(rows, columns=["first", "second", "shared", "words"])
