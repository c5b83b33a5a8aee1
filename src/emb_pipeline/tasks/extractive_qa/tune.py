"""Fine-tuning a transformer on questions and the spans that answer them."""

from __future__ import annotations

from time import perf_counter
from typing import cast

import numpy as np
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, EncoderTuningOptions
from emb_pipeline.embeddings.contextual.span_reading import read_spans
from emb_pipeline.embeddings.contextual.training.encoder_tuning import tune_on_spans
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.tasks.extractive_qa.evaluate import find_held_out
from emb_pipeline.tasks.extractive_qa.options import ExtractiveOptions
from emb_pipeline.tasks.extractive_qa.task import ExtractiveTask
from emb_pipeline.tasks.fine_tuning import FineTuned, Tunable, require_transformer
from emb_pipeline.tasks.tuned_predictions import add_costs, build_predictions


def fine_tune_extractive_qa(task: ExtractiveTask, tunable: Tunable, options: ExtractiveOptions) -> FineTuned:
    """Train a transformer and a span head that read question and context together.

    Parameters
    ----------
    task : ExtractiveTask
        Questions with contexts and answers.
    tunable : Tunable
        A transformer.
    options : ExtractiveOptions
        Words of an answer at most, and the share of contexts that is held out, where no split ``validation`` is.
    """
    base, tuning, encoder_options = require_transformer(tunable, task.name)
    train, test = np.flatnonzero(task.split != "test"), np.flatnonzero(task.split == "test")
    contexts = [task.contexts[context] for context in task.context_of]
    learnable = tunable.select_learnable(task.name, train, task.questions, contexts)
    n_left_out, train = len(train) - len(learnable), learnable
    held_out = find_held_out(task, train, options.validation_share, np.random.default_rng(tunable.seed))

    def words(rows: np.ndarray) -> tuple[list[list[str]], list[list[str]]]:
        return [task.question_words[row] for row in rows], [task.words[task.context_of[row]].words for row in rows]

    with threadpool_limits(1):
        tuned = tune_on_spans(
            base,
            encoder_options,
            *words(train),
            task.spans[train],
            held_out,
            tuning,
            seed=tunable.seed,
            folder=tunable.folder,
        )
        started = perf_counter()
        encoder = ContextualEncoder(tuned.encoder, _limit_length(encoder_options, tuning))
        spans = read_spans(encoder, cast(LinearHead, tuned.head), *words(test), longest=options.max_answer_tokens)
        seconds = perf_counter() - started
    predictions = build_predictions(task.example_ids[test], spans.astype(np.float64))
    costs = add_costs(predictions, encoder.token_dim, seconds, 4.0 * encoder.token_dim)
    return FineTuned(tuned.encoder, costs, tuned.losses, len(train), n_left_out)


def _limit_length(options: EncoderOptions, tuning: EncoderTuningOptions) -> EncoderOptions:
    """Limit the options of reading to the length that was trained with."""
    if tuning.max_length is None:
        return options
    return options.model_copy(update={"max_length": min(tuning.max_length, options.max_length or tuning.max_length)})
