"""Draws of the bootstrap and of sign flips, with their random numbers made in blocks so that memory stays small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BLOCK_BYTES = 1 << 27
CACHED_BYTES = 1 << 22
"""Of counts, which are written in random order: three times as fast where they stay in the cache."""


@dataclass(frozen=True)
class Resampling:
    """Settings of intervals and tests.

    Attributes
    ----------
    resamples : int
        Bootstrap resamples of the units.
    permutations : int
        Random sign flips of the tests.
    level : float
        Pairs with an adjusted p of at most this differ; intervals cover ``1 - level``.
    seed : int
        Of both.
    """

    resamples: int = 2000
    permutations: int = 4999
    level: float = 0.05
    seed: int = 0

    def create_rng(self) -> np.random.Generator:
        """A generator that starts at the seed."""
        return np.random.default_rng(self.seed)


def group_codes(groups: np.ndarray | None, n_units: int) -> tuple[np.ndarray, int]:
    """A number from 0 for the group of each unit, and how many groups there are; no groups: each unit its own.

    Raises
    ------
    ValueError
        Fewer than two units or groups, or not one group per unit.
    """
    if groups is None:
        codes = np.arange(n_units)
    else:
        if len(groups) != n_units:
            raise ValueError(f"{len(groups)} groups for {n_units} units")
        codes = np.unique(groups, return_inverse=True)[1]
    n_groups = int(codes.max()) + 1 if len(codes) else 0
    if n_groups < 2:
        raise ValueError(f"{n_groups} unit(s) that can be resampled: at least two are needed")
    return codes, n_groups


def sum_groups(values: np.ndarray, codes: np.ndarray, n_groups: int) -> np.ndarray:
    """Sums of the rows of each group: shape (n_groups, n_columns), float64."""
    if n_groups == len(codes) and np.array_equal(codes, np.arange(n_groups)):
        return np.asarray(values, dtype=np.float64)
    sums = np.zeros((n_groups, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def draw_multinomial_counts(n_units: int, n_resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw how often each unit is in each resample of ``n_units`` draws: blocks of shape (n, n_units), float32."""
    block = max(1, min(n_resamples, CACHED_BYTES // (8 * n_units)))
    for start in range(0, n_resamples, block):
        rows = min(block, n_resamples - start)
        drawn = rng.integers(0, n_units, size=(rows, n_units), dtype=np.int64)
        drawn += np.arange(rows)[:, None] * n_units
        counts = np.bincount(drawn.ravel(), minlength=rows * n_units)
        yield counts.reshape(rows, n_units).astype(np.float32)


def draw_signs(n_units: int, n_flips: int, rng: np.random.Generator) -> np.ndarray:
    """A random sign for each unit in each flip: shape (n_flips, n_units), float32 of -1 and 1."""
    drawn = rng.integers(0, 256, size=(n_flips, -(-n_units // 8)), dtype=np.uint8)
    signs = np.unpackbits(drawn, axis=1, count=n_units).astype(np.float32)
    signs *= 2
    signs -= 1
    return signs
