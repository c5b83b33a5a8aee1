"""The choices that a searcher, or one made of others, leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import (
    ScoredIndex,
    SearchIndex,
    Setting,
    Stage,
    StagedIndex,
    TunableIndex,
    TunableSearcher,
)


def list_stages(searcher: object, index: SearchIndex) -> list[Stage]:
    """List the choices that a searcher leaves open, given its index; none where each has one setting alone."""
    if isinstance(index, StagedIndex):
        stages = list(index.stages)
    elif isinstance(searcher, TunableSearcher):
        stages = [Stage(searcher.settings, _Ranker(index, searcher.settings))]
    else:
        stages = []
    return [stage for stage in stages if len(stage.settings) > 1]


def open_with(index: Any, setting: Setting) -> Any:
    """Give the index with a setting, where there is something to set."""
    return index.at(setting) if setting else index


def require_scored(index: object, name: str) -> ScoredIndex:
    """Refuse a searcher that gives no scores.

    Raises
    ------
    ValueError
        It has no ``search_scored``.
    """
    if not isinstance(index, ScoredIndex):
        raise ValueError(f"{name} gives no scores (search_scored), so nothing can be built on it")
    return index


def search_among(index: SearchIndex, queries: Sequence[str], k: int, among: sp.csr_array | None) -> np.ndarray:
    """Find the best passages of each query, among some of them: shape (n_queries, k); -1 where there are no more.

    An index that gives no scores ranks all passages, of which the others are dropped.
    """
    if among is None:
        return index.search(queries, k)
    if isinstance(index, ScoredIndex):
        return index.search_scored(queries, k, among).passages
    kept = np.full((len(queries), k), -1, dtype=np.int64)
    for row, ranked in enumerate(index.search(queries, among.shape[1])):
        found = ranked[np.isin(ranked, among.indices[among.indptr[row] : among.indptr[row + 1]])][:k]
        kept[row, : len(found)] = found
    return kept


def add_prefix(stage: Stage, name: str) -> Stage:
    """Name a part before each of its hyper-parameters: ``task.bm25 k1``."""
    settings = [{f"{name} {key}": value for key, value in setting.items()} for setting in stage.settings]

    def rank(before: Setting, *given: Any) -> Iterator[np.ndarray]:
        return stage.rank(select_prefixed(before, name), *given)

    return Stage(settings, rank)


def select_prefixed(setting: Setting, name: str) -> Setting:
    """Select what `add_prefix` named, by its own names; the part's weight is not its own."""
    own = {key.removeprefix(f"{name} "): value for key, value in setting.items() if key.startswith(f"{name} ")}
    own.pop("weight", None)
    return own


class _Ranker:
    """Rankings by each setting of one index."""

    def __init__(self, index: Any, settings: Sequence[Setting]) -> None:
        self._index: TunableIndex = index
        self._settings = settings

    def __call__(
        self, before: Setting, queries: Sequence[str], k: int, among: sp.csr_array | None = None
    ) -> Iterator[np.ndarray]:
        for setting in self._settings:
            yield search_among(self._index.at(setting), queries, k, among)
