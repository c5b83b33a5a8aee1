"""Fine-tuning a transformer on tagged sentences."""

from __future__ import annotations

from time import perf_counter
from typing import cast

import numpy as np
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.training.encoder_tuning import tune_on_tags
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.tasks.fine_tuning import (
    FineTuned,
    Tunable,
    choose_held_out,
    require_transformer,
)
from emb_pipeline.tasks.probes.crf import find_best_allowed, find_tokens_of_sentences
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask
from emb_pipeline.tasks.tuned_predictions import add_costs, build_predictions


def fine_tune_sequence_labeling(task: SequenceLabelingTask, tunable: Tunable, options: SequenceLabelingOptions) -> FineTuned:
    """Train a transformer and a linear layer on its token vectors; tags are the best sequence that IOB2 allows.

    Parameters
    ----------
    task : SequenceLabelingTask
        Tagged sentences.
    tunable : Tunable
        A transformer.
    options : SequenceLabelingOptions
        Share of the training sentences that is held out, where no split ``validation`` is.
    """
    base, tuning, encoder_options = require_transformer(tunable, task.name)
    train, test = np.flatnonzero(task.split != "test"), np.flatnonzero(task.split == "test")
    learnable = tunable.select_learnable(task.name, train, [" ".join(tokens) for tokens in task.sentences])
    n_left_out, train = len(train) - len(learnable), learnable
    held_out = choose_held_out(task.split[train], np.zeros(len(train), dtype=int), task.groups[train], tuning, tunable.seed)
    with threadpool_limits(1):
        tuned = tune_on_tags(
            base,
            encoder_options,
            [task.sentences[row] for row in train],
            [task.codes[task.starts[row] : task.starts[row + 1]] for row in train],
            held_out,
            len(task.labels),
            tuning,
            seed=tunable.seed,
            folder=tunable.folder,
        )
        encoder = cast(ContextualEncoder, tunable.encoder(tuned.encoder))
        (rows, seconds) = _encode_tokens(encoder, [task.sentences[row] for row in test])
    _, starts = find_tokens_of_sentences(task.starts, test)
    codes = find_best_allowed(cast(LinearHead, tuned.head).log_probabilities(rows), starts, task.allowed)
    predictions = build_predictions(task.example_ids[test], np.split(codes.astype(np.float64), starts[1:-1]))
    costs = add_costs(predictions, encoder.token_dim, seconds, bytes_per_vector(rows))
    return FineTuned(tuned.encoder, costs, tuned.losses, len(train), n_left_out)


def _encode_tokens(encoder: ContextualEncoder, sentences: list[list[str]]) -> tuple[np.ndarray, float]:
    started = perf_counter()
    rows = np.concatenate(encoder.encode_tokens(sentences))
    return rows, perf_counter() - started
