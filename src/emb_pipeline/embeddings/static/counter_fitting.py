"""Word vectors repaired with pairs of synonyms and antonyms: retrofitting and counter-fitting."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.static.options import (
    CounterFittedOptions,
    CounterFittingOptions,
    RetrofittedOptions,
    RetrofittingOptions,
)
from emb_pipeline.embeddings.static.word_vectors import WordVectors

WordPairs: TypeAlias = np.ndarray | Sequence[Sequence[str]]
"""Array of shape (n_pairs, 2), str, or as many pairs of words."""

MOST_NEIGHBORS = 20_000_000
"""Pairs of near words that counter-fitting keeps near: more do not fit into the memory of a small machine."""

_ROUNDING = 1e-9
_MARGIN = 1e-5
"""By which single precision may be wrong about a cosine."""
_PAIRS_PER_BLOCK = 1 << 15
_BLOCK_BYTES = 1 << 26


def counter_fit_vectors(words: WordVectors, options: CounterFittedOptions) -> WordVectors:
    """Counter-fit word vectors with the pairs that the options hold."""
    return counter_fit(words, options.synonyms, options.antonyms, options=options)


def retrofit_vectors(words: WordVectors, options: RetrofittedOptions) -> WordVectors:
    """Retrofit word vectors with the pairs that the options hold."""
    return retrofit(words, options.synonyms, options=options)


def retrofit(
    words: WordVectors,
    synonyms: WordPairs,
    *,
    options: RetrofittingOptions | None = None,
    weights: np.ndarray | None = None,
) -> WordVectors:
    """Word vectors moved towards those of their synonyms.

    Each word i in turn, in the order of the vocabulary, becomes

        q_i = (Σ_j β_ij q_j + α q̂_i) / (Σ_j β_ij + α)

    over its synonyms j, with their newest vectors, and its first vector q̂_i [1]_: what minimises its own part of the loss,
    α |q_i - q̂_i|² + Σ_j β_ij |q_i - q_j|². The β_ij of a word sum to 1: 1 / degree each for equal weights, as in the paper.

    Parameters
    ----------
    words : WordVectors
        The vectors; they stay as they are.
    synonyms : array of shape (n_pairs, 2), str
        Pairs hold in both directions. A pair with an unknown word, or of a word with itself, is skipped and counted; one
        that is given again counts once, with the largest of its weights.
    options : RetrofittingOptions, optional
        Passes, and the weight of the own vector.
    weights : ndarray of shape (n_pairs,), optional
        How much each pair counts against a word's other pairs; above 0. All alike where they are not given.

    Returns
    -------
    WordVectors
        A word without a synonym keeps its vector. ``provenance["repaired"]`` says how, and counts the pairs.

    Raises
    ------
    ValueError
        Pairs of another shape, weights that are not above 0, or no pair of two known words.

    Notes
    -----
    Vectors are not scaled to length 1 first. Subword vectors stay as they were: an unknown word is not moved.

    References
    ----------
    .. [1] Faruqui, Dodge, Jauhar, Dyer, Hovy & Smith (2015), Retrofitting Word Vectors to Semantic Lexicons, NAACL.
    """
    started, options = time.perf_counter(), options or RetrofittingOptions()
    pairs = _known_pairs(words, synonyms, "synonyms", weights)
    if not len(pairs.rows):
        raise ValueError(_no_pair_is_known(words, pairs))
    links = _links(pairs, len(words))
    first = words.vectors.astype(np.float64)
    vectors = first.copy()
    linked = np.flatnonzero(np.diff(links.indptr)).tolist()
    borders, alpha = links.indptr.tolist(), options.faithfulness
    for _ in range(options.iterations):
        for row in linked:
            part = slice(borders[row], borders[row + 1])
            vectors[row] = (links.data[part] @ vectors[links.indices[part]] + alpha * first[row]) / (1 + alpha)
    return _with_vectors(words, vectors, linked, _record("retrofitting", options, {"synonyms": pairs}, started))


def counter_fit(
    words: WordVectors, synonyms: WordPairs, antonyms: WordPairs, *, options: CounterFittingOptions | None = None
) -> WordVectors:
    """Word vectors whose antonyms were pushed apart and whose synonyms were pulled together, near words staying near.

    With d(u, v) = 1 - cos(u, v), the loss [1]_ is

        k₁ Σ max(0, δ - d) over antonyms + k₂ Σ max(0, d - γ) over synonyms + k₃ Σ max(0, d - d̂) over near words

    where d̂ is their distance at the start, and near words are those with d̂ ≤ ρ. A step takes the gradients of all pairs at
    the same vectors, adds to each word the mean of its own, and scales it to length 1. That mean is the authors' program's;
    nothing is drawn at random, so there is no seed.

    Parameters
    ----------
    words : WordVectors
        The vectors; they stay as they are.
    synonyms, antonyms : array of shape (n_pairs, 2), str
        Pairs hold in both directions and count once. A pair with an unknown word or one whose vector is zero, or of a word
        with itself, is skipped and counted. One that is both is taken for antonyms. Either may be empty.
    options : CounterFittingOptions, optional
        Steps, distances and weights.

    Returns
    -------
    WordVectors
        Words that no gradient reached keep their vectors. The others keep their length, which cosines do not see and pooled
        means do. ``provenance["repaired"]`` says how, and counts the pairs.

    Raises
    ------
    ValueError
        Pairs of another shape, or no pair of two known words.

    Notes
    -----
    Where more than 20 million pairs of words are near (rare words of a small corpus are close together), each word is kept
    near its nearest ones alone, as many as there is room for; ``provenance["repaired"]`` counts both.

    The authors' program keeps a near pair near by moving its first word alone; here both move, as in the paper. Subword
    vectors stay as they were: an unknown word is not moved.

    References
    ----------
    .. [1] Mrkšić, Ó Séaghdha, Thomson, Gašić, Rojas-Barahona, Su, Vandyke, Wen & Young (2016), Counter-fitting Word Vectors
       to Linguistic Constraints, NAACL.
    """
    started, options = time.perf_counter(), options or CounterFittingOptions()
    lengths = np.linalg.norm(words.vectors.astype(np.float64), axis=1)
    apart = _known_pairs(words, antonyms, "antonyms", has_direction=lengths > 0)
    together = _known_pairs(words, synonyms, "synonyms", has_direction=lengths > 0)
    together = together.without(apart)
    if not len(apart.rows) + len(together.rows):
        raise ValueError(_no_pair_is_known(words, apart, together))
    units = words.vectors / np.where(lengths > 0, lengths, 1)[:, None]
    near, n_near = _near_pairs(units, options.neighbor_distance if options.neighbor_weight else None)
    near = _without(near, apart.rows)
    distances = 1 - _cosines(units, near)
    moved = np.zeros(len(units), dtype=bool)
    for _ in range(options.iterations):
        units, reached = _take_step(units, apart.rows, together.rows, near, distances, moved, options)
        moved |= reached
    record = _record("counter_fitting", options, {"synonyms": together, "antonyms": apart}, started)
    record |= {"near_pairs": len(near), "near_pairs_found": n_near}
    return _with_vectors(words, units * lengths[:, None], np.flatnonzero(moved), record)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of a vocabulary: each once, the lower row first, with its weight; and how many were given and left out."""

    rows: np.ndarray
    weights: np.ndarray
    counts: Mapping[str, int]

    def without(self, others: _Pairs) -> _Pairs:
        kept = ~_are_among(self.rows, others.rows)
        counts = {**self.counts, "used": int(kept.sum()), "also_antonyms": int((~kept).sum())}
        return _Pairs(self.rows[kept], self.weights[kept], counts)


