"""Fine-tuning on a task: the same folds as a frozen embedding meets, and nothing of a held-out unit is seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings import fine_tuning
from emb_pipeline.embeddings.options import FineTuningOptions, Options
from emb_pipeline.tasks.examples import ClassificationTask, RetrievalTask
from emb_pipeline.tasks.folds import duplicate_groups, folds_of
from emb_pipeline.tasks.options import ClassificationOptions, RetrievalOptions
from emb_pipeline.text.errors import DataError

if TYPE_CHECKING:
    from emb_pipeline.embeddings.encoder_folder import EncoderFolder
    from emb_pipeline.embeddings.word_vectors import WordVectors

PREDICTIONS = pa.schema([("unit_id", pa.string()), ("log_probabilities", pa.list_(pa.float32()))])


@dataclass(frozen=True)
class TunedOnTask:
    """An embedding that was adapted to a task.

    Attributes
    ----------
    artefact : WordVectors or EncoderFolder
        The tuned embedding; of a task that is evaluated by folds, the one of the first fold.
    predictions : Table
        What the tuned models with their heads say about each held-out unit; no rows where there is no head.
    record : list of dict
        Losses, validation scores and epochs of each training.
    """

    artefact: WordVectors | EncoderFolder
    predictions: pa.Table
    record: list[dict[str, Any]]


def tune_classification(
    task: ClassificationTask,
    base: WordVectors | EncoderFolder | None,
    *,
    dim: int | None,
    encoding: Options,
    options: FineTuningOptions,
    evaluation: ClassificationOptions,
    seed: int,
    folder: Path,
) -> TunedOnTask:
    """Train an embedding and a softmax head together, once for each fold.

    Parameters
    ----------
    task : ClassificationTask
        Labelled texts.
    base : WordVectors or EncoderFolder, optional
        What is tuned; None starts from random word vectors.
    dim : int, optional
        Numbers per random vector.
    encoding : Options
        How the base makes text vectors: pooling and, for an encoder, prompts and length.
    options : FineTuningOptions
        How it is trained.
    evaluation : ClassificationOptions
        The folds.
    seed : int
        Of folds and training.
    folder : Path
        Where an encoder is written.

    Returns
    -------
    TunedOnTask
    """
    folds = folds_of(task, duplicate_groups(task.texts), n_folds=evaluation.folds, seed=seed)
    units: list[str] = []
    logs: list[np.ndarray] = []
    records: list[dict[str, Any]] = []
    first = None
    for number, (train, test) in enumerate(folds):
        tuned = fine_tuning.tune_classifier(
            base,
            task.texts.take(train),
            task.codes[train],
            n_classes=len(task.classes),
            dim=dim,
            encoding=encoding,
            options=options,
            seed=seed,
            folder=folder if number == 0 else folder.with_name(f"{folder.name}.fold{number}"),
        )
        first = first or tuned
        units.extend(task.example_ids[test].tolist())
        logs.append(tuned.log_probabilities(task.texts.take(test)))
        records.append(tuned.tuned.record)
    assert first is not None
    predictions = pa.table({"unit_id": units, "log_probabilities": list(np.concatenate(logs))}, schema=PREDICTIONS)
    return TunedOnTask(first.tuned.artefact, predictions, records)


def tune_retrieval(
    task: RetrievalTask,
    base: EncoderFolder,
    *,
    dim: int | None,
    encoding: Options,
    options: FineTuningOptions,
    evaluation: RetrievalOptions,
    seed: int,
    folder: Path,
) -> TunedOnTask:
    """Train an encoder to place the passage that answers a training query nearest to it.

    Raises
    ------
    DataError
        The task has no training queries.
    """
    queries, passages = task.training_pairs
    if not len(queries):
        raise DataError(
            task.name, "has no training queries to tune on", "mark some as split: train, or tune on another task"
        )
    tuned = fine_tuning.tune_retriever(base, queries, passages, encoding=encoding, options=options, seed=seed, folder=folder)
    return TunedOnTask(tuned.artefact, PREDICTIONS.empty_table(), [tuned.record])
