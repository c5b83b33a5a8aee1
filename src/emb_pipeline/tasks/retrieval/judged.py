"""Rankings of the judged passages alone."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from emb_pipeline.tasks.retrieval.task import RetrievalTask


def find_judged(task: RetrievalTask) -> sp.csr_array:
    """Find the pairs that were judged: shape (n_queries, n_passages), bool."""
    return sp.csr_array(task.qrels > 0) if task.judged is None else task.judged


def count_most_judged(judged: sp.csr_array) -> int:
    """Count the judged passages of the query that has most of them."""
    return int(np.diff(judged.indptr).max())


def list_judged_pairs(task: RetrievalTask) -> tuple[np.ndarray, np.ndarray]:
    judged = find_judged(task)
    return np.repeat(np.arange(judged.shape[0]), np.diff(judged.indptr)), judged.indices


def grade_judged(task: RetrievalTask, scores: np.ndarray) -> np.ndarray:
    rows, columns = list_judged_pairs(task)
    n_judged = np.bincount(rows, minlength=task.qrels.shape[0])
    order = np.lexsort((columns, task.ties.keys(rows, columns), -scores, rows))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(n_judged) - n_judged, n_judged)
    grades = np.zeros((len(n_judged), int(n_judged.max())))
    grades[rows, place] = np.asarray(task.qrels[rows, columns[order]]).ravel()
    return grades
