"""Texts that are nearly the same: a few words changed, or one of them inside the other.

**The measure.** The shorter text is laid along the longer one where it fits best (an alignment of words that may start and
end anywhere in the longer text). What is *changed* is the weight of the words of the shorter text that are missing or
replaced there, and of those inserted between them, as a share of the shorter text's weight. A word weighs
√log2(1 + texts / texts that have it): telling words more than common ones, so that "What is the capital of Peru?" and
"What is the capital of Chad?" are two questions. So one measure sees changed words, a text inside a longer one, and a part
of a text, in either direction.

**The limit** grows with the length of the shorter text: a fortieth a word, at most `LIMIT`. Of a text of 12 words, two of
average weight may be changed, of one of 6 words none but a light one. Texts of fewer than `SHORTEST` words have no
near-duplicates: nearly equal ones mean different things ("not bad", "not good").

**The search.** A near-duplicate has three words in a row in common with its text, nearly always several times. Texts are
looked up by all such sequences; those that share most of them are aligned. A sequence that is in very many texts is
looked at only in those nearby in an order of MinHash [1]_, which puts similar texts side by side. So the work is at most
proportional to the number of words, and what is said to be a near-duplicate was aligned.

References
----------
.. [1] Broder (1997), On the resemblance and containment of documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from emb_pipeline.text.texts import TokenIds

SHORTEST = 5
"""Tokens that a text needs to have near-duplicates."""
LIMIT = 0.3
"""Share of a text's weight that may be changed, of texts of 12 tokens or more."""

_WINDOW, _MOST = 64, 16
_LEAST_SHARED = 0.15
_LARGEST_TABLE = 4_000_000
_LIMITS = np.minimum(LIMIT, np.arange(200) / 40)


@dataclass(frozen=True, eq=False)
class NearPairs:
    """Pairs of texts that are nearly the same.

    Attributes
    ----------
    first, second : ndarray of shape (n_pairs,), int64
        Positions of the two texts.
    changed : ndarray of shape (n_pairs,), float64
        Share of the shorter text that is changed; 0 where it is equal to the other, or a part of it.
    """

    first: np.ndarray
    second: np.ndarray
    changed: np.ndarray


def group_equal_texts(tokens: TokenIds) -> np.ndarray:
    """Position of the first text with the same tokens, for each text: shape (n_texts,), int64."""
    ids, borders = tokens.ids.tobytes(), (tokens.starts * tokens.ids.itemsize).tolist()
    first: dict[bytes, int] = {}
    keys = (ids[start:end] for start, end in pairwise(borders))
    return np.array([first.setdefault(key, position) for position, key in enumerate(keys)], dtype=np.int64)


def find_near_pairs(tokens: TokenIds) -> NearPairs:
    """Find the near-duplicates among some texts; of equal texts, the first stands for all.

    Parameters
    ----------
    tokens : TokenIds
        Of the texts.

    Returns
    -------
    NearPairs
        ``first`` is later than ``second``; up to 16 pairs for each text.
    """
    distinct = np.unique(group_equal_texts(tokens))
    return _search(tokens, distinct, distinct, ordered=True)


def find_near_pairs_between(tokens: TokenIds, asked: np.ndarray, among: np.ndarray) -> NearPairs:
    """Find near-duplicates of some texts among others; a text that is equal to one of those is none of its own.

    Parameters
    ----------
    tokens : TokenIds
        Of all texts.
    asked, among : ndarray of int
        Positions of the texts to look for, and of those to look among.

    Returns
    -------
    NearPairs
        ``first`` is of ``asked``, ``second`` of ``among``. Of equal texts, the first of each part stands for all.
    """
    equal = group_equal_texts(tokens)
    first_asked = asked[np.unique(equal[asked], return_index=True)[1]]
    kept = among[np.unique(equal[among], return_index=True)[1]]
    return _search(tokens, first_asked, kept[~np.isin(equal[kept], equal[first_asked])], ordered=False)


def cluster_pairs(pairs: NearPairs, equal: np.ndarray, largest: int) -> np.ndarray:
    """Put near-duplicates into one cluster each, the most alike first, none with more than ``largest`` texts.

    Chains of near-duplicates can tie half of a data set together; a pair that would make a cluster too large stays apart.

    Parameters
    ----------
    pairs : NearPairs
        Of these texts.
    equal : ndarray of shape (n_texts,), int64
        Position of the first of the texts that belong together anyhow; these stay together whatever their number.
    largest : int
        Texts of a cluster at most.

    Returns
    -------
    ndarray of shape (n_texts,), int64
        Position of the first text of each text's cluster.
    """
    parent = equal.tolist()
    size = np.bincount(equal, minlength=len(equal)).tolist()

    def find_root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    order = np.lexsort((pairs.second, pairs.first, pairs.changed))
    for one, other in zip(pairs.first[order].tolist(), pairs.second[order].tolist(), strict=True):
        low, high = sorted((find_root(one), find_root(other)))
        if low != high and size[low] + size[high] <= largest:
            parent[high] = low
            size[low] += size[high]
    return np.array([find_root(place) for place in range(len(parent))], dtype=np.int64)


