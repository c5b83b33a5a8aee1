"""Fine-tuning an embedding on texts, for each fold on its training part."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.corrupt.typos import choose_test_texts
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector, encode_texts
from emb_pipeline.embeddings.protocols import TextEncoder, Vectors
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.tasks.fine_tuning import FineTuned, Tunable
from emb_pipeline.tasks.options import FoldOptions
from emb_pipeline.tasks.splits.example_folds import Examples, draw_folds, find_fold_groups
from emb_pipeline.tasks.tuned_predictions import add_costs, build_predictions


@dataclass(frozen=True, eq=False)
class TunedFold:
    """An embedding that was tuned on the training part of one fold.

    Attributes
    ----------
    artifact : WordVectors or EncoderFolder
        The tuned embedding.
    predict : callable
        Gives the values of `emb_pipeline.tasks.tuned_predictions.PREDICTIONS` of some vectors: shape (n_texts, n_values).
    losses : list of float
        Held-out losses, the first before training.
    """

    artifact: WordVectors | EncoderFolder
    predict: Callable[[Vectors], np.ndarray]
    losses: list[float]


TuneFold: TypeAlias = Callable[[np.ndarray, np.ndarray, Path], TunedFold]
"""Tunes on one fold. It takes the groups of all examples, the positions of the training part, and a name for the tuned
encoder that is free."""
VisitFold: TypeAlias = Callable[[TextEncoder, TunedFold, np.ndarray], None]
"""Does what else there is to do with a fold's embedding before it is removed. It takes its encoder, the fold and the
positions of its test part."""


def fine_tune_folds(
    task: Examples, tunable: Tunable, options: FoldOptions, tune_fold: TuneFold, visit: VisitFold | None = None
) -> FineTuned:
    """Tune an embedding for each fold on its training texts, and let it predict the test texts.

    Parameters
    ----------
    task : Examples
        The texts.
    tunable : Tunable
        What is tuned.
    options : FoldOptions
        Folds, and whether test texts are misspelt.
    tune_fold : callable
        See `TuneFold`.
    visit : callable, optional
        See `VisitFold`.

    Returns
    -------
    FineTuned
        With the embedding of the first fold.
    """
    with threadpool_limits(1):
        groups, tested = find_fold_groups(task, options), choose_test_texts(task.texts, options.typos)
        folds = draw_folds(task, groups, n_folds=options.folds, seed=tunable.seed)
        trained_on = np.unique(np.concatenate([train for train, _ in folds]))
        learnable = tunable.select_learnable(task.name, trained_on, task.texts)
        folds = [(np.intersect1d(train, learnable), test) for train, test in folds]
        names = [tunable.folder, *(tunable.folder.with_name(f"{tunable.folder.name}-fold{n}") for n in range(1, len(folds)))]
        made = [tune_fold(groups, train, name) for (train, _), name in zip(folds, names, strict=True)]
        parts, seconds, size, dim = [], 0.0, 0.0, 0
        for number, ((_, test), fold) in enumerate(zip(folds, made, strict=True)):
            encoder = tunable.encoder(fold.artifact)
            vectors, spent = encode_texts(encoder, tested.take(test), task.name)
            if visit is not None:
                visit(encoder, fold, test)
            parts.append(build_predictions(task.example_ids[test], fold.predict(vectors)))
            seconds, size, dim = seconds + spent, bytes_per_vector(vectors), int(vectors.shape[1])
            if number and isinstance(fold.artifact, EncoderFolder):
                shutil.rmtree(fold.artifact.path)
    costs = add_costs(pa.concat_tables(parts), dim, seconds, size)
    return FineTuned(made[0].artifact, costs, made[0].losses, len(learnable), len(trained_on) - len(learnable))
