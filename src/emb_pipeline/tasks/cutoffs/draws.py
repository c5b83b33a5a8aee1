"""Draws of requests."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from emb_pipeline.text.texts import Texts


def draw_units(n_units: int, at_most: int, seed: int) -> np.ndarray:
    """Draw units by chance where there are more than ``at_most``: their positions, ascending."""
    if n_units <= at_most:
        return np.arange(n_units)
    return np.sort(np.random.default_rng(seed).choice(n_units, size=at_most, replace=False))


def draw_texts(texts: Texts, known: Collection[str], at_most: int, seed: int) -> list[str]:
    """Draw distinct texts that are not among those of the task itself."""
    own = set(known)
    distinct = [text for text in dict.fromkeys(texts) if text not in own]
    return [distinct[place] for place in draw_units(len(distinct), at_most, seed).tolist()]


def name_units(numbers: np.ndarray) -> np.ndarray:
    """Name groups by their numbers."""
    return np.array([f"group {number}" for number in numbers.tolist()])