def _search(tokens: TokenIds, asked: np.ndarray, among: np.ndarray, *, ordered: bool) -> NearPairs:
    # numba takes half a second to import; who reads a task needs it, who serves a model does not.
    from emb_pipeline.text.near_duplicate_kernels import find_pairs

    texts = np.union1d(asked, among)
    lengths = np.diff(tokens.starts)[texts]
    texts = texts[lengths >= SHORTEST]
    part = tokens.take(texts)
    is_asked, is_among = np.isin(texts, asked), np.isin(texts, among)
    none = np.zeros(0, dtype=np.int64)
    if not is_asked.any() or not is_among.any():
        return NearPairs(none, none, none.astype(np.float64))
    grams, owners = _hash_grams(part)
    order, group, group_starts, postings = _find_postings(grams, owners, is_among, _compute_signatures(part))
    first, second, changed = find_pairs(
        part.ids,
        part.starts,
        _weigh_words(part),
        _LIMITS,
        np.flatnonzero(is_asked),
        np.searchsorted(owners, np.arange(len(texts) + 1)),
        group,
        order,
        group_starts,
        postings,
        _WINDOW,
        _MOST,
        _LEAST_SHARED,
        _LARGEST_TABLE,
        ordered,
    )
    return NearPairs(texts[first.astype(np.int64)], texts[second.astype(np.int64)], changed.astype(np.float64))


def _weigh_words(tokens: TokenIds) -> np.ndarray:
    """Compute the weight of each word: float32."""
    n_texts = len(tokens.starts) - 1
    n_with = np.bincount(tokens.count_words().indices, minlength=len(tokens.words))
    return np.sqrt(np.log2(1 + n_texts / np.maximum(n_with, 1))).astype(np.float32)


def _hash_grams(tokens: TokenIds) -> tuple[np.ndarray, np.ndarray]:
    """Hash the distinct three-word sequences of each text as 64-bit hashes, and the text of each, by text."""
    owners = np.repeat(np.arange(len(tokens.starts) - 1, dtype=np.int32), np.diff(tokens.starts))
    ids = tokens.ids.astype(np.uint64)
    hashes = ids[:-2] * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((1, 0xC2B2AE3D27D4EB4F), (2, 0x165667B19E3779F9)):
        hashes = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = hashes + ids[shift : len(ids) - 2 + shift] * np.uint64(factor)
    inside = owners[:-2] == owners[2:]
    hashes, owners = hashes[inside], owners[:-2][inside]
    order = np.lexsort((hashes, owners))
    hashes, owners = hashes[order], owners[order]
    is_new = np.ones(len(hashes), dtype=bool)
    is_new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    return hashes[is_new], owners[is_new]


def _compute_signatures(tokens: TokenIds, n: int = 4) -> np.ndarray:
    """MinHash values of the words of each text: shape (n, n_texts), uint32."""
    rng = np.random.default_rng(0)
    of_words = rng.integers(0, 2**32, size=(n, len(tokens.words)), dtype=np.uint32)
    return np.stack([np.minimum.reduceat(each[tokens.ids], tokens.starts[:-1]) for each in of_words])


def _find_postings(
    grams: np.ndarray, owners: np.ndarray, is_among: np.ndarray, signatures: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find, for each sequence of each text, its place among the postings and its group of them; the groups; the postings.

    Within a group, texts are in the order of a MinHash, another one for each sequence.
    """
    which = (grams % np.uint64(len(signatures))).astype(np.int64)
    order = np.lexsort((signatures[which, owners], grams))
    by_gram, by_owner = grams[order], owners[order]
    is_first = np.ones(len(by_gram), dtype=bool)
    is_first[1:] = by_gram[1:] != by_gram[:-1]
    number = np.cumsum(is_first) - 1
    posted = is_among[by_owner]
    place = np.cumsum(posted) - posted
    group_starts = np.append(place[is_first], posted.sum())
    places, groups = np.empty(len(order), dtype=np.int64), np.empty(len(order), dtype=np.int64)
    places[order], groups[order] = place, number
    return places, groups, group_starts, by_owner[posted].astype(np.int64)
