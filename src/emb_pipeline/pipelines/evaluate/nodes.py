"""Steps of the evaluate stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.stored_encoders import StoredEncoder, StoredEncoders
from emb_pipeline.experiment.evaluation import CellScores, build_cell_scores, evaluate_cell
from emb_pipeline.experiment.model import EmbeddingSpec, Folders, TaskDefinition
from emb_pipeline.pipelines.failures import contain_failures
from emb_pipeline.storage.failures import Failed
from emb_pipeline.storage.table_parts import TableParts
from emb_pipeline.tasks.cell_tables import CellResult, gather_embeddings, gather_tasks
from emb_pipeline.tasks.registry import KINDS

Tables = Mapping[str, pa.Table]
BASE_TRAINING = "base_training_"
"""Prefix of those inputs of `collect_tasks` that are the trainings of an embedding's bases."""


@contain_failures(4, on_task=True)
def evaluate_trained(task: Tables, vectors: WordVectors, cell: EmbeddingSpec, definition: TaskDefinition) -> CellScores:
    """Evaluate an embedding that was trained, or loaded, beforehand."""
    return evaluate_cell(task, _build_encoder(cell, artifact=vectors), cell, definition)


@contain_failures(4, on_task=True)
def evaluate_encoder(
    task: Tables, encoder: EncoderFolder, cell: EmbeddingSpec, definition: TaskDefinition, folders: Folders
) -> CellScores:
    """Evaluate an encoder; what it has encoded before, for any task or run, is not encoded again."""
    return evaluate_cell(task, _build_encoder(cell, folders, encoder), cell, definition)


@contain_failures(4, on_task=True)
def evaluate_untrained(
    task: Tables, cell: EmbeddingSpec, definition: TaskDefinition, folders: Folders | None = None
) -> CellScores:
    """Evaluate an embedding without a training here: fitted on the task's own texts, a service's, or by chance."""
    return evaluate_cell(task, _build_encoder(cell, folders), cell, definition)


@contain_failures(4, on_task=True)
def evaluate_with_base(
    task: Tables,
    cell: EmbeddingSpec,
    definition: TaskDefinition,
    base: EmbeddingSpec,
    folders: Folders,
    vectors: WordVectors | None = None,
    encoder: EncoderFolder | None = None,
) -> CellScores:
    """Evaluate another embedding with what a method adds to it."""
    text = _build_encoder(base, folders, vectors if vectors is not None else encoder)
    return evaluate_cell(task, factory.build_encoder(cell.method, cell.options, text=text), cell, definition)


@contain_failures(4, on_task=True)
def evaluate_predictions(task: Tables, predictions: Tables, cell: EmbeddingSpec, definition: TaskDefinition) -> CellScores:
    """Score what an embedding that was fine-tuned on this task predicts with its own head."""
    kind = KINDS[definition.kind]
    return build_cell_scores(kind.score_predictions(kind.create_task(task, definition.name), predictions), cell, definition)


def _build_encoder(
    cell: EmbeddingSpec,
    folders: Folders | None = None,
    artifact: WordVectors | EncoderFolder | None = None,
) -> Any:
    return factory.build_encoder(
        cell.method,
        cell.options,
        dim=cell.dim,
        seed=cell.seed,
        artifact=artifact,
        encodings=folders.encodings if folders else None,
    )


def collect_tasks(
    cell: EmbeddingSpec,
    base: EmbeddingSpec | None = None,
    vectors: WordVectors | Failed | None = None,
    encoder: EncoderFolder | Failed | None = None,
    training: Mapping[str, Any] | Failed | None = None,
    **parts: Any,
) -> dict[str, pa.Table | TableParts | StoredEncoders]:
    """Gather what one embedding scored and cost on all its tasks, where it failed, and what its training left.

    Item scores, training draws, word vectors and encoders are referred to: each is stored once.
    """
    tasks = [name.removesuffix("_metrics") for name in parts if name.endswith("_metrics")]
    results = [_take_result(task, parts) for task in tasks]
    bases = [part for name, part in parts.items() if name.startswith(BASE_TRAINING)]
    return {**gather_tasks(results, training, bases), "encoders": _refer_to_encoder(cell, base, vectors, encoder)}


def _take_result(task: str, parts: Mapping[str, Any]) -> CellResult | Failed:
    record = parts[f"{task}_metrics"]
    if isinstance(record, Failed):
        return record
    leaves = (parts[f"{task}_{leaf}"] for leaf in ("item_scores", "training_draws", "predicted"))
    return CellResult(record, *leaves)


def _refer_to_encoder(
    cell: EmbeddingSpec,
    base: EmbeddingSpec | None,
    vectors: WordVectors | Failed | None,
    encoder: EncoderFolder | Failed | None,
) -> StoredEncoders:
    """Refer to an embedding; with a base, vectors and encoder are those of the base. None to one that failed."""
    if isinstance(vectors, Failed) or isinstance(encoder, Failed):
        return StoredEncoders()
    trained = base or cell
    stored = StoredEncoder(
        trained.name,
        trained.method,
        trained.options,
        trained.dim,
        trained.seed,
        None if vectors is None else vectors.path,
        None if encoder is None else encoder.path,
    )
    if base is None:
        return StoredEncoders((stored,))
    return StoredEncoders((StoredEncoder(cell.name, cell.method, cell.options, cell.dim, cell.seed, base=stored),))


def collect_embeddings(
    diagnosis: Tables | None = None, **cards: Mapping[str, Any]
) -> dict[str, pa.Table | TableParts | StoredEncoders]:
    """Gather the same of all embeddings of one origin, and the diagnosis of their word vectors."""
    encoders = StoredEncoders.join(card["encoders"] for card in cards.values())
    return {**gather_embeddings(list(cards.values()), diagnosis), "encoders": encoders}
