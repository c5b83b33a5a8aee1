"""The share of a task's text that an embedding of words knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings.static.pooling import PooledEncoder, TokenVectors
from emb_pipeline.text.texts import TokenIds, take_texts

LOW_COVERAGE = 0.75
"""Share of a task's running words below which word vectors are judged by what they do not know."""

_WORDS_AT_A_TIME = 10_000
_EXAMPLES = 5


@dataclass(frozen=True)
class Coverage:
    """Shares of a task's words that have a vector.

    Attributes
    ----------
    tokens : float
        Of its running words.
    types : float
        Of its different words.
    unknown : list of str
        The commonest words without one, five at most.
    """

    tokens: float
    types: float
    unknown: list[str]


def measure_coverage(encoder: object, tables: Mapping[str, pa.Table]) -> Coverage | None:
    """Measure what word vectors know of all texts of a task, training and test.

    A token of a data set (of a tagging task) is known if one of the words in it is; one without a word (``"--"``) does not
    count.

    Parameters
    ----------
    encoder : object
        What a cell is evaluated with: pooled word vectors, or another encoder on top of them.
    tables : mapping of str to Table
        The task's tables: columns ``text`` and ``text_…``, or a column ``tokens`` of lists.

    Returns
    -------
    Coverage or None
        None for an embedding without a vocabulary of words (a transformer, TF-IDF), and for a task without text.
    """
    vectors = find_word_vectors(encoder)
    if vectors is None:
        return None
    found = [part for name in tables for part in _count_words(tables, name, vectors)]
    counts: dict[str, int] = {}
    known: dict[str, bool] = {}
    for words, numbers, are_known in found:
        for word, number, is_known in zip(words, numbers.tolist(), are_known.tolist(), strict=True):
            counts[word] = counts.get(word, 0) + number
            known[word] = is_known
    if not counts:
        return None
    unknown = sorted((word for word in counts if not known[word]), key=lambda word: (-counts[word], word))
    n_unknown = sum(counts[word] for word in unknown)
    return Coverage(1 - n_unknown / sum(counts.values()), 1 - len(unknown) / len(counts), unknown[:_EXAMPLES])


def find_word_vectors(encoder: object) -> TokenVectors | None:
    """Find the word vectors in an encoder; None in one without a vocabulary of words."""
    if isinstance(encoder, PooledEncoder):
        return encoder.vectors
    for part in ("unstored", "base", "text"):
        other = getattr(encoder, part, None)
        if other is not None and other is not encoder:
            return find_word_vectors(other)
    return None


_Counted = tuple[Sequence[str], np.ndarray, np.ndarray]


def _count_words(tables: Mapping[str, pa.Table], name: str, vectors: TokenVectors) -> list[_Counted]:
    """Count each word of a table, and say if it is known."""
    table = tables[name]
    if "tokens" in table.column_names and pa.types.is_list(table.schema.field("tokens").type):
        values = table["tokens"].combine_chunks().flatten().value_counts()
        tokens, numbers = values.field("values").to_pylist(), values.field("counts").to_numpy()
        parts = TokenIds.of(tokens)
        n_words = np.diff(parts.starts)
        n_known = np.concatenate([[0], np.cumsum(find_known_words(parts.words, vectors)[parts.ids])])
        are_known = n_known[parts.starts[1:]] > n_known[parts.starts[:-1]]
        kept = np.flatnonzero(n_words)
        return [([tokens[row] for row in kept.tolist()], numbers[kept], are_known[kept])]
    counted: list[_Counted] = []
    for column in table.column_names:
        if column == "text" or (column.startswith("text_") and pa.types.is_string(table.schema.field(column).type)):
            ids = take_texts(tables, name, column).token_ids
            numbers = np.bincount(ids.ids, minlength=len(ids.words))
            occurring = np.flatnonzero(numbers)
            words = [ids.words[row] for row in occurring.tolist()]
            counted.append((words, numbers[occurring], find_known_words(words, vectors)))
    return counted


def find_known_words(words: Sequence[str], vectors: TokenVectors) -> np.ndarray:
    """Tell which words have a vector: shape (n_words,), bool."""
    blocks = [words[start : start + _WORDS_AT_A_TIME] for start in range(0, len(words), _WORDS_AT_A_TIME)]
    return np.concatenate([np.zeros(0, bool), *(vectors.lookup(block)[1] > 0 for block in blocks)])


def coverage_details(coverage: Coverage | None) -> dict[str, Any]:
    """Give the coverage as JSON values, by the names that the leaderboard has for them."""
    if coverage is None:
        return {}
    return {"known_tokens": coverage.tokens, "known_types": coverage.types, "unknown_words": coverage.unknown}
