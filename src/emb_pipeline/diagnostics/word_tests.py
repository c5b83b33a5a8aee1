"""Tests of word vectors by themselves: human similarity, analogies, antonyms, bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from emb_pipeline.diagnostics.neighbors import COMMONEST, normalize_rows
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.statistics.intervals.bootstrap import compute_mean_intervals
from emb_pipeline.statistics.intervals.pseudo_values import compute_spearman

Pairs = Sequence[tuple[str, str]]
_EXACT_SPLITS = 20_000
"""Splits of the target words up to which all are tried."""


@dataclass(frozen=True)
class Measured:
    """A value with its interval, and how many of the items the embedding knows.

    Attributes
    ----------
    value, low, high : float
        NaN where too few items are known.
    known, total : int
        Items.
    p : float
        Of a test; NaN without one.
    """

    value: float
    low: float
    high: float
    known: int
    total: int
    p: float = float("nan")

    @classmethod
    def unknown(cls, known: int, total: int) -> Measured:
        """Too few of the items are known to say anything."""
        return cls(float("nan"), float("nan"), float("nan"), known, total)


def measure_word_similarity(
    vectors: WordVectors, pairs: Pairs, scores: Sequence[float], *, rng: np.random.Generator, n_resamples: int = 2000
) -> Measured:
    """Spearman's ρ of cosine with the similarity that people gave, over the pairs whose words are known.

    Parameters
    ----------
    vectors : WordVectors
        The embedding.
    pairs, scores : sequence of (str, str), sequence of float
        Pairs of words, and how similar people find them.
    rng, n_resamples
        Bootstrap of the pairs.
    """
    known = [row for row, pair in enumerate(pairs) if all(word in vectors.index for word in pair)]
    if len(known) < 10:
        return Measured.unknown(len(known), len(pairs))
    values = compute_spearman(
        compute_cosines(vectors, [pairs[row] for row in known]), np.array([scores[row] for row in known])
    )
    (interval,) = compute_mean_intervals(values[:, None], n_resamples=n_resamples, rng=rng)
    return Measured(interval.value, interval.low, interval.high, len(known), len(pairs))


def compute_cosines(vectors: WordVectors, pairs: Pairs) -> np.ndarray:
    """Cosine of the two words of each pair: shape (n_pairs,)."""
    unit = [normalize_rows(vectors.vectors[[vectors.index[pair[side]] for pair in pairs]]) for side in (0, 1)]
    product: np.ndarray = np.einsum("ij,ij->i", *unit, dtype=np.float64)
    return product


def measure_analogies(
    vectors: WordVectors,
    questions: Sequence[tuple[str, str, str, str]],
    *,
    rng: np.random.Generator,
    commonest: int = COMMONEST,
    n_resamples: int = 2000,
) -> Measured:
    """Share of analogies that are solved: a is to b as c is to what?

    The word nearest to ``b - a + c`` (unit vectors) among the commonest, the three of the question left out (3CosAdd).

    Parameters
    ----------
    vectors : WordVectors
        The embedding.
    questions : sequence of (a, b, c, d)
        Counted where all four words are among the commonest.
    rng, n_resamples
        Bootstrap of the questions.
    commonest : int
        Words that an answer is looked for among.

    References
    ----------
    .. [1] Mikolov, Yih & Zweig (2013), Linguistic regularities in continuous space word representations, NAACL.
    """
    unit = normalize_rows(vectors.vectors[:commonest])
    rows = [[vectors.index.get(word, len(unit)) for word in question] for question in questions]
    known = np.array([row for row in rows if max(row) < len(unit)], dtype=np.int64).reshape(-1, 4)
    if len(known) < 10:
        return Measured.unknown(len(known), len(questions))
    right = np.empty(len(known))
    for start in range(0, len(known), 512):
        block = known[start : start + 512]
        scores = (unit[block[:, 1]] - unit[block[:, 0]] + unit[block[:, 2]]) @ unit.T
        np.put_along_axis(scores, block[:, :3], -np.inf, axis=1)
        right[start : start + 512] = scores.argmax(axis=1) == block[:, 3]
    (interval,) = compute_mean_intervals(right[:, None], n_resamples=n_resamples, rng=rng, bounds=(0.0, 1.0))
    return Measured(interval.value, interval.low, interval.high, len(known), len(questions))


def measure_antonym_separation(
    vectors: WordVectors, antonyms: Pairs, synonyms: Pairs, *, rng: np.random.Generator, n_resamples: int = 2000
) -> Measured:
    """Can cosine tell synonyms from antonyms? The probability that a synonym pair is closer than an antonym pair (AUC).

    0.5: no; below: antonyms are the closer ones, since they are in the same company. The interval is a bootstrap of pairs,
    those of both kinds each by themselves.

    Parameters
    ----------
    vectors : WordVectors
        The embedding.
    antonyms, synonyms : sequence of (str, str)
        Pairs; counted where both words are known.
    rng, n_resamples
        Bootstrap.

    References
    ----------
    .. [1] Nguyen, Schulte im Walde & Vu (2016), Integrating distributional lexical contrast into word embeddings, ACL.
    """
    kept = [[pair for pair in pairs if all(word in vectors.index for word in pair)] for pairs in (antonyms, synonyms)]
    n_known, n = sum(map(len, kept)), len(antonyms) + len(synonyms)
    if min(map(len, kept)) < 5:
        return Measured.unknown(n_known, n)
    of_antonyms, of_synonyms = (compute_cosines(vectors, pairs) for pairs in kept)
    resampled = [
        compute_area_under_curve(rng.choice(of_synonyms, len(of_synonyms)), rng.choice(of_antonyms, len(of_antonyms)))
        for _ in range(n_resamples)
    ]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Measured(compute_area_under_curve(of_synonyms, of_antonyms), float(low), float(high), n_known, n)


def compute_area_under_curve(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Probability that a positive is above a negative, ties counting half (Mann & Whitney)."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([positives, negatives]))
    n, m = len(positives), len(negatives)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def measure_share_among_nearest(vectors: WordVectors, pairs: Pairs, k: int = 10, *, commonest: int = COMMONEST) -> Measured:
    """Measure how often the second word of a pair is among the k nearest of the first, with Wilson's interval."""
    from scipy.stats import binomtest

    unit = normalize_rows(vectors.vectors[:commonest])
    rows = [[vectors.index.get(word, len(unit)) for word in pair] for pair in pairs]
    known = np.array([row for row in rows if max(row) < len(unit)], dtype=np.int64).reshape(-1, 2)
    if not len(known):
        return Measured.unknown(0, len(pairs))
    scores = unit[known[:, 0]] @ unit.T
    own = np.take_along_axis(scores, known[:, 1:], axis=1)
    np.put_along_axis(scores, known[:, :1], -np.inf, axis=1)
    hits = ((scores > own).sum(axis=1) < k).astype(np.float64)
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    return Measured(float(hits.mean()), interval.low, interval.high, len(known), len(pairs))


