"""Words of a text with their places in it, so that what is found among the words can be cut out of the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, eq=False)
class PlacedWords:
    """The words of a text.

    Runs of letters, digits and underscores are words, and so is every other character but white space: an answer may start
    or end at any of them.

    Attributes
    ----------
    text : str
        The text.
    words : list of str
        As they are in it.
    starts, ends : ndarray of shape (n_words,), int64
        Word ``i`` is ``text[starts[i]:ends[i]]``.
    """

    text: str
    words: list[str]
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, text: str) -> PlacedWords:
        """The words of this text."""
        found = list(_WORD.finditer(text))
        starts, ends = (np.array([match.span()[side] for match in found], dtype=np.int64) for side in (0, 1))
        return cls(text, [match[0] for match in found], starts, ends)

    def find_covering(self, start: int, end: int) -> tuple[int, int]:
        """First and last of the words that share a character with ``text[start:end]``.

        Raises
        ------
        ValueError
            There is none: it is white space.
        """
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = int(np.searchsorted(self.starts, end, side="left")) - 1
        if first > last:
            raise ValueError(f"characters {start} to {end} hold no word")
        return first, last

    def cut_between(self, first: int, last: int) -> str:
        """Cut the text from the first of two words to the last, with all that is between them."""
        return self.text[self.starts[first] : self.ends[last]]


def compute_document_shares(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    """Compute the share of the texts, given as their words, that hold each word, whatever its case."""
    counts: dict[str, int] = {}
    for words in texts:
        for word in {word.casefold() for word in words}:
            counts[word] = counts.get(word, 0) + 1
    return {word: count / len(texts) for word, count in counts.items()}
