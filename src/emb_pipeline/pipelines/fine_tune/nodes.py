"""Steps of the fine_tune stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from emb_pipeline.efficiency.footprint import Footprint
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import EmbeddingSpec, Folders, TaskDefinition
from emb_pipeline.experiment.training import build_training_record
from emb_pipeline.pipelines.failures import contain_failures
from emb_pipeline.storage.atomic import build_temporary_path
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text.held_out import compute_telling_keys, list_held_out_texts

Tables = Mapping[str, pa.Table]
Tuned = tuple[WordVectors | EncoderFolder, dict[str, Any]]


@contain_failures(2)
def fine_tune(
    task: Tables,
    base: WordVectors | EncoderFolder,
    cell: EmbeddingSpec,
    definition: TaskDefinition,
    folders: Folders,
    *others: Tables,
) -> Tuned:
    """Train an embedding on with a task's labels; the task is scored by the vectors alone."""
    artifact, record, _ = _fine_tune(task, base, cell, definition, folders, *others)
    return artifact, record


@contain_failures(3)
def fine_tune_and_predict(
    task: Tables,
    base: WordVectors | EncoderFolder,
    cell: EmbeddingSpec,
    definition: TaskDefinition,
    folders: Folders,
    *others: Tables,
) -> tuple[WordVectors | EncoderFolder, dict[str, Any], dict[str, pa.Table]]:
    """Train an embedding on with a task's labels, and let it predict the task's test examples.

    It learns nothing from examples with a sentence that it is tested on in one of the other tasks.
    """
    return _fine_tune(task, base, cell, definition, folders, *others)


def _fine_tune(
    task: Tables,
    base: WordVectors | EncoderFolder,
    cell: EmbeddingSpec,
    definition: TaskDefinition,
    folders: Folders,
    *others: Tables,
) -> tuple[WordVectors | EncoderFolder, dict[str, Any], dict[str, pa.Table]]:
    from emb_pipeline.tasks.fine_tuning import Tunable

    if cell.tuning is None:
        raise ValueError(f"{cell.name} has no options of fine-tuning")
    kind, folder = KINDS[definition.kind], build_temporary_path(folders.scratch / "encoder")
    tested = frozenset(key for other in others for text in list_held_out_texts(other) for key in compute_telling_keys(text))
    tunable = Tunable(base, cell.method, cell.options, cell.tuning, cell.seed, folder, folders.encodings, tested)
    with Footprint() as footprint:
        tuned = kind.tune_embedding(kind.create_task(task, definition.name), tunable, definition.evaluation)
    counts = {"training_examples": tuned.n_learnt, "left_out_examples": tuned.n_left_out}
    record = build_training_record(cell, tuned.artifact, footprint, losses=tuned.losses, counts=counts)
    return tuned.artifact, record, tuned.predictions
