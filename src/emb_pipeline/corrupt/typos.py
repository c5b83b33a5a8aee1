"""Typos in texts, of tests and of training."""

from __future__ import annotations

import hashlib
import re

from emb_pipeline.text.texts import Texts

SHORTEST = 4
"""Characters of the shortest word that is misspelled: a typo in a shorter one often makes another word."""

_WORD = re.compile(rf"[^\W_]{{{SHORTEST},}}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def misspell_words(text: str, share: float) -> str:
    """Put one typo into a share of the words of a text.

    A typo leaves out a character, doubles it, puts a letter in its place, or swaps it with the next: the four single errors
    that make up most misspellings [1]_. It always changes the word. Words are runs of four letters or digits and more, so
    product codes get typos, too. Place and kind are drawn from the text itself: the same text gets the same typos for
    every embedding, on every machine.

    Parameters
    ----------
    text : str
        Any text.
    share : float
        Probability that a word is misspelled, from 0 to 1.

    References
    ----------
    .. [1] Damerau (1964), A technique for computer detection and correction of spelling errors.

    Examples
    --------
    >>> misspell_words("beko washing machine 8kg", 1.0)
    'bekb washinng dachine 8kg'
    """

    def replace(match: re.Match[str]) -> str:
        draws = hashlib.blake2b(f"{match.start()} {text}".encode(), digest_size=20).digest()
        chance, *choices = (int.from_bytes(draws[start : start + 5], "little") / 2**40 for start in range(0, 20, 5))
        return _misspell(match[0], *choices) if chance < share else match[0]

    return _WORD.sub(replace, text)


def _misspell(word: str, kind: float, place: float, letter: float) -> str:
    at = int(place * len(word))
    before, hit, after = word[:at], word[at], word[at + 1 :]
    others = _LETTERS.replace(hit.lower(), "")
    replaced = before + others[int(letter * len(others))] + after
    swapped = before + after[:1] + hit + after[1:]
    made = (before + after, before + hit + hit + after, replaced, swapped)[int(kind * 4)]
    return made if made != word else replaced  # of two equal characters, or of the last one and nothing


def choose_test_texts(texts: Texts, share: float) -> Texts:
    """Choose the texts that an embedding is tested on: the texts themselves, or misspelled ones."""
    return texts if share == 0 else Texts((misspell_words(text, share) for text in texts), columns=texts.columns)
