"""Fine-tuning a transformer on queries and their relevant passages."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.contextual.training.encoder_tuning import TunedEncoder, tune_on_pairs
from emb_pipeline.embeddings.learned.tuning import tune_sparse_encoder, tune_token_encoder
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.cross_encoder_tuning import tune_cross_encoder
from emb_pipeline.embeddings.retrieval.options import RankingTuningOptions
from emb_pipeline.embeddings.retrieval.ranking_examples import RankingExamples
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.fine_tuning import FineTuned, Tunable, choose_held_out, require_transformer
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.splits.folds import find_duplicate_groups
from emb_pipeline.text.texts import Texts

_BY_RANKING: dict[str, Callable[..., TunedEncoder]] = {
    "cross_encoder": tune_cross_encoder,
    "sparse_encoder": tune_sparse_encoder,
    "token_encoder": tune_token_encoder,
}
"""What trains each part that learns from negatives of BM25 (`Method.tuned_part`); other encoders learn from pairs."""


def fine_tune_retrieval(task: RetrievalTask, tunable: Tunable, options: RetrievalOptions) -> FineTuned:
    """Train a transformer on the task's training queries and their relevant passages.

    Parameters
    ----------
    task : RetrievalTask
        With training queries.
    tunable : Tunable
        A transformer.
    options : RetrievalOptions
        Not needed.

    Raises
    ------
    DataError
        The task has no training queries.
    """
    if (train := _BY_RANKING.get(METHODS[tunable.method].tuned_part)) is not None:
        return _tune_by_ranking(task, tunable, train)
    base, tuning, encoder_options = require_transformer(tunable, task.name)
    queries, passages = task.training_pairs()
    _require_queries(queries, task.name)
    kept = tunable.select_learnable(task.name, np.arange(len(queries)), queries, passages)
    n_left_out = len(queries) - len(kept)
    queries, passages = queries.take(kept), passages.take(kept)
    groups = find_duplicate_groups(queries)
    held_out = choose_held_out(None, np.zeros(len(groups), dtype=int), groups, tuning, tunable.seed)
    with threadpool_limits(1):
        tuned = tune_on_pairs(
            base, encoder_options, queries, passages, held_out, tuning, seed=tunable.seed, folder=tunable.folder
        )
    return FineTuned(tuned.encoder, {}, tuned.losses, len(queries), n_left_out)


def _tune_by_ranking(task: RetrievalTask, tunable: Tunable, train: Callable[..., TunedEncoder]) -> FineTuned:
    """Train a model on training queries, their relevant passages, and others that BM25 takes for relevant."""
    tuning = cast(RankingTuningOptions, tunable.tuning)
    examples, n_left_out = gather_ranking_examples(task, tunable, tuning.negatives_depth)
    groups = find_duplicate_groups(examples.queries)
    held_out = choose_held_out(None, np.zeros(len(groups), dtype=int), groups, tuning, tunable.seed)
    with threadpool_limits(1):
        tuned = train(tunable.base, tunable.options, examples, held_out, tuning, seed=tunable.seed, folder=tunable.folder)
    return FineTuned(tuned.encoder, {}, tuned.losses, len(examples.queries), n_left_out)


def gather_ranking_examples(task: RetrievalTask, tunable: Tunable, depth: int) -> tuple[RankingExamples, int]:
    """Gather what a model that ranks learns from, and count the pairs that are left out.

    Passages that answer an evaluated query are neither relevant nor irrelevant here: a model learns nothing of them.

    Parameters
    ----------
    task : RetrievalTask
        With training queries.
    tunable : Tunable
        Says what other tasks test.
    depth : int
        Places of BM25's ranking whose irrelevant passages look relevant.

    Raises
    ------
    DataError
        No training queries, or no passage that is irrelevant to them.
    """
    rows, columns = task.training_rows()
    queries = task.training_queries.take(rows)
    _require_queries(queries, task.name)
    kept = tunable.select_learnable(task.name, np.arange(len(queries)), queries, task.passages.take(columns))
    others = np.flatnonzero(~task.is_answer)
    relevant = sp.csr_array(cast(sp.csr_array, task.training_qrels) > 0)
    judged = [relevant.indices[relevant.indptr[row] : relevant.indptr[row + 1]] for row in rows[kept].tolist()]
    if any(len(np.setdiff1d(others, of_query)) == 0 for of_query in judged):
        raise DataError(task.name, "has a training query that no passage is irrelevant to", "leave it out of grid.fine_tune")
    found = Bm25().index(task.passages).search(task.training_queries, depth)[rows[kept]]
    hard = [
        places[np.isin(places, others) & ~np.isin(places, of_query)] for places, of_query in zip(found, judged, strict=True)
    ]
    examples = RankingExamples(queries.take(kept), columns[kept], task.passages, hard, others, judged)
    return examples, len(queries) - len(kept)


def _require_queries(queries: Texts, place: str) -> None:
    if len(queries) < 2:
        raise DataError(
            place, "has no training queries", "give queries a split 'train', or set training_queries of its source"
        )
