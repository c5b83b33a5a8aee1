"""Texts with planted leaks, for tests and benchmarks: what an audit of leaks has to find is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

Words = list[str]

VOCABULARY = [f"w{number}" for number in range(5000)]


def random_texts(n: int, n_words: int, rng: np.random.Generator) -> list[Words]:
    """Texts of words that are drawn at random: no two are alike by nature."""
    return [[VOCABULARY[word] for word in rng.integers(len(VOCABULARY), size=n_words)] for _ in range(n)]


def changed(text: Sequence[str], n_changed: int, rng: np.random.Generator) -> Words:
    """Replace some words of a text by others."""
    found = list(text)
    for place in rng.choice(len(found), n_changed, replace=False):
        found[place] = f"v{rng.integers(10_000)}"
    return found


def _inside(text: Sequence[str], rng: np.random.Generator) -> Words:
    before, after = random_texts(2, len(text), rng)
    return [*before, *text, *after]


LEAKS: Mapping[str, tuple[int, Callable[[Words, np.random.Generator], Words]]] = {
    "copy": (12, lambda text, rng: list(text)),
    "one of 12 words changed": (12, lambda text, rng: changed(text, 1, rng)),
    "two of 12 words changed": (12, lambda text, rng: changed(text, 2, rng)),
    "three of 60 words changed": (60, lambda text, rng: changed(text, 3, rng)),
    "training text in a longer test text": (12, _inside),
    "first half of a training text": (12, lambda text, rng: text[: len(text) // 2]),
    "first half of a long training text": (60, lambda text, rng: text[: len(text) // 2]),
}
"""For each kind of leak, the words of a training text, and how the test text is made of it."""


def leaking_examples(
    kind: str, n: int, rng: np.random.Generator, *, trains: str = "train", training: Sequence[Words] | None = None
) -> pa.Table:
    """A classification task whose every second test text leaks: ids ``leak<number>`` and ``clean<number>``.

    Parameters
    ----------
    kind : str
        Of `LEAKS`.
    n : int
        Leaks.
    rng : Generator
        What texts and labels are drawn with.
    trains : str
        The split of the training texts that are leaked: ``train`` or ``validation``.
    training : sequence of list of str, optional
        Texts to take instead of random ones: 2n, the second half of them as clean test texts.
    """
    n_words, make = LEAKS[kind]
    texts = random_texts(2 * n, n_words, rng) if training is None else list(training)
    rows = [(f"train{i}", text, trains) for i, text in enumerate(texts[:n])]
    rows += [(f"other{i}", text, "train") for i, text in enumerate(random_texts(20, n_words, rng))]
    rows += [(f"leak{i}", make(text, rng), "test") for i, text in enumerate(texts[:n])]
    rows += [(f"clean{i}", text, "test") for i, text in enumerate(texts[n:])]
    return as_examples([(name, " ".join(text), "ab"[rng.integers(2)], split) for name, text, split in rows])


def as_examples(rows: Sequence[tuple[str, str, str, str | None]]) -> pa.Table:
    """A table of examples: id, text, label and split of each."""
    names = ("example_id", "text", "label", "split")
    return pa.table(
        {name: pa.array(column, pa.string()) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    )