def _known_pairs(
    words: WordVectors,
    given: WordPairs,
    name: str,
    weights: np.ndarray | None = None,
    *,
    has_direction: np.ndarray | None = None,
) -> _Pairs:
    table = np.asarray(given, dtype=object)
    if table.size == 0:
        table = table.reshape(0, 2)
    if table.ndim != 2 or table.shape[1] != 2:
        raise ValueError(f"{name} have the shape {table.shape}: give pairs of words, shape (n_pairs, 2)")
    weighed = np.ones(len(table)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weighed.shape != (len(table),) or not (np.isfinite(weighed) & (weighed > 0)).all():
        raise ValueError(f"weights have the shape {weighed.shape}: give one above 0 for each of the {len(table)} {name}")
    index = words.index
    found = np.array([index.get(word, -1) for word in table.ravel().tolist()], dtype=np.int64).reshape(-1, 2)
    known = (found >= 0).all(axis=1)
    if has_direction is not None:
        known &= has_direction[found].all(axis=1)
    different = found[:, 0] != found[:, 1]
    kept = known & different
    rows, first = np.unique(np.sort(found[kept], axis=1), axis=0, return_inverse=True)
    largest = np.zeros(len(rows))
    np.maximum.at(largest, first.ravel(), weighed[kept])
    counts = {
        "given": len(table),
        "used": len(rows),
        "with_unknown_word": int((~known).sum()),
        "of_one_word": int((known & ~different).sum()),
        "given_again": int(kept.sum()) - len(rows),
    }
    return _Pairs(rows, largest, counts)


def _links(pairs: _Pairs, n_words: int) -> sp.csr_array:
    """The weights of each word's synonyms, which sum to 1."""
    both = np.concatenate([pairs.rows, pairs.rows[:, ::-1]])
    links = sp.csr_array((np.tile(pairs.weights, 2), (both[:, 0], both[:, 1])), shape=(n_words, n_words))
    links.sort_indices()
    degrees = np.asarray(links.sum(axis=1)).ravel()
    links.data /= np.repeat(degrees, np.diff(links.indptr))
    return links


def _take_step(
    units: np.ndarray,
    apart: np.ndarray,
    together: np.ndarray,
    near: np.ndarray,
    distances: np.ndarray,
    moved: np.ndarray,
    options: CounterFittingOptions,
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors after one step, and which words it moved.

    The gradient of d(u, v) with respect to a unit vector u is ``cos(u, v) u - v``.
    """
    parts = []  # pairs, cosines, and what a word is moved by along the gradient of its distance
    cosines = _cosines(units, apart)
    parts.append((apart, cosines, 1 - cosines < options.antonym_distance, options.antonym_weight))
    cosines = _cosines(units, together)
    parts.append((together, cosines, 1 - cosines > options.synonym_distance, -options.synonym_weight))
    watched = moved[near].any(axis=1)  # the others are as they were
    cosines = _cosines(units, near[watched])
    grown = 1 - cosines > distances[watched] + _ROUNDING
    parts.append((near[watched], cosines, grown, -options.neighbor_weight))

    pairs = np.concatenate([rows[active] for rows, _, active, _ in parts])
    cosines = np.concatenate([cosine[active] for _, cosine, active, _ in parts])
    weights = np.concatenate([np.full(int(active.sum()), weight) for _, _, active, weight in parts])
    ends, others = np.concatenate([pairs, pairs[:, ::-1]]).T
    n_words = len(units)
    along = np.bincount(ends, np.tile(weights * cosines, 2), n_words)
    towards = sp.csr_array((np.tile(weights, 2), (ends, others)), shape=(n_words, n_words))
    times = np.bincount(ends, minlength=n_words)
    reached = np.flatnonzero(times)
    change = along[reached, None] * units[reached] - towards[reached] @ units
    stepped = units.copy()
    stepped[reached] = _unit_length(units[reached] + change / times[reached, None])
    return stepped, times > 0


def _near_pairs(units: np.ndarray, distance: float | None) -> tuple[np.ndarray, int]:
    """Pairs of words at most this cosine distance apart, the lower row first, shape (n_pairs, 2), int32; how many there are.

    Where there are too many, those of each word's nearest.
    """
    if distance is None:
        return np.empty((0, 2), dtype=np.int32), 0
    single = units.astype(np.float32)
    found, n_found = [np.empty((0, 2), dtype=np.int32)], 0
    for start, block in _blocks(single):
        rows, columns = np.nonzero(np.triu(block @ single[start:].T >= 1 - distance - _MARGIN, 1))
        n_found += len(rows)
        if n_found <= MOST_NEIGHBORS:
            pairs = np.stack([rows + start, columns + start], axis=1).astype(np.int32)
            found.append(pairs[1 - _cosines(units, pairs) <= distance])
    if n_found <= MOST_NEIGHBORS:
        return np.concatenate(found), sum(map(len, found))
    return _pairs_of_nearest(single, distance, max(1, MOST_NEIGHBORS // len(units))), n_found


def _pairs_of_nearest(single: np.ndarray, distance: float, k: int) -> np.ndarray:
    """Pairs of each word with the ``k`` nearest to it within the distance, each once, the lower row first."""
    codes = []
    for start, block in _blocks(single):
        cosines = block @ single.T
        cosines[np.arange(len(block)), start + np.arange(len(block))] = -np.inf
        columns = np.argpartition(-cosines, min(k, len(single) - 1) - 1, axis=1)[:, :k]
        rows = np.repeat(np.arange(len(block)), columns.shape[1]).reshape(columns.shape)
        is_near = cosines[rows, columns] >= 1 - distance
        ends = np.stack([rows[is_near] + start, columns[is_near]], axis=1)
        codes.append(np.min(ends, axis=1).astype(np.int64) << 32 | np.max(ends, axis=1))
    pairs = np.unique(np.concatenate(codes))
    return np.stack([pairs >> 32, pairs & 0xFFFFFFFF], axis=1).astype(np.int32)


def _blocks(single: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Parts of the vectors whose products with all of them are of a bounded size, and where each starts."""
    size = max(1, _BLOCK_BYTES // (4 * len(single)))
    for start in range(0, len(single), size):
        yield start, single[start : start + size]


def _cosines(units: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cosine of each pair; a block at a time, for the vectors of all pairs would be many times the vocabulary's."""
    made = np.empty(len(pairs))
    for start in range(0, len(pairs), _PAIRS_PER_BLOCK):
        block = pairs[start : start + _PAIRS_PER_BLOCK]
        made[start : start + len(block)] = np.einsum("ij,ij->i", units[block[:, 0]], units[block[:, 1]])
    return made


def _without(pairs: np.ndarray, others: np.ndarray) -> np.ndarray:
    kept: np.ndarray = pairs[~_are_among(pairs, others)]
    return kept


def _are_among(pairs: np.ndarray, others: np.ndarray) -> np.ndarray:
    codes, taken = (rows[:, 0].astype(np.int64) << 32 | rows[:, 1].astype(np.int64) for rows in (pairs, others))
    return np.isin(codes, taken)


def _unit_length(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _with_vectors(
    words: WordVectors, vectors: np.ndarray, moved: Sequence[int] | np.ndarray, record: Mapping[str, Any]
) -> WordVectors:
    """The same words; those that did not move keep their vectors to the bit."""
    made = np.array(words.vectors)
    made[moved] = vectors[moved]
    provenance = {**words.provenance, "repaired": {**record, "moved_words": len(moved)}}
    return replace(words, vectors=made, provenance=provenance)


def _record(method: str, options: Options, pairs: Mapping[str, _Pairs], started: float, **more: Any) -> dict[str, Any]:
    digest = hashlib.sha256()
    for part in pairs.values():
        digest.update(part.rows.astype(np.int64).tobytes() + part.weights.tobytes())
    return {
        "by": method,
        "options": options.model_dump(mode="json"),
        "pairs": {name: dict(part.counts) for name, part in pairs.items()},
        "pairs_fingerprint": digest.hexdigest(),
        "seconds": round(time.perf_counter() - started, 3),
        **more,
    }


def _no_pair_is_known(words: WordVectors, *pairs: _Pairs) -> str:
    given = sum(part.counts["given"] for part in pairs)
    return (
        f"none of {given:,} pairs is of two different words among the {len(words):,} that have vectors: give pairs of "
        "words as the tokeniser writes them (lower case)"
    )
