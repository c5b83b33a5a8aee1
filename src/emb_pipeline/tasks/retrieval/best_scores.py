"""The score of the first passage, for queries that have an answer among the passages and for such that have none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.protocols import MeasuredIndex
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits
from emb_pipeline.statistics.cutoffs.cutoff import BestScores
from emb_pipeline.tasks.cutoffs.draws import draw_texts, draw_units, name_units
from emb_pipeline.tasks.retrieval.evaluate import find_query_groups
from emb_pipeline.tasks.retrieval.export import TextSearch
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.words import mark_words

_BLOCK_HITS, _BLOCK_PAIRS = 20_000, 1 << 24


def find_best_scores(
    task: RetrievalTask,
    fit: Callable[..., TextSearch],
    options: RetrievalOptions,
    unanswerable: Texts | None,
    *,
    at_most: int,
    seed: int,
) -> BestScores:
    """Find the score of the first passage of each query.

    Parameters
    ----------
    task : RetrievalTask
        Queries, passages, judgments.
    fit : callable
        Gives what is served, of a task and options: its scores are those that a request gets.
    options : RetrievalOptions
        Of the task.
    unanswerable : Texts, optional
        Queries that no passage answers. Without any, each query of the task is asked once more, and the passages that are
        relevant to it are left out: what remains cannot answer it. The embedding stays as it was fitted.
    at_most, seed : int
        Queries of each sort, drawn by chance where there are more.

    Returns
    -------
    BestScores
        Right where the first passage is relevant. Groups are those of the task; of other queries each is its own.
    """
    model = fit(task, options=options)
    rows = draw_units(len(task.queries), at_most, seed)
    groups, texts = name_units(find_query_groups(task)[rows]), list(task.queries.take(rows))
    excluded = None if task.excluded is None else task.excluded[rows]
    with threadpool_limits(1):
        first = _search_without(model, texts, excluded)
        without, others = None, groups
        if unanswerable is None:
            relevant = (task.qrels[rows] > 0).astype(bool)
            out = relevant if excluded is None else (relevant + excluded.astype(bool)).astype(bool)
            without = _search_without(model, texts, sp.csr_array(out)).scores[:, 0]
        else:
            asked = draw_texts(unanswerable, list(task.queries), at_most, seed)
            asked = [mark_words(text) for text in asked] if model.takes_words else asked
            others = np.array([f"unanswerable {number}" for number in range(len(asked))])
            without = _search_without(model, asked, None).scores[:, 0]
    grades = task.qrels[rows]
    found = first.passages[:, 0]
    is_right = np.asarray([place >= 0 and grades[row, place] > 0 for row, place in enumerate(found)], dtype=bool)
    return BestScores(first.scores[:, 0], is_right, groups, without, others, model.measure)


def _search_without(model: TextSearch, queries: list[str], out: sp.csr_array | None) -> Hits:
    """Find the first passage of each query among all but some."""
    n_out = 0 if out is None or not len(queries) else int(np.diff(out.indptr).max())
    n_passages = len(model.passage_ids)
    if out is not None and n_out and not isinstance(model.index, MeasuredIndex):
        return _search_among(model, queries, out)
    k = min(n_out + 1, n_passages)
    step, found = max(1, _BLOCK_HITS // k), []
    for start in range(0, len(queries), step):
        hits = model.find_hits(queries[start : start + step], k)
        found.append(hits if out is None else _drop_hits(hits, out[start : start + step]))
    return _join_hits(found)


def _search_among(model: TextSearch, queries: list[str], out: sp.csr_array) -> Hits:
    """Search as if some passages were not there: scores of searches that are made of others depend on all that is found."""
    n_passages, found = out.shape[1], []
    step = max(1, _BLOCK_PAIRS // n_passages)
    for start in range(0, len(queries), step):
        kept = np.ones((len(queries[start : start + step]), n_passages), dtype=bool)
        kept[sp.coo_array(out[start : start + step]).coords] = False
        found.append(model.index.search_scored(queries[start : start + step], 1, sp.csr_array(kept)))
    return _join_hits(found)


def _drop_hits(hits: Hits, out: sp.csr_array) -> Hits:
    passages, scores = np.full((len(hits.passages), 1), -1, dtype=np.int64), np.full((len(hits.passages), 1), NOTHING)
    for row in range(len(hits.passages)):
        dropped = out.indices[out.indptr[row] : out.indptr[row + 1]]
        kept = np.flatnonzero(~np.isin(hits.passages[row], dropped) & (hits.passages[row] >= 0))
        if len(kept):
            passages[row, 0], scores[row, 0] = hits.passages[row, kept[0]], hits.scores[row, kept[0]]
    return Hits(passages, scores)


def _join_hits(found: list[Hits]) -> Hits:
    if not found:
        return Hits(np.zeros((0, 1), dtype=np.int64), np.zeros((0, 1)))
    return Hits(
        np.concatenate([each.passages[:, :1] for each in found]), np.concatenate([each.scores[:, :1] for each in found])
    )
