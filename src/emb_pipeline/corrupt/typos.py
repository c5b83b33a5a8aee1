"""Misspelt texts: what a slip of the finger does to tests and to training."""

from __future__ import annotations

import hashlib
import re

from emb_pipeline.text.texts import Texts

SHORTEST = 4
"""Characters of the shortest word that is misspelt: a slip in a shorter one often makes another word."""

_WORD = re.compile(rf"[^\W_]{{{SHORTEST},}}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def misspell_words(text: str, share: float) -> str:
    """A text with one slip in a share of its words.

    A slip leaves out a character, doubles it, puts a letter in its place, or swaps it with the next: the four single errors
    that make up most misspellings [1]_. It always changes the word. Words are runs of four letters or digits and more, so
    product codes get their slips, too. Where and how is drawn from the text itself: the same text is misspelt alike for
    every embedding, on every machine.

    Parameters
    ----------
    text : str
        Any text.
    share : float
        Probability that a word is misspelt, from 0 to 1.

    References
    ----------
    .. [1] Damerau (1964), A technique for computer detection and correction of spelling errors.

    Examples
    --------
    >>> misspell_words("beko washing machine 8kg", 1.0)
    'bekb washinng dachine 8kg'
    """

    def slipped(match: re.Match[str]) -> str:
        draws = hashlib.blake2b(f"{match.start()} {text}".encode(), digest_size=20).digest()
        chance, *choices = (int.from_bytes(draws[start : start + 5], "little") / 2**40 for start in range(0, 20, 5))
        return _with_slip(match[0], *choices) if chance < share else match[0]

    return _WORD.sub(slipped, text)


def _with_slip(word: str, kind: float, place: float, letter: float) -> str:
    at = int(place * len(word))
    before, hit, after = word[:at], word[at], word[at + 1 :]
    others = _LETTERS.replace(hit.lower(), "")
    replaced = before + others[int(letter * len(others))] + after
    swapped = before + after[:1] + hit + after[1:]
    made = (before + after, before + hit + hit + after, replaced, swapped)[int(kind * 4)]
    return made if made != word else replaced  # of two equal characters, or of the last one and nothing


def texts_under_test(texts: Texts, share: float) -> Texts:
    """Choose the texts that an embedding is tested on: the texts themselves, or misspelt ones."""
    return texts if share == 0 else Texts(misspell_words(text, share) for text in texts)
