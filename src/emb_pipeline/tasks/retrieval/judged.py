"""Rankings of the judged passages alone."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from emb_pipeline.tasks.retrieval.task import RetrievalTask


def list_judged_pairs(task: RetrievalTask) -> tuple[np.ndarray, np.ndarray]:
    judged = sp.csr_array(task.qrels > 0) if task.judged is None else task.judged
    return np.repeat(np.arange(judged.shape[0]), np.diff(judged.indptr)), judged.indices


def score_ranks(task: RetrievalTask, ranked: np.ndarray) -> np.ndarray:
    """Give each judged pair a score that puts them in the order of rankings of all passages."""
    rows, columns = list_judged_pairs(task)
    return np.asarray(-np.argsort(ranked, axis=1)[rows, columns], dtype=np.float64)


def grade_judged(task: RetrievalTask, scores: np.ndarray) -> np.ndarray:
    rows, columns = list_judged_pairs(task)
    n_judged = np.bincount(rows, minlength=task.qrels.shape[0])
    order = np.lexsort((columns, task.ties.keys(rows, columns), -scores, rows))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(n_judged) - n_judged, n_judged)
    grades = np.zeros((len(n_judged), int(n_judged.max())))
    grades[rows, place] = np.asarray(task.qrels[rows, columns[order]]).ravel()
    return grades
