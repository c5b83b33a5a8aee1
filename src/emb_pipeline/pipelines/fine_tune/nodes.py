"""Steps of the fine-tuning stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from emb_pipeline.atomic import temporary_path
from emb_pipeline.efficiency.footprint import Footprint
from emb_pipeline.embeddings.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.word_vectors import WordVectors
from emb_pipeline.experiment import EmbeddingCell, Folders, TaskDefinition
from emb_pipeline.pipelines.train.nodes import encoder_record, vectors_record
from emb_pipeline.tasks.registry import KINDS

Tables = Mapping[str, pa.Table]
Base = WordVectors | EncoderFolder | None
Tuned = tuple[Any, dict[str, Any], pa.Table]


def fine_tune_vectors(
    task: Tables, base: WordVectors, cell: EmbeddingCell, definition: TaskDefinition, folders: Folders
) -> Tuned:
    """Train word vectors and a head together on a task."""
    return _fine_tune(task, base, cell, definition, folders)


def fine_tune_encoder(
    task: Tables, base: EncoderFolder, cell: EmbeddingCell, definition: TaskDefinition, folders: Folders
) -> Tuned:
    """Train an encoder and a head together on a task."""
    return _fine_tune(task, base, cell, definition, folders)


def fine_tune_from_scratch(task: Tables, cell: EmbeddingCell, definition: TaskDefinition, folders: Folders) -> Tuned:
    """Train word vectors that start as random numbers, and a head, on a task."""
    return _fine_tune(task, None, cell, definition, folders)


def _fine_tune(tables: Tables, base: Base, cell: EmbeddingCell, definition: TaskDefinition, folders: Folders) -> Tuned:
    kind = KINDS[definition.kind]
    with Footprint() as footprint:
        tuned = kind.tune(
            kind.task(tables, definition.name),
            base,
            dim=cell.dim,
            encoding=cell.options,
            options=cell.fine_tuning,
            evaluation=definition.evaluation,
            seed=cell.seed,
            folder=temporary_path(folders.scratch / "encoder"),
        )
    record = (vectors_record if isinstance(tuned.artefact, WordVectors) else encoder_record)(
        cell, tuned.artefact, footprint, None
    )
    return tuned.artefact, record, tuned.predictions
