"""Words of new texts that a corpus, or an embedding, does not know, against those of the test texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from emb_pipeline.diagnostics.drift.sample import Sample
from emb_pipeline.statistics.drift.rates import RateDifference, compare_rates
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.text.texts import TokenIds

KnownWords: TypeAlias = Callable[[Sequence[str]], np.ndarray]
"""Says of each of some words if it is known: an array of shape (n_words,), bool."""
MOST_NAMED = 8
"""Unknown words that are named."""


@dataclass(frozen=True, eq=False)
class UnknownWords:
    """Unknown words among the test texts and the new ones.

    Attributes
    ----------
    of : list of str
        What does not know them: the corpora, or embeddings that know the same.
    tokens : RateDifference
        Shares of the running words of the test texts and of the new ones.
    types : (float, float)
        Shares of their different words.
    common : list of str
        The most frequent unknown words of the new texts.
    """

    of: list[str]
    tokens: RateDifference
    types: tuple[float, float]
    common: list[str]


def measure_unknown_words(
    of: str, tested: Sample, new: Sample, find_known: KnownWords, resampling: Resampling
) -> UnknownWords:
    """Measure the words that are unknown, of as many test texts as new ones.

    Parameters
    ----------
    of : str
        What does not know them.
    tested, new : Sample
        The texts.
    find_known : KnownWords
        What it knows.
    resampling : Resampling
        Level and seed.
    """
    n = min(len(tested.texts), len(new.texts))
    counted, types, common = [], [], list[str]()
    for sample in (tested, new):
        tokens = TokenIds.of(sample.texts[:n])
        is_unknown = ~np.asarray(find_known(tokens.words), dtype=bool) if tokens.words else np.zeros(0, bool)
        starts = np.concatenate([[0], np.cumsum(is_unknown[tokens.ids])])
        counted.append((np.diff(starts[tokens.starts]), np.diff(tokens.starts)))
        types.append(float(is_unknown.mean()) if len(is_unknown) else np.nan)
        counts = np.bincount(tokens.ids, minlength=len(tokens.words))
        order = np.argsort(-counts * is_unknown, kind="stable")
        common = [tokens.words[row] for row in order.tolist() if is_unknown[row]][:MOST_NAMED]
    return UnknownWords([of], compare_rates(counted[0], counted[1], resampling), (types[0], types[1]), common)


def merge_equal(measured: Iterable[UnknownWords]) -> list[UnknownWords]:
    """Merge those of one vocabulary: the same words are unknown."""
    found: dict[object, UnknownWords] = {}
    for each in measured:
        key = each.tokens, each.types, tuple(each.common)
        found[key] = each if key not in found else replace(found[key], of=[*found[key].of, *each.of])
    return list(found.values())


def know_words(words: Iterable[str]) -> KnownWords:
    """Make what says of words if they are among these."""
    known = frozenset(words)
    return lambda asked: np.array([word in known for word in asked], dtype=bool)
