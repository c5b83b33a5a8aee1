"""Labels that their own texts give away: the name of the class in the text, or a word that only this class has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from emb_pipeline.text.texts import TokenIds
from emb_pipeline.text.words import tokenize

PURE = 0.98
"""Share of the texts with a sign that are of its class, from which the sign gives the class away."""
COMMON = 0.5
"""Share of the texts of a class that have the sign."""
FEWEST = 10
"""Texts that have the sign."""


@dataclass(frozen=True, eq=False)
class GiveAways:
    """Texts that give their label away.

    Attributes
    ----------
    by_name, by_word : ndarray of int
        Positions of texts that hold the name of their class, and a word of their class, where these are signs of it.
    words : dict of str to str
        The most common sign of each such class, by class.
    """

    by_name: np.ndarray
    by_word: np.ndarray
    words: Mapping[str, str]


def find_give_aways(tokens: TokenIds, labels: Sequence[str]) -> GiveAways:
    """Find signs that nearly all texts with them, and half of the class, have in common.

    A sign of a class is in `FEWEST` texts or more, in `COMMON` of those of its class, and `PURE` of the texts that it
    is in are of this class. A word that a topic brings along seldom does both.

    Parameters
    ----------
    tokens : TokenIds
        Of the texts.
    labels : sequence of str
        The class of each text.

    Returns
    -------
    GiveAways
    """
    classes, codes = np.unique(np.array(labels, dtype=object).astype(str), return_inverse=True)
    n, n_words = len(codes), len(tokens.words)
    sizes = np.bincount(codes)
    has = tokens.count_words()
    has.data[:] = 1
    of_class = sp.csr_array((np.ones(n, dtype=np.float32), (codes, np.arange(n))), shape=(len(classes), n))
    counts = sp.coo_array(of_class @ has)
    code, word = counts.coords
    totals = np.asarray(has.sum(axis=0)).ravel()
    signs = _is_sign(counts.data, totals[word], sizes[code])
    by_word = np.zeros(n, dtype=bool)
    common: dict[str, str] = {}
    for which in np.argsort(-counts.data[signs], kind="stable").tolist():
        label, sign = code[signs][which], word[signs][which]
        common.setdefault(str(classes[label]), tokens.words[sign])
    if signs.any():
        is_sign = sp.csr_array((np.ones(signs.sum()), (word[signs], code[signs])), shape=(n_words, len(classes)))
        by_word = np.asarray((has @ is_sign).tocsr()[np.arange(n), codes]).ravel() > 0
    return GiveAways(_find_by_name(tokens, classes, codes, sizes), np.flatnonzero(by_word), common)


def _find_by_name(tokens: TokenIds, classes: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Find the positions of texts that hold the name of their class, all of its words in a row."""
    id_of = {word: number for number, word in enumerate(tokens.words)}
    owners = np.repeat(np.arange(len(codes)), np.diff(tokens.starts))
    found = np.zeros(len(codes), dtype=bool)
    for code, name in enumerate(classes.tolist()):
        words = [id_of.get(word, -1) for word in tokenize(str(name))]
        if not words or min(words) < 0 or len(words) > len(tokens.ids):
            continue
        last = len(tokens.ids) - len(words) + 1
        here = owners[:last] == owners[len(words) - 1 :]
        for place, word in enumerate(words):
            here &= tokens.ids[place : last + place] == word
        holders = np.unique(owners[:last][here])
        own = holders[codes[holders] == code]
        if _is_sign(np.array([len(own)]), np.array([len(holders)]), sizes[code : code + 1])[0]:
            found[own] = True
    return np.flatnonzero(found)


def _is_sign(n_own: np.ndarray, n_with: np.ndarray, n_of_class: np.ndarray) -> np.ndarray:
    return np.asarray((n_own >= FEWEST) & (n_own >= PURE * n_with) & (n_own >= COMMON * n_of_class))
