"""The ranking of another search engine, as TREC writes it, scored on a task."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import numpy as np

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.lines import lines
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.retrieval.evaluate import find_query_groups, score_ranking
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.settings import drop_excluded
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.scores import build_item_scores


def evaluate_trec_run(task: RetrievalTask, path: Path, options: RetrievalOptions) -> Evaluation:
    """Score a file of TREC: query, Q0, passage, rank, score and tag in each line, between white space [1]_.

    As in trec_eval the scores make the ranking, not the ranks; equal scores are ordered as those of an embedding are
    (`emb_pipeline.embeddings.ranking.TieOrder`). A query without a line has found nothing. Lines of queries that the task
    does not evaluate are passed over.

    Parameters
    ----------
    task : RetrievalTask
        Queries, passages, judgments.
    path : Path
        The file, plain or packed.
    options : RetrievalOptions
        Cutoff of recall.

    Returns
    -------
    Evaluation
        As `emb_pipeline.tasks.retrieval.evaluate.evaluate_retrieval` gives it; there are no vectors, and no time is known.

    Raises
    ------
    DataError
        A line does not have six fields, a score is no number, a passage is unknown or ranked twice, or no query is the
        task's.

    References
    ----------
    .. [1] trec_eval, https://github.com/usnistgov/trec_eval
    """
    found = _read_scores(task, NamedFile(path, str(path)))
    if not found:
        raise DataError(str(path), f"it ranks for no query of '{task.name}'", "check which ids its first column has")
    ranked = np.full((len(task.queries), max(map(len, found.values()))), -1, dtype=np.int64)
    for query, score_of in found.items():
        passages, scores = np.array(list(score_of)), np.array(list(score_of.values()))
        order = np.lexsort((passages, task.ties.keys(query, passages), -scores))
        ranked[query, : len(order)] = passages[order]
    values = score_ranking(task, drop_excluded(ranked, task.excluded, ranked.shape[1]), options)
    return Evaluation(
        item_scores=build_item_scores(task.query_ids, task.query_ids[find_query_groups(task)], values),
        metrics={name: float(scores.mean()) for name, scores in values.items()},
        dim=0,
        encode_seconds=math.nan,
        fit_seconds=math.nan,
        bytes_per_item=math.nan,
        details={"n_queries": len(task.queries), "n_passages": len(task.passages), "n_queries_ranked": len(found)},
    )


def _read_scores(task: RetrievalTask, file: NamedFile) -> dict[int, dict[int, float]]:
    """Read passage and score by query, all by their rows."""
    row_of_query = {name: row for row, name in enumerate(task.query_ids.tolist())}
    row_of_passage = {name: row for row, name in enumerate(task.passage_ids.tolist())}
    found: dict[int, dict[int, float]] = defaultdict(dict)
    for number, line in enumerate(lines(file, "utf-8"), 1):
        fields, place = line.split(), f"{file.name}, row {number}"
        if not fields:
            continue
        if len(fields) != 6:
            remedy = "write query, Q0, passage, rank, score and tag"
            raise DataError(place, f"it has {len(fields)} fields, not the six of TREC's runs", remedy)
        query_id, _, passage_id, _, given, _ = fields
        if query_id not in row_of_query:
            continue
        if passage_id not in row_of_passage:
            raise DataError(
                place, f"passage '{passage_id}' is not in the task", "search the passages of the task, and no others"
            )
        query, passage = row_of_query[query_id], row_of_passage[passage_id]
        if passage in found[query]:
            raise DataError(place, f"passage '{passage_id}' is ranked twice for '{query_id}'", "drop one of the rows")
        found[query][passage] = _score(given, place)
    return found


def _score(value: str, place: str) -> float:
    try:
        score = float(value)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise DataError(place, f"score '{value}' is no number", "write a number: the higher, the better")
    return score
