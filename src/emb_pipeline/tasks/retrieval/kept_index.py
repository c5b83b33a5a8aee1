"""Keep the index, and map the vectors: what is lost where passages are not encoded again, or only some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.encodings.vectors import SearchSpace, unit_length
from emb_pipeline.embeddings.kept_neighbors import Encoded
from emb_pipeline.embeddings.linear_maps import MAPS, LinearMap, MapName, fit_map
from emb_pipeline.embeddings.protocols import Vectors, similarity_of
from emb_pipeline.embeddings.retrieval.exact_search import find_top_k
from emb_pipeline.tasks.metrics.rankings import CUTOFF
from emb_pipeline.tasks.retrieval.evaluate import find_query_groups, score_ranking
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.settings import count_asked, drop_excluded
from emb_pipeline.tasks.retrieval.task import RetrievalTask

PAIRS = (10, 30, 100, 300, 1000, 3000)
"""Numbers of paired texts that maps are fitted on, as far as there are so many."""
MOST_SHARE = 0.25
"""Share of the passages that maps are fitted on, at most."""
SHARES = (0.0, 0.25, 0.5, 0.75)
"""Shares of the passages that are encoded again, of a roll-out."""
MOST_DIMENSIONS, MOST_NUMBERS = 4096, 1 << 28
"""Dimensions of sparse vectors that are mapped as dense ones, and their numbers in all: 1 GB."""
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Measured:
    """The scores of one way to search.

    Attributes
    ----------
    name : {"procrustes", "ridge"}
        The map.
    n_pairs : int
        Texts that it was fitted on.
    share : float
        Share of the passages in the index that the candidate has encoded.
    values : ndarray of shape (n_queries,)
        Score of each query.
    """

    name: MapName
    n_pairs: int
    share: float
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class KeptIndex:
    """Scores of searches with maps between two embeddings.

    Attributes
    ----------
    metric : str
        Of all scores.
    queries, groups : ndarray of shape (n_queries,), str
        Their names, and those that are resampled together.
    deployed, candidate : ndarray of shape (n_queries,)
        Scores of each query with one embedding for queries and passages.
    mapped : list of Measured
        Queries by the candidate, mapped into the deployed index: ``share`` is 0.
    mixed : list of Measured
        Queries by the candidate among passages of which a share is encoded by it, and the others are old vectors, mapped.
    """

    metric: str
    queries: np.ndarray
    groups: np.ndarray
    deployed: np.ndarray
    candidate: np.ndarray
    mapped: list[Measured]
    mixed: list[Measured]


def measure_kept_index(
    task: RetrievalTask,
    deployed: Encoded,
    candidate: Encoded,
    options: RetrievalOptions,
    metric: str,
    *,
    seed: int = 0,
    pairs: Sequence[int] = PAIRS,
) -> KeptIndex | str:
    """Measure what queries of the candidate find in an index of the deployed embedding, and in a mixed one.

    Maps are fitted on passages. The queries are parted in five: those of one part are searched with maps that were fitted
    without any passage that answers one of them, or a copy of it. Larger numbers of pairs contain the smaller ones. A map
    favors the passages that it was fitted on, so the scores are too low where these are a large share of all: they are at
    most `MOST_SHARE` of them.

    Parameters
    ----------
    task : RetrievalTask
        Queries, passages, judgments.
    deployed, candidate : Encoded
        Vectors of its passages and (``asked``) of its queries.
    options : RetrievalOptions
        Cutoff of recall; memory.
    metric : str
        The metric; nDCG@10 where it is not one of rankings of all passages.
    seed : int
        Of the order in which passages are paired and encoded again, and of the parts.
    pairs : sequence of int
        Numbers of paired texts.

    Returns
    -------
    KeptIndex, or str
        Why nothing can be measured.
    """
    old, new = _make_dense(deployed), _make_dense(candidate)
    if old is None or new is None:
        return f"vectors of more than {MOST_DIMENSIONS:,} dimensions, most of them 0, are not mapped"
    rng, groups = np.random.default_rng(seed), find_query_groups(task)
    folds, order = _part_groups(groups, rng), rng.permutation(len(task.passages))
    usable = [order[~_find_answers(task, folds == fold)[order]] for fold in range(_FOLDS)]
    most = min(round(MOST_SHARE * len(task.passages)), *(len(each) for each in usable))
    sizes = [size for size in pairs if size <= most]
    if not sizes:
        return (
            f"a map takes {min(pairs)} passages, a quarter of all at most, that answer none of the queries: here are {most}"
        )
    k = count_asked(task, min(max(options.recall_cutoff, CUTOFF), len(task.passages)))

    def score(queries: np.ndarray, passages: np.ndarray, encoder: object, rows: np.ndarray) -> np.ndarray:
        space = SearchSpace.of(passages, encoder)
        ranked = find_top_k(
            space.prepare_queries(queries[rows]),
            space.passages,
            k,
            ties=task.ties.take(rows),
            block_bytes=options.block_megabytes << 20,
        )
        whole = np.full((len(task.queries), k), -1, dtype=np.int64)
        whole[rows] = ranked
        values = score_ranking(task, drop_excluded(whole, task.excluded, k), options)
        return np.asarray(values.get(metric, values[f"ndcg@{CUTOFF}"])[rows])

    everything = np.arange(len(task.queries))
    alone = [score(each.asked, each.texts, each.encoder, everything) for each in (old, new)]
    mapped, mixed = [], []
    for name in MAPS:
        for size in sizes:
            forward = [fit_map(name, new.texts[rows[:size]], old.texts[rows[:size]]) for rows in usable]
            values = _score_folds(
                folds, forward, lambda one, rows: score(one.apply(new.asked), old.texts, old.encoder, rows)
            )
            mapped.append(Measured(name, size, 0.0, values))
        backward = [fit_map(name, old.texts[rows[: sizes[-1]]], new.texts[rows[: sizes[-1]]]) for rows in usable]
        for share in SHARES:
            is_new = np.zeros(len(task.passages), dtype=bool)
            is_new[order[: round(share * len(order))]] = True

            def search(one: LinearMap, rows: np.ndarray, is_new: np.ndarray = is_new) -> np.ndarray:
                passages = np.where(is_new[:, None], new.texts, one.apply(old.texts))
                return score(new.asked, passages, new.encoder, rows)

            mixed.append(Measured(name, sizes[-1], share, _score_folds(folds, backward, search)))
    used = metric if metric in score_ranking(task, np.full((len(task.queries), 1), -1), options) else f"ndcg@{CUTOFF}"
    return KeptIndex(used, task.query_ids, task.query_ids[groups], alone[0], alone[1], mapped, mixed)


def _score_folds(
    folds: np.ndarray, maps: Sequence[LinearMap], score: Callable[[LinearMap, np.ndarray], np.ndarray]
) -> np.ndarray:
    values = np.zeros(len(folds))
    for fold, one in enumerate(maps):
        rows = np.flatnonzero(folds == fold)
        if len(rows):
            values[rows] = score(one, rows)
    return values


def _part_groups(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Part queries into folds, those of one group together: shape (n_queries,), int."""
    names, codes = np.unique(groups, return_inverse=True)
    return np.asarray((rng.permutation(len(names)) % _FOLDS)[codes])


def _find_answers(task: RetrievalTask, is_asked: np.ndarray) -> np.ndarray:
    """Say of each passage whether it, or one of the same words, answers one of these queries: shape (n_passages,), bool."""
    is_answer = np.asarray((task.qrels[np.flatnonzero(is_asked)] > 0).sum(axis=0)).ravel() > 0
    return np.isin(task.ties.columns, task.ties.columns[is_answer])


def _make_dense(encoded: Encoded) -> Encoded | None:
    """Make vectors dense, of length 1 where cosines compare them; None where they would be too many numbers."""
    n_rows = encoded.texts.shape[0] + encoded.asked.shape[0]
    if sp.issparse(encoded.texts) and (
        encoded.texts.shape[1] > MOST_DIMENSIONS or n_rows * encoded.texts.shape[1] > MOST_NUMBERS
    ):
        return None
    made: list[Any] = []
    for vectors in (encoded.texts, encoded.asked):
        dense: Vectors = vectors.toarray() if sp.issparse(vectors) else np.asarray(vectors)
        made.append(unit_length(dense) if similarity_of(encoded.encoder) == "cosine" else dense)
    return Encoded(encoded.encoder, made[0], made[1])
