"""Texts with their term counts, counted once and shared by every embedding of a task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import overload

import numpy as np
import scipy.sparse as sp

from emb_pipeline.text.tokens import tokenize


@dataclass(frozen=True)
class DocumentTerms:
    """Term counts of some texts.

    Attributes
    ----------
    counts : csr_array of shape (n_texts, n_terms), float32
        How often each term stands in each text.
    vocabulary : list of str
        The term of each column.
    """

    counts: sp.csr_array
    vocabulary: list[str]

    def take(self, indices: np.ndarray) -> DocumentTerms:
        """The same columns for some of the texts."""
        return DocumentTerms(self.counts[indices], self.vocabulary)


class Texts(Sequence[str]):
    """A sequence of texts that remembers its term counts.

    Word-vector pooling and the sparse baselines all start from the same counts, so they are made once for a task
    and sliced for its folds.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = list(texts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Texts: ...
    def __getitem__(self, index: int | slice) -> str | Texts:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self._texts[index]

    def __len__(self) -> int:
        return len(self._texts)

    def take(self, indices: np.ndarray) -> Texts:
        """Some of the texts; counts already made are sliced, not made again."""
        part = Texts(self._texts[i] for i in indices)
        for name in ("terms", "ngrams"):
            if name in self.__dict__:
                part.__dict__[name] = self.__dict__[name].take(indices)
        return part

    @cached_property
    def tokens(self) -> list[list[str]]:
        """The tokens of each text."""
        return [tokenize(text) for text in self._texts]

    @cached_property
    def terms(self) -> DocumentTerms:
        """Counts of single tokens."""
        return _count(self.tokens)

    @cached_property
    def ngrams(self) -> DocumentTerms:
        """Counts of tokens and of pairs of adjacent tokens (``"new york"``)."""
        return _count([[*tokens, *map(" ".join, pairwise(tokens))] for tokens in self.tokens])


def _count(documents: Sequence[Sequence[str]]) -> DocumentTerms:
    columns: dict[str, int] = {}
    indices: list[int] = []
    lengths = [0]
    for document in documents:
        indices.extend(columns.setdefault(term, len(columns)) for term in document)
        lengths.append(len(indices))
    ones = np.ones(len(indices), dtype=np.float32)
    counts = sp.csr_array(
        (ones, np.asarray(indices, dtype=np.int32), np.asarray(lengths, dtype=np.int64)),
        shape=(len(documents), len(columns)),
    )
    counts.sum_duplicates()
    return DocumentTerms(counts, list(columns))
