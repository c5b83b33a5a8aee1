"""Contrasts of the levels of factors: weights of cells that sum to nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np

from emb_pipeline.statistics.effects.designs import EMBEDDING, WHOLE_GRID, Design

CONTRAST_KEYS = ("design", "factor", "level_a", "level_b", "within", "instead_of")
"""The columns that identify a contrast of factors."""
MOST_LEVELS = 30
"""Levels of a factor up to which each is held against each other one."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """One level of a factor against another; the weights of the cells sum to nothing."""

    design: Design
    factor: str
    levels: tuple[str, str]
    within: str
    instead_of: str
    weights: np.ndarray
    pairs: int


def list_contrasts(designs: Iterable[Design]) -> list[Contrast]:
    """List all contrasts of some designs: of levels, then interactions."""
    found = []
    for design in designs:
        effects = list(_build_effects(design))
        found += [*effects, *_build_interactions(design, effects)]
    return found


def score_sides(contrasts: Sequence[Contrast]) -> tuple[np.ndarray, np.ndarray]:
    """Average the scores of the two sides of each contrast: two matrices of shape (n_units, n_contrasts)."""
    plus, minus = (
        np.column_stack([each.design.scores @ np.clip(sign * each.weights, 0, None) for each in contrasts])
        if contrasts
        else np.empty((0, 0))
        for sign in (1, -1)
    )
    return plus, minus


def _build_effects(design: Design) -> Iterator[Contrast]:
    """Each two levels of each factor: overall, and within each level of another factor."""
    levels = {str(name): [str(level) for level in design.factors[name]] for name in design.factors}
    everywhere = np.ones(len(design.factors), dtype=bool)
    for factor, of_cells in levels.items():
        others = [name for name in levels if name != factor]
        keys = list(zip(*(levels[name] for name in others), strict=True)) or [()] * len(of_cells)
        scopes = [("", everywhere)]
        for other in others:
            scopes += [(f"{other} = {each}", np.array(levels[other]) == each) for each in dict.fromkeys(levels[other])]
        for pair in _pair_levels(list(dict.fromkeys(of_cells)), factor):
            for within, inside in scopes:
                found = _match_cells(of_cells, pair, keys, inside)
                if found is not None:
                    yield Contrast(design, factor, pair, within, "", *found)


def _pair_levels(levels: Sequence[str], factor: str) -> list[tuple[str, str]]:
    """Pair the levels of a factor: each with each, or of many each with the next one.

    Many embeddings are not paired here: they are compared as pairs anyway.
    """
    if len(levels) <= MOST_LEVELS:
        return list(combinations(levels, 2))
    return [] if factor == EMBEDDING else list(pairwise(levels))


def _build_interactions(design: Design, effects: Sequence[Contrast]) -> Iterator[Contrast]:
    """Estimate how much more the first factor changes within one level of the second than within another.

    Not over the embeddings of the whole grid, whose pairs differ by more than one thing.
    """
    if design.name == WHOLE_GRID or len(design.factors.columns) != 2:
        return
    first = str(design.factors.columns[0])
    inner = [each for each in effects if each.factor == first and each.within]
    n_scopes = len({each.within for each in inner})
    for one, another in combinations(inner, 2) if n_scopes <= MOST_LEVELS else _pair_next(inner):
        if one.levels == another.levels:
            yield replace(one, instead_of=another.within, weights=one.weights - another.weights)


def _pair_next(inner: Sequence[Contrast]) -> Iterator[tuple[Contrast, Contrast]]:
    """Pair contrasts of the same levels, each with that within the next level of the other factor."""
    of_levels: dict[tuple[str, str], list[Contrast]] = {}
    for each in inner:
        of_levels.setdefault(each.levels, []).append(each)
    return (pair for several in of_levels.values() for pair in pairwise(several))


def _match_cells(
    of_cells: Sequence[str], pair: tuple[str, str], keys: Sequence[tuple[str, ...]], inside: np.ndarray
) -> tuple[np.ndarray, int] | None:
    """Weights of the cells, and how many combinations of the other factors have both levels; None where none has."""
    sides: list[dict[tuple[str, ...], list[int]]] = [{}, {}]
    for row in np.flatnonzero(inside).tolist():
        if of_cells[row] in pair:
            sides[pair.index(of_cells[row])].setdefault(keys[row], []).append(row)
    shared = sides[0].keys() & sides[1].keys()
    if not shared:
        return None
    weights = np.zeros(len(of_cells))
    for key in shared:
        for sign, side in zip((1.0, -1.0), sides, strict=True):
            weights[side[key]] = sign / (len(side[key]) * len(shared))
    return weights, len(shared)


def weigh_contrasts(designs: Sequence[Design], n_embeddings: int) -> np.ndarray:
    """Find the weight of each embedding of the task in each contrast: shape (n_embeddings, n_contrasts)."""
    contrasts = list_contrasts(designs)
    weights = np.zeros((n_embeddings, len(contrasts)))
    for column, contrast in enumerate(contrasts):
        weights[contrast.design.places, column] = contrast.weights
    return weights


def describe_contrast(contrast: Contrast) -> dict[str, str]:
    """Give what identifies a contrast, by `CONTRAST_KEYS`."""
    return {
        "design": contrast.design.name,
        "factor": contrast.factor,
        "level_a": contrast.levels[0],
        "level_b": contrast.levels[1],
        "within": contrast.within,
        "instead_of": contrast.instead_of,
    }
