"""Fine-tuning an encoder on texts with any number of labels each."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.options import EncoderTuningOptions
from emb_pipeline.embeddings.contextual.training.encoder_tuning import tune_on_label_sets
from emb_pipeline.embeddings.encodings.vectors import encode_texts
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import TextEncoder
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.fine_tuning import FineTuned, Tunable, choose_held_out, require_transformer
from emb_pipeline.tasks.fold_tuning import TunedFold, fine_tune_folds
from emb_pipeline.tasks.multi_label.options import MultiLabelOptions
from emb_pipeline.tasks.multi_label.probe import HALF, find_best_threshold, fit_label_probe
from emb_pipeline.tasks.multi_label.task import MultiLabelTask, find_strata


def fine_tune_multi_label(task: MultiLabelTask, tunable: Tunable, options: MultiLabelOptions) -> FineTuned:
    """Train an encoder and a linear layer together, for each fold on its training texts; the head starts as a probe.

    The threshold is chosen on the training texts that say when to stop.

    Parameters
    ----------
    task : MultiLabelTask
        Texts with labels.
    tunable : Tunable
        A transformer.
    options : MultiLabelOptions
        Folds, threshold, and how the probe is fitted that the head starts from.

    Returns
    -------
    FineTuned
        Predictions are margins, see `emb_pipeline.tasks.multi_label.evaluate.score_label_sets`.

    Raises
    ------
    DataError
        The base is no transformer, or its tuning options are for one class of each text.
    """
    _, tuning, _ = require_transformer(tunable, task.name)
    _require_labels(tuning, task.name)
    return fine_tune_folds(task, tunable, options, partial(_tune_on_fold, task, tunable, options))


def _require_labels(tuning: EncoderTuningOptions, place: str) -> None:
    """Refuse what has no meaning where a text has any number of labels."""
    for name, wanted in (("objective", "classes"), ("class_weights", "none")):
        found = getattr(tuning, name)
        if found != wanted:
            raise DataError(
                place, f"{name}: {found} is for tasks with one class a text", f"say '{name}: {wanted}' for multi_label"
            )


def _tune_on_fold(
    task: MultiLabelTask,
    tunable: Tunable,
    options: MultiLabelOptions,
    groups: np.ndarray,
    train: np.ndarray,
    folder: Path,
) -> TunedFold:
    texts, targets = task.texts.take(train), task.targets[train]
    base, tuning, encoder_options = require_transformer(tunable, task.name)
    split = None if task.split is None else task.split[train]
    held_out = choose_held_out(split, find_strata(targets), groups[train], tuning, tunable.seed)
    fitted = np.flatnonzero(~held_out)
    frozen = cast(
        TextEncoder, factory.build_encoder(tunable.method, tunable.options, artifact=base, encodings=tunable.encodings)
    )
    vectors, _ = encode_texts(frozen, texts.take(fitted), task.name)
    probe = fit_label_probe(vectors, targets[fitted], groups[train][fitted], options, seed=tunable.seed)
    tuned = tune_on_label_sets(
        base,
        encoder_options,
        texts,
        targets,
        held_out,
        tuning,
        seed=tunable.seed,
        folder=folder,
        head=probe.head(vectors.shape[1]),
    )
    head, threshold = cast(LinearHead, tuned.head), HALF
    if options.threshold == "f1":
        of_held_out, _ = encode_texts(tunable.encoder(tuned.encoder), texts.take(np.flatnonzero(held_out)), task.name)
        threshold = find_best_threshold(np.exp(head.label_log_probabilities(of_held_out)), targets[held_out])
    return TunedFold(tuned.encoder, lambda vectors: head.label_log_probabilities(vectors) - np.log(threshold), tuned.losses)
