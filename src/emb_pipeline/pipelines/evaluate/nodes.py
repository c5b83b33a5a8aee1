"""Steps of the evaluate stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.stored_encoders import StoredEncoder, StoredEncoders
from emb_pipeline.experiment.evaluation import CellScores, build_cell_scores, draw_unit_sample, evaluate_cell
from emb_pipeline.experiment.model import EmbeddingSpec, Folders, TaskDefinition
from emb_pipeline.pipelines.failures import contain_failures
from emb_pipeline.pipelines.gathering import split_inputs
from emb_pipeline.storage.failures import Failed
from emb_pipeline.storage.table_parts import TableParts
from emb_pipeline.tasks.cell_tables import CellResult, gather_embeddings, gather_tasks
from emb_pipeline.tasks.examples import paid_texts
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.tuned_predictions import select_predictions

Tables = Mapping[str, pa.Table]
BASE_TRAINING = "base_training_"
"""Prefix of those inputs of `collect_tasks` that are the trainings of what an embedding is made from."""
ESTIMATE = "estimate"
"""Prefix of those inputs of `evaluate_with_bases` that say what the services behind an embedding will ask for."""
ARTIFACTS = ("vectors", "encoder", "cross_encoder")
BASE = "base"


def name_base(number: int) -> str:
    """Name the specification of an embedding that another one builds on, and begin the names of what its training left."""
    return f"{BASE}{number}"


def is_base(name: str) -> bool:
    """Tell whether `name_base` gave a name."""
    return name.removeprefix(BASE).isdecimal()


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
def evaluate_untrained(task: Tables, cell: EmbeddingSpec, definition: TaskDefinition, folders: Folders) -> CellScores:
    """Evaluate an embedding without a training here: fitted on the task's own texts, a service's, or by chance."""
    return evaluate_cell(task, _build_encoder(cell, folders), cell, definition)


@contain_failures(4, on_task=True)
def evaluate_with_bases(
    task: Tables, cell: EmbeddingSpec, definition: TaskDefinition, folders: Folders, **left: Any
) -> CellScores:
    """Evaluate an embedding that builds on others: their specifications, and what their trainings left, by `name_base`.

    Nothing is sent where all that is to be sent to a service behind one of them exceeds its budget.
    """
    for name, estimate in left.items():
        if name.startswith(ESTIMATE):
            paid_texts.require_allowed(estimate)
    return evaluate_cell(task, _refer(cell, left).load(folders.encodings), cell, definition)


@contain_failures(1)
def estimate_cost(cell: EmbeddingSpec, folders: Folders, **parts: Any) -> pa.Table:
    """Estimate what a service will ask for the texts of all tasks that an embedding reads, before the first one is sent.

    These are its own tasks, and those of embeddings that build on it. Chunks count as the passages that they are of.
    """
    tasks = split_inputs(parts, "task_")
    return paid_texts.estimate_cost(_refer(cell, parts).load(folders.encodings), list(tasks.values()))


@contain_failures(4, on_task=True)
def evaluate_paid(
    task: Tables, estimate: pa.Table, cell: EmbeddingSpec, definition: TaskDefinition, folders: Folders
) -> CellScores:
    """Evaluate an embedding of a service, unless all that is to be sent exceeds its budget."""
    paid_texts.require_allowed(estimate)
    return evaluate_cell(task, _build_encoder(cell, folders), cell, definition)


@contain_failures(4, on_task=True)
def evaluate_predictions(task: Tables, predictions: Tables, cell: EmbeddingSpec, definition: TaskDefinition) -> CellScores:
    """Score what an embedding that was fine-tuned on this task predicts with its own head."""
    kind = KINDS[definition.kind]
    scored = kind.create_task(draw_unit_sample(task, definition), definition.name)
    if definition.test_share is not None:
        predictions = select_predictions(predictions, scored.example_ids)
    evaluation = kind.score_predictions(scored, predictions, definition.evaluation)
    return build_cell_scores(evaluation, task, cell, definition)


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
    left = {**parts, "vectors": vectors, "encoder": encoder}
    bases = [part for name, part in parts.items() if name.startswith(BASE_TRAINING)]
    return {
        **gather_tasks(results, training, bases),
        "encoders": _refer_to_encoder(cell, left),
    }


def _take_result(task: str, parts: Mapping[str, Any]) -> CellResult | Failed:
    record = parts[f"{task}_metrics"]
    if isinstance(record, Failed):
        return record
    leaves = (parts[f"{task}_{leaf}"] for leaf in ("item_scores", "training_draws", "predicted"))
    return CellResult(record, *leaves)


def _refer_to_encoder(cell: EmbeddingSpec, left: Mapping[str, Any]) -> StoredEncoders:
    """Refer to an embedding; to none whose training, or a training that it builds on, failed."""
    prefixes = ["", *(f"{name}_" for name in left if is_base(name))]
    if any(isinstance(left.get(f"{prefix}{artifact}"), Failed) for prefix in prefixes for artifact in ARTIFACTS):
        return StoredEncoders()
    return StoredEncoders((_refer(cell, left),))


def _refer(cell: EmbeddingSpec, left: Mapping[str, Any]) -> StoredEncoder:
    """Refer to an embedding with all that it builds on."""
    specs = [EmbeddingSpec.model_validate(value) for name, value in left.items() if is_base(name)]
    known = {spec.name: (spec, f"{name_base(number)}_") for number, spec in enumerate(specs)}

    def refer(spec: EmbeddingSpec, prefix: str) -> StoredEncoder:
        vectors, *encoders = (left.get(f"{prefix}{artifact}") for artifact in ARTIFACTS)
        encoder = next((each for each in encoders if each is not None), None)
        return StoredEncoder(
            spec.name,
            spec.method,
            spec.options,
            spec.dim,
            spec.seed,
            None if vectors is None else vectors.path,
            None if encoder is None else encoder.path,
            tuple(refer(*known[base]) for base in spec.bases),
        )

    return refer(cell, "")


def collect_embeddings(
    diagnosis: Tables | None = None, **cards: Mapping[str, Any]
) -> dict[str, pa.Table | TableParts | StoredEncoders]:
    """Gather the same of all embeddings of one origin, and the diagnosis of their word vectors."""
    encoders = StoredEncoders.join(card["encoders"] for card in cards.values())
    return {**gather_embeddings(list(cards.values()), diagnosis), "encoders": encoders}
