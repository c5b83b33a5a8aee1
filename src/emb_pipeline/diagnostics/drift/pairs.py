"""Two samples against each other: a classifier on words and characters, one on length alone, and the words that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from emb_pipeline.diagnostics.drift.kernels import TextKernel, build_length_kernel, build_text_kernel
from emb_pipeline.diagnostics.drift.sample import LONGEST, Sample, group_texts
from emb_pipeline.statistics.drift.two_samples import FOLDS, PENALTY, Separation, separate_samples
from emb_pipeline.statistics.drift.weighted_scores import UnitsAndNew
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.text.texts import Texts, TokenIds

FEWEST_TEXTS = 20
"""Different texts of a sample below which nothing is said."""
MOST_TERMS = 10
"""Words that are named for each side."""
_FEWEST_WITH = 3
_PERMUTATIONS = 499


@dataclass(frozen=True)
class Term:
    """A word that is more frequent on one side.

    Attributes
    ----------
    word : str
    first, second : float
        Shares of the texts of both samples that have it.
    """

    word: str
    first: float
    second: float


@dataclass(frozen=True, eq=False)
class Pair:
    """Two samples, and what tells them apart.

    Attributes
    ----------
    first, second : str
        Names of the samples.
    n : int
        Texts of each that the classifiers learned from.
    n_common : int
        Texts of the second that are nearly the same as one of the first.
    by_words, by_length : Separation
        By words and characters, and by length alone.
    of_first, of_second : list of Term
        Words that speak for each.
    least_like : list of (str, str)
        Id and text of those of the second sample that look least like the first.
    units : UnitsAndNew, optional
        Further texts of the first sample's source, and the second sample, as the classifier saw them; None without further
        texts.
    """

    first: str
    second: str
    n: int
    n_common: int
    by_words: Separation
    by_length: Separation
    of_first: list[Term]
    of_second: list[Term]
    least_like: list[tuple[str, str]]
    units: UnitsAndNew | None


def compare_samples(
    first: Sample,
    second: Sample,
    resampling: Resampling,
    *,
    units: Sequence[tuple[str, str]] = (),
    unit_groups: Sequence[str] = (),
    n_examples: int = 5,
) -> Pair | None:
    """Compare two samples, with the same number of texts of both.

    Texts that are nearly the same, and those of one group, are in one fold: no classifier learned from what it scores.

    Parameters
    ----------
    first, second : Sample
        The samples.
    resampling : Resampling
        Level and seed.
    units : sequence of (str, str)
        Id and text of all texts that the first sample was drawn from, which are scored by the classifier of their fold.
    unit_groups : sequence of str
        Group of each.
    n_examples : int
        Texts of the second that are shown.

    Returns
    -------
    Pair or None
        None where a sample has fewer than `FEWEST_TEXTS` texts.
    """
    n = min(len(first.texts), len(second.texts))
    if n < FEWEST_TEXTS:
        return None
    drawn = [*first.texts[:n], *second.texts[:n]]
    everything = [*drawn, *(text[:LONGEST] for _, text in units)]
    texts = Texts(everything, TokenIds.of(everything))
    row_of = {name: row for row, (name, _) in enumerate(units)}
    rows = [row_of[name] for name in first.ids[:n]] if units else []
    named = [*(unit_groups[row] for row in rows), *(f"\0{row}" for row in range(n)), *unit_groups]
    groups = group_texts(texts.token_ids, named if units else None)
    folds, is_second = _draw_folds(groups, resampling), np.repeat([False, True], n)
    text_kernel = build_text_kernel(texts, 2 * n)
    by_words, by_length = (
        separate_samples(kernel, is_second, folds, groups[: 2 * n], resampling, _PERMUTATIONS)
        for kernel in (text_kernel.kernel, build_length_kernel(texts, 2 * n))
    )
    of_first, of_second = _find_terms(text_kernel, is_second)
    order = np.argsort(-by_words.scores[n : 2 * n], kind="stable")[:n_examples].tolist()
    n_common = int(np.isin(groups[n : 2 * n], groups[:n]).sum())
    least_like = [(second.ids[row], second.texts[row]) for row in order]
    return Pair(
        first.name,
        second.name,
        n,
        n_common,
        by_words,
        by_length,
        of_first,
        of_second,
        least_like,
        _take_units(text_kernel.kernel, folds, by_words.scores, rows, n) if units else None,
    )


def _take_units(kernel: np.ndarray, folds: np.ndarray, scores: np.ndarray, drawn: list[int], n: int) -> UnitsAndNew:
    """Take the units, which are the texts after both samples, and after them the second sample."""
    rows = np.concatenate([np.arange(2 * n, len(kernel)), np.arange(n, 2 * n)])
    return UnitsAndNew(len(kernel) - 2 * n, np.array(drawn), kernel[rows, :n], folds[rows], scores[rows])


def _draw_folds(groups: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Draw a fold for each group, so that folds have about as many groups."""
    codes = np.unique(groups, return_inverse=True)[1]
    n_groups = int(codes.max()) + 1
    return np.asarray((resampling.create_rng().permutation(n_groups) % FOLDS)[codes])


def _find_terms(texts: TextKernel, is_second: np.ndarray) -> tuple[list[Term], list[Term]]:
    """Find the words with the largest coefficients of a classifier that learned from all."""
    n = len(is_second)
    own = texts.kernel[:n] + PENALTY * np.eye(n, dtype=np.float32)
    dual = cho_solve(cho_factor(own, lower=True), (2.0 * is_second - 1).astype(np.float32))
    weights = texts.words.T @ dual
    has_word = texts.words > 0
    with_word = [np.asarray(has_word[side].sum(axis=0)).ravel() for side in (~is_second, is_second)]
    found = []
    for sign, own_side in ((-1, 0), (1, 1)):
        order = np.argsort(-sign * weights, kind="stable")
        often = [
            column
            for column in order[: 50 * MOST_TERMS].tolist()
            if sign * weights[column] > 0 and with_word[own_side][column] >= _FEWEST_WITH
        ][:MOST_TERMS]
        sizes = (~is_second).sum(), is_second.sum()
        found.append(
            [
                Term(
                    texts.vocabulary[column],
                    *(float(each[column] / size) for each, size in zip(with_word, sizes, strict=True)),
                )
                for column in often
            ]
        )
    return found[0], found[1]
