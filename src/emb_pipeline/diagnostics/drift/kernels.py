"""Texts as inner products: of their words and sequences of three characters, or of their length alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from emb_pipeline.text.texts import Texts

MOST_CHARACTERS = 4096
"""Sequences of characters, the most frequent ones."""
_ROWS = 2000


@dataclass(frozen=True, eq=False)
class TextKernel:
    """Texts, and those that are learned from.

    Attributes
    ----------
    kernel : ndarray of shape (n_texts, n_learned), float32
        Inner products of TF-IDF vectors of words and of sequences of three characters, the mean of both.
    words : csr_array of shape (n_learned, n_words)
        TF-IDF of the words of those that are learned from.
    vocabulary : list of str
        The words.
    """

    kernel: np.ndarray
    words: sp.csr_array
    vocabulary: list[str]


def build_text_kernel(texts: Texts, n_learned: int) -> TextKernel:
    """Build the kernel of texts with the first ``n_learned`` of them, whose counts the weights are of."""
    counts, vocabulary = texts.terms.counts, texts.terms.vocabulary
    words = _weigh(counts, n_learned)
    kernel = np.zeros((len(texts), n_learned), dtype=np.float32)
    for rows in _list_blocks(len(texts)):
        kernel[rows] += 0.5 * (words[rows] @ words[:n_learned].T).toarray()
    counted = _count_characters(list(texts), n_learned)
    if counted is not None:
        characters = _weigh(counted, n_learned)
        learned = np.ascontiguousarray(characters[:n_learned].toarray().T)
        for rows in _list_blocks(len(texts)):
            kernel[rows] += 0.5 * (characters[rows].toarray() @ learned)
    return TextKernel(kernel, words[:n_learned], vocabulary)


def build_length_kernel(texts: Texts, n_learned: int) -> np.ndarray:
    """Build the kernel of lengths: shape (n_texts, n_learned), float32.

    Of each text the logarithms of its words and characters, and their squares, so that a sample of middle lengths is told
    from one of short and long texts, too.
    """
    sizes = np.column_stack([np.diff(texts.token_ids.starts), [len(text) for text in texts]])
    logarithms = np.log1p(sizes)
    mean, spread = logarithms[:n_learned].mean(axis=0), logarithms[:n_learned].std(axis=0)
    scaled = np.clip((logarithms - mean) / np.where(spread > 0, spread, 1), -4, 4)
    features = np.column_stack([scaled, scaled**2 - 1]).astype(np.float32)
    return np.asarray(features @ features[:n_learned].T)


def _count_characters(texts: Sequence[str], n_learned: int) -> sp.csr_array | None:
    counter = CountVectorizer(
        analyzer="char_wb", ngram_range=(3, 3), max_features=MOST_CHARACTERS, lowercase=False, dtype=np.float32
    )
    try:
        counter.fit(texts[:n_learned])
    except ValueError:  # no text has three characters
        return None
    return sp.csr_array(counter.transform(texts))


def _weigh(counts: sp.csr_array, n_learned: int) -> sp.csr_array:
    if not counts.shape[1]:
        return counts
    weigher = TfidfTransformer(sublinear_tf=True).fit(sp.csr_matrix(counts[:n_learned]))
    return sp.csr_array(weigher.transform(sp.csr_matrix(counts)).astype(np.float32))


def _list_blocks(n: int) -> list[slice]:
    return [slice(start, start + _ROWS) for start in range(0, n, _ROWS)]
