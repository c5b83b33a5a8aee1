"""The choice of what a searcher leaves open (k1 and b of BM25): no query has a say in the setting that it is scored with."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import (
    Setting,
    TunableIndex,
)
from emb_pipeline.embeddings.ranking import hashes
from emb_pipeline.tasks.metrics.rankings import CUTOFF, grades_of_ranks, ndcg
from emb_pipeline.tasks.retrieval.judged import grade_judged, score_ranks
from emb_pipeline.tasks.retrieval.task import RetrievalTask

N_FOLDS = 5
"""Folds of queries: those of each are searched with the setting that serves the queries of the others best."""


FEWEST_TRAINING_QUERIES = 50
"""Training queries from which on a searcher's setting is chosen on these, and not on folds of the queries."""


def drop_excluded(ranked: np.ndarray, excluded: sp.csr_array | None, k: int) -> np.ndarray:
    """Keep the first ``k`` passages of each ranking that are not excluded for its query; -1 where there are no more."""
    if excluded is None:
        return ranked[:, :k]
    kept = np.full((len(ranked), k), -1, dtype=np.int64)
    for query, found in enumerate(ranked):
        out = excluded.indices[excluded.indptr[query] : excluded.indptr[query + 1]]
        shown = found[~np.isin(found, out)][:k] if len(out) else found[:k]
        kept[query, : len(shown)] = shown
    return kept


def count_asked(task: RetrievalTask, k: int) -> int:
    """Count the passages to ask for, so that ``k`` are left where a query's own are not shown."""
    most_excluded = 0 if task.excluded is None else int(np.diff(task.excluded.indptr).max())
    return min(k + most_excluded, len(task.passages))


def choose_settings(
    task: RetrievalTask, index: TunableIndex, settings: Sequence[Setting], groups: np.ndarray, *, is_judged: bool
) -> tuple[np.ndarray, dict[str, Any]]:
    """Choose the number of each query's setting, and say which one to take for queries to come."""
    training = None if is_judged or task.training_qrels is None else _create_training_task(task)
    if training is not None and len(training.queries) >= FEWEST_TRAINING_QUERIES:
        values = _score_settings(training, index, settings, is_judged=False)
        best = int(values.mean(axis=1).argmax())
        facts = {"setting": dict(settings[best]), "settings_tried": len(settings), "chosen_on": "training queries"}
        return np.full(len(task.queries), best), facts
    values = _score_settings(task, index, settings, is_judged=is_judged)
    of_query = choose_across_folds(values, deal_folds(task.queries, groups))
    chosen, counts = np.unique(of_query, return_counts=True)
    return of_query, {
        "setting": dict(settings[int(values.mean(axis=1).argmax())]),
        "settings_tried": len(settings),
        "chosen_on": "queries of the other folds",
        "settings_of_queries": [
            {**settings[number], "n_queries": count} for number, count in zip(chosen.tolist(), counts.tolist(), strict=True)
        ],
    }


def _create_training_task(task: RetrievalTask) -> RetrievalTask:
    """Create the same passages, with those training queries that have an answer."""
    if task.training_qrels is None:
        raise ValueError(f"{task.name} has no training queries")
    answered = np.flatnonzero(np.asarray((task.training_qrels > 0).sum(axis=1)).ravel())
    return dataclasses.replace(
        task,
        query_ids=np.array([f"training {row}" for row in answered.tolist()]),
        queries=task.training_queries.take(answered),
        qrels=sp.csr_array(task.training_qrels)[answered],
        judged=None,
        excluded=None,
    )


def _score_settings(task: RetrievalTask, index: TunableIndex, settings: Sequence[Setting], *, is_judged: bool) -> np.ndarray:
    """Compute nDCG@10 of each query with each setting: shape (n_settings, n_queries)."""
    k = len(task.passages) if is_judged else count_asked(task, CUTOFF)
    values = np.empty((len(settings), len(task.queries)))
    for row, setting in enumerate(settings):
        ranked = index.at(setting).search(task.queries, k)
        if is_judged:
            grades = grade_judged(task, score_ranks(task, ranked))[:, :CUTOFF]
        else:
            grades = grades_of_ranks(task.qrels, drop_excluded(ranked, task.excluded, CUTOFF))
        values[row] = ndcg(grades, task.qrels, CUTOFF)
    return values


def deal_folds(queries: Sequence[str], groups: np.ndarray, n_folds: int = N_FOLDS) -> np.ndarray:
    """Deal groups of queries out to folds, by a hash of their words: the order of a file has no say.

    Parameters
    ----------
    queries : sequence of str
    groups : ndarray of shape (n_queries,)
        Queries of one group are in one fold.
    n_folds : int
        Folds; fewer where there are fewer groups.

    Returns
    -------
    ndarray of shape (n_queries,), int64
    """
    _, group_of = np.unique(groups, return_inverse=True)
    lowest = np.full(int(group_of.max()) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(lowest, group_of, hashes(queries))
    place = np.argsort(np.argsort(lowest, kind="stable"), kind="stable")
    return np.asarray((place % n_folds)[group_of], dtype=np.int64)


def choose_across_folds(values: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Choose a setting for each unit by the mean of the units in other folds.

    Parameters
    ----------
    values : ndarray of shape (n_settings, n_units)
        Higher is better.
    folds : ndarray of shape (n_units,), int64

    Returns
    -------
    ndarray of shape (n_units,), int64
        Number of the setting; the first of equally good ones, and where there is one fold alone.
    """
    chosen = np.zeros(values.shape[1], dtype=np.int64)
    for fold in np.unique(folds):
        others = folds != fold
        if others.any():
            chosen[~others] = np.round(values[:, others].mean(axis=1), 12).argmax()
    return chosen
