"""Fine-tuning a transformer on queries and their relevant passages."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.contextual.encoder_tuning import tune_on_pairs
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.fine_tuning import FineTuned, Tunable, choose_held_out, require_transformer
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.splits.folds import find_duplicate_groups


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
    base, tuning, encoder_options = require_transformer(tunable, task.name)
    queries, passages = task.training_pairs()
    if len(queries) < 2:
        raise DataError(
            task.name, "has no training queries", "give queries a split 'train', or set training_queries of its source"
        )
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
