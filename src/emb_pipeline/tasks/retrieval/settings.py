"""The choice of what a searcher leaves open (k1 and b of BM25, weights of a fusion).

No query has a say in the setting that it is scored with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Setting, Stage
from emb_pipeline.embeddings.ranking import hashes
from emb_pipeline.tasks.metrics.rankings import CUTOFF, grades_of_ranks, ndcg
from emb_pipeline.tasks.retrieval.judged import count_most_judged, find_judged
from emb_pipeline.tasks.retrieval.task import RetrievalTask

_Chosen: TypeAlias = dict[str, float | None]

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


@dataclass(frozen=True)
class Choice:
    """The setting that each query is searched with.

    Attributes
    ----------
    settings : sequence of Setting
        Those that some query is searched with.
    of_query : ndarray of shape (n_queries,), int64
        Number of each query's setting.
    details : dict
        How they were chosen, and ``setting``: the one to take for queries to come, chosen by all of ``chosen_on``.
    """

    settings: Sequence[Setting]
    of_query: np.ndarray
    details: dict[str, Any]


def choose_settings(task: RetrievalTask, stages: Sequence[Stage], groups: np.ndarray, *, is_judged: bool) -> Choice:
    """Choose the setting of each query by nDCG@10 of other queries, one stage after the other.

    Of a searcher that is made of others, the parts' own settings are chosen first, then what is left open given these.
    Training queries choose for all queries. Where there are too few, the queries of the other folds choose for each fold,
    all stages again: no query has a say in any stage of the setting that it is scored with.
    """
    n_tried = sum(len(stage.settings) for stage in stages)
    training = None if is_judged or task.training_qrels is None else _create_training_task(task)
    if training is not None and len(training.queries) >= FEWEST_TRAINING_QUERIES:
        nobody = np.zeros(len(training.queries), dtype=np.int64)
        setting, _ = _choose_by_stages(training, stages, nobody, is_judged=False)
        details = {"setting": setting, "settings_tried": n_tried, "chosen_on": "training queries"}
        return Choice([setting], np.zeros(len(task.queries), dtype=np.int64), details)
    folds = deal_folds(task.queries, groups)
    of_all, of_folds = _choose_by_stages(task, stages, folds, is_judged=is_judged)
    settings = [setting for number, setting in enumerate(of_folds) if setting not in of_folds[:number]]
    of_query = np.array([settings.index(setting) for setting in of_folds])[folds]
    counts = np.bincount(of_query, minlength=len(settings)).tolist()
    details = {
        "setting": of_all,
        "settings_tried": n_tried,
        "chosen_on": "all queries; for the score of each query, those of the other folds",
        "settings_of_queries": [{**setting, "n_queries": count} for setting, count in zip(settings, counts, strict=True)],
    }
    return Choice(settings, of_query, details)


def _choose_by_stages(
    task: RetrievalTask, stages: Sequence[Stage], folds: np.ndarray, *, is_judged: bool
) -> tuple[_Chosen, list[_Chosen]]:
    """Choose the setting by all queries, and that of each fold by the queries of the others."""
    of_all: _Chosen = {}
    of_folds: list[_Chosen] = [{} for _ in range(int(folds.max()) + 1)]
    for stage in stages:
        scored: list[tuple[_Chosen, np.ndarray]] = []
        for before in [of_all, *of_folds]:
            if before not in [each for each, _ in scored]:
                scored.append((before, _score_settings(task, stage, before, is_judged=is_judged)))
        made = []
        for number, before in enumerate(of_folds):
            values = next(values for each, values in scored if each == before)
            chosen = choose_across_folds(values, folds)[folds == number]
            made.append({**before, **stage.settings[int(chosen[0]) if len(chosen) else 0]})
        best = int(np.round(scored[0][1].mean(axis=1), 12).argmax())
        of_all, of_folds = {**of_all, **stage.settings[best]}, made
    return of_all, of_folds


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


def _score_settings(task: RetrievalTask, stage: Stage, before: Setting, *, is_judged: bool) -> np.ndarray:
    """Compute nDCG@10 of each query with each setting of a stage: shape (n_settings, n_queries)."""
    if is_judged:
        among = find_judged(task)
        rankings = stage.rank(before, task.queries, count_most_judged(among), among)
        grades = (grades_of_ranks(task.qrels, ranked)[:, :CUTOFF] for ranked in rankings)
    else:
        rankings = stage.rank(before, task.queries, count_asked(task, CUTOFF))
        grades = (grades_of_ranks(task.qrels, drop_excluded(ranked, task.excluded, CUTOFF)) for ranked in rankings)
    return np.array([ndcg(each, task.qrels, CUTOFF) for each in grades])


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