def run_weat(
    vectors: WordVectors, words: Mapping[str, Sequence[str]], *, rng: np.random.Generator, n_permutations: int = 10_000
) -> Measured:
    """WEAT: are the words X nearer to A, and Y nearer to B, than chance would have them?

    The effect size is ``d = (mean s(X) - mean s(Y)) / std s(X ∪ Y)``, where s(w) is the mean cosine of w with A minus that
    with B, and the deviation is that of a sample (n - 1). p is one-sided: the share of equal splits of X ∪ Y whose
    difference is at least as large, all of them where there are at most 20,000, else random ones with
    ``(count + 1) / (n + 1)``.

    Parameters
    ----------
    vectors : WordVectors
        The embedding.
    words : mapping with x, y, a, b
        Targets and attributes. Unknown words are left out; the longer target list is cut to the shorter one.
    rng, n_permutations
        Random splits.

    Returns
    -------
    Measured
        d, without interval; NaN where one of the lists has fewer than two known words.

    References
    ----------
    .. [1] Caliskan, Bryson & Narayanan (2017), Semantics derived automatically from language corpora contain human-like
       biases, Science 356.
    """
    lists = {name: [word for word in words[name] if word in vectors.index] for name in ("x", "y", "a", "b")}
    known, total = sum(map(len, lists.values())), sum(len(words[name]) for name in lists)
    size = min(len(lists["x"]), len(lists["y"]))
    if min(size, len(lists["a"]), len(lists["b"])) < 2:
        return Measured.unknown(known, total)
    targets = [*lists["x"][:size], *lists["y"][:size]]
    unit = {
        name: normalize_rows(vectors.vectors[[vectors.index[word] for word in chosen]].astype(np.float64))
        for name, chosen in {"t": targets, "a": lists["a"], "b": lists["b"]}.items()
    }
    association = (unit["t"] @ unit["a"].T).mean(axis=1) - (unit["t"] @ unit["b"].T).mean(axis=1)
    difference = association[:size].mean() - association[size:].mean()
    effect = float(difference / association.std(ddof=1))
    return Measured(effect, float("nan"), float("nan"), known, total, _split_p(association, size, rng, n_permutations))


def _split_p(association: np.ndarray, size: int, rng: np.random.Generator, n_permutations: int) -> float:
    """One-sided p of the sum over the first half, under equal splits."""
    observed = association[:size].sum() - 1e-12
    if comb(2 * size, size) <= _EXACT_SPLITS:
        sums = np.array([association[list(chosen)].sum() for chosen in combinations(range(2 * size), size)])
        return float((sums >= observed).mean())
    sums = np.array([rng.permutation(association)[:size].sum() for _ in range(n_permutations)])
    return float(((sums >= observed).sum() + 1) / (n_permutations + 1))
