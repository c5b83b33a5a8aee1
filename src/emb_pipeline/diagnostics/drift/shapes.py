"""Lengths and languages of the texts of a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emb_pipeline.diagnostics.drift.sample import Sample
from emb_pipeline.text.words import tokenize

MOST_GUESSED = 200
"""Texts whose language is guessed."""
MOST_LANGUAGES = 3
_SMALL = 0.02


@dataclass(frozen=True)
class Shape:
    """Lengths and languages of a sample.

    Attributes
    ----------
    name : str
        Of the sample.
    n_texts : int
        Texts of the whole source.
    words : tuple of float
        Words of a text: lower quartile, median, upper quartile.
    languages : list of (str, float)
        The most frequent languages and their shares among texts that are long enough for a guess.
    """

    name: str
    n_texts: int
    words: tuple[float, float, float]
    languages: list[tuple[str, float]]


def describe_shape(sample: Sample, find_language: Callable[[str], str | None]) -> Shape:
    """Describe lengths and languages.

    Parameters
    ----------
    sample : Sample
        The texts.
    find_language : callable
        Gives the language of a text, or None where it is not sure.
    """
    lengths = [len(tokenize(text)) for text in sample.texts]
    low, middle, high = map(float, np.percentile(lengths, [25, 50, 75])) if lengths else (np.nan,) * 3
    counts = Counter(name for text in sample.texts[:MOST_GUESSED] if (name := find_language(text)) is not None)
    shares = [(name, n / counts.total()) for name, n in counts.most_common(MOST_LANGUAGES)]
    return Shape(sample.name, sample.n_texts, (low, middle, high), [each for each in shares if each[1] >= _SMALL])
