"""Fine-tuning an embedding on a task's training examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, EncoderTuningOptions
from emb_pipeline.embeddings.options import Options, TuningOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.splits.folds import draw_stratified_folds
from emb_pipeline.text.held_out import compute_telling_keys


@dataclass(frozen=True)
class Tunable:
    """An embedding, and how it is to be tuned.

    Attributes
    ----------
    base : WordVectors or EncoderFolder
        What is tuned.
    method : str
        The method that made it.
    options : Options
        That method's options: pooling, maximum length.
    tuning : TuningOptions
        How to tune.
    seed : int
        Of everything that is drawn.
    folder : Path
        A name for the tuned encoder that is free.
    encodings : Path, optional
        Store of what the frozen encoder has encoded.
    tested_elsewhere : frozenset of int
        Keys of the sentences that other tasks test it on (`emb_pipeline.text.held_out.compute_telling_keys`). No training
        example may hold one: its label would often be that task's answer.
    """

    base: WordVectors | EncoderFolder
    method: str
    options: Options
    tuning: TuningOptions
    seed: int
    folder: Path
    encodings: Path | None = None
    tested_elsewhere: frozenset[int] = frozenset()

    def select_learnable(self, task: str, rows: np.ndarray, *sides: Sequence[str]) -> np.ndarray:
        """Select those of a task's training examples that hold no sentence which another task tests it on.

        Parameters
        ----------
        task : str
            Name of the task that it is tuned on.
        rows : ndarray of shape (n_training,), int
            Positions of the training examples.
        *sides : sequence of str
            The texts of all examples.

        Raises
        ------
        DataError
            Next to nothing is left.
        """
        texts = [[side[row] for side in sides] for row in rows.tolist()]
        distinct = {text for parts in texts for text in parts}
        tested = {text for text in distinct if not self.tested_elsewhere.isdisjoint(compute_telling_keys(text))}
        left = rows[[tested.isdisjoint(parts) for parts in texts]]
        if len(left) < 2:
            raise DataError(
                task,
                f"{len(rows) - len(left)} of its {len(rows)} training examples hold a sentence that other tasks are tested "
                "on, so an embedding has nothing left to learn from",
                "name under evaluate_on: of grid.fine_tune the tasks that share no texts with it",
            )
        return left

    def encoder(self, tuned: WordVectors | EncoderFolder) -> Any:
        """Open the tuned embedding, ready to encode."""
        return factory.build_encoder(self.method, self.options, artifact=tuned)


@dataclass(frozen=True, eq=False)
class FineTuned:
    """A tuned embedding.

    Attributes
    ----------
    artifact : WordVectors or EncoderFolder
        It. Where the task is evaluated by folds, that of the first fold.
    predictions : dict of str to Table
        ``predictions`` and ``costs`` of the task's own test examples; empty where the task is scored by the vectors alone.
    losses : list of float
        Held-out losses of the best training (of the first fold), the first before training.
    n_learnt : int
        Training examples that it could learn from.
    n_left_out : int
        Training examples that were left out, since another task tests it on a sentence of theirs.
    """

    artifact: WordVectors | EncoderFolder
    predictions: dict[str, pa.Table]
    losses: list[float]
    n_learnt: int
    n_left_out: int


def require_transformer(tunable: Tunable, place: str) -> tuple[EncoderFolder, EncoderTuningOptions, EncoderOptions]:
    if not isinstance(tunable.base, EncoderFolder):
        raise DataError(place, "fine-tunes transformers alone", "take an encoder as base, or a classification task")
    return tunable.base, cast(EncoderTuningOptions, tunable.tuning), cast(EncoderOptions, tunable.options)


def choose_held_out(
    split: np.ndarray | None, codes: np.ndarray, groups: np.ndarray, tuning: TuningOptions, seed: int
) -> np.ndarray:
    """Choose the training examples that say when to stop: the split ``validation``, or a share in which all classes are."""
    if split is not None and (split == "validation").any():
        return np.asarray(split == "validation")
    return np.asarray(
        draw_stratified_folds(codes, groups, n_folds=max(2, round(1 / tuning.validation_share)), seed=seed) == 0
    )
