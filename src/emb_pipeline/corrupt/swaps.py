"""Exchange words of a text by a list of pairs, both ways: names, pronouns, spellings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from emb_pipeline.corrupt.swap_lists import Pair

_WORD = re.compile(r"[^\W\d_]+")
_NEXT_WORD = re.compile(r"\s+([^\W\d_]+)")
BEFORE_NOUN = "before_noun"
_NO_NOUNS = frozenset(
    "a about across after again against all alone along an and any are around as at away back be because been "
    "before behind being both but by can could did do does down during else for from had has have he here hers him "
    "himself his how i if in instead into is it like may me might must next no not now of off often on once only "
    "onto or out over she should since so some soon still than that the their them then there these they this those "
    "though through till to today together tomorrow tonight too toward towards under until up upon us was we were "
    "what when where which while who whom whose why will with within without would yesterday yet you".split()
)
"""Words that hardly ever begin what belongs to somebody: after ``her`` they say that it is no possessive."""


@dataclass(frozen=True)
class Swapped:
    """A text with its words exchanged.

    Attributes
    ----------
    text : str
        It.
    n_first, n_second : int
        Words of the first and of the second side that the text had.
    """

    text: str
    n_first: int
    n_second: int


class WordSwap:
    """A list of pairs of words, each exchanged for the other.

    Whole words are exchanged, runs of letters: ``Emily's`` becomes ``Lakisha's``. The case stays that of the text. Where a
    word is in two pairs, one of them has the mark ``before_noun``. It counts where a word follows with nothing but blanks
    between, and is none of those that hardly ever begin a noun phrase (``to``, ``the``, ``and`` and their like). The
    other pair counts elsewhere. So ``her book`` is ``his book``, and ``saw her in`` is ``saw him in``.

    Parameters
    ----------
    pairs : iterable of (str, str) or (str, str, "before_noun")
        A word of the first side and one of the second.

    Raises
    ------
    ValueError
        There is no pair, an entry is no single word, a word is on both sides, or it is in two pairs without one mark.

    Examples
    --------
    >>> WordSwap([("Emily", "Lakisha"), ("he", "she")]).swap("EMILY said: He is Lakisha's.").text
    "LAKISHA said: She is Emily's."
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._sides: tuple[dict[str, dict[bool, str]], dict[str, dict[bool, str]]] = ({}, {})
        self.pairs = tuple(pairs)
        if not self.pairs:
            raise ValueError("it has no pair of words: write [[Emily, Lakisha], …], or 'shipped' for a list of the package")
        for first, second, *mark in self.pairs:
            for side, word, other in ((0, first, second), (1, second, first)):
                self._add(side, word, other, before_noun=bool(mark))
        both = sorted(set(self._sides[0]) & set(self._sides[1]))
        if both:
            raise ValueError(f"{both[0]!r} is on both sides: which of its pairs counts is not clear")

    def _add(self, side: int, word: str, other: str, *, before_noun: bool) -> None:
        if not _WORD.fullmatch(word):
            raise ValueError(f"{word!r} is no single word of letters: only such words are exchanged")
        partners = self._sides[side].setdefault(word.casefold(), {})
        if before_noun in partners:
            raise ValueError(
                f"{word!r} is in two pairs, with {partners[before_noun]!r} and {other!r}: leave one out, or mark one "
                f"'{BEFORE_NOUN}'"
            )
        partners[before_noun] = other

    def swap(self, text: str) -> Swapped:
        """Exchange the words of one text."""
        counts = [0, 0]

        def replace(match: re.Match[str]) -> str:
            word = match[0].casefold()
            for side, partners_of in enumerate(self._sides):
                if word in partners_of:
                    counts[side] += 1
                    return _take_case(match[0], _choose(partners_of[word], text, match.end()))
            return match[0]

        return Swapped(_WORD.sub(replace, text), *counts)


def _choose(partners: Mapping[bool, str], text: str, end: int) -> str:
    if len(partners) == 1:
        return next(iter(partners.values()))
    following = _NEXT_WORD.match(text, end)
    return partners[following is not None and following[1].casefold() not in _NO_NOUNS]


def _take_case(word: str, other: str) -> str:
    """Write a word as another one is written: small, with a capital, or in capitals."""
    if word.islower():
        return other.lower()
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:].lower() if word[1:].islower() or len(word) == 1 else other
