"""Steps of the evaluate stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings import registry
from emb_pipeline.embeddings.word_vectors import WordVectors
from emb_pipeline.experiment import EmbeddingCell, TaskDefinition
from emb_pipeline.tasks.registry import KINDS, Evaluation
from emb_pipeline.tasks.scores import stamped

Tables = Mapping[str, pa.Table]
Scored = tuple[pa.Table, dict[str, Any]]


def evaluate_trained(task: Tables, vectors: WordVectors, cell: EmbeddingCell, definition: TaskDefinition) -> Scored:
    """Evaluate an embedding that was trained, or loaded, beforehand."""
    return _evaluate(task, registry.encoder(cell.method, cell.options, vectors=vectors), cell, definition)


def evaluate_untrained(task: Tables, cell: EmbeddingCell, definition: TaskDefinition) -> Scored:
    """Evaluate an embedding that the task's own training texts, or nothing at all, determine."""
    encoder = registry.encoder(cell.method, cell.options, dim=cell.dim, seed=cell.seed)
    return _evaluate(task, encoder, cell, definition)


def _evaluate(tables: Tables, encoder: registry.Encoder, cell: EmbeddingCell, definition: TaskDefinition) -> Scored:
    kind = KINDS[definition.kind]
    with threadpool_limits(1):
        evaluation = kind.evaluate(
            kind.task(tables), encoder, definition.evaluation, seed=cell.seed, shuffle_labels=cell.shuffle_labels
        )
    return evaluation.item_scores, evaluation_record(evaluation, cell, definition)


def evaluation_record(evaluation: Evaluation, cell: EmbeddingCell, definition: TaskDefinition) -> dict[str, Any]:
    """What a cell scored and cost, for MLflow and the leaderboard."""
    return {
        "params": {
            "origin": cell.origin, "method": cell.method, "dim": evaluation.dim, "seed": cell.seed, "tuned": False,
        },
        "metrics": {
            **evaluation.metrics,
            "primary_metric": evaluation.metrics[KINDS[definition.kind].primary_metric],
            "encode_seconds": evaluation.encode_seconds,
            "fit_seconds": evaluation.fit_seconds,
            "bytes_per_item": evaluation.bytes_per_item,
        },
        "tags": {"kind": definition.kind, "options": cell.options.model_dump_json(), "details": evaluation.details},
    }
