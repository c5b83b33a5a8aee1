"""Steps of the evaluate stage."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from emb_pipeline.datasets.failures import Failed
from emb_pipeline.diagnostics.tables import DIAGNOSIS
from emb_pipeline.embeddings import registry
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.tokenizer_fit import measure_tokenizer
from emb_pipeline.embeddings.options import ReducedOptions
from emb_pipeline.embeddings.protocols import details_of, model_of
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import EmbeddingSpec, Folders, TaskDefinition
from emb_pipeline.experiment.schema import Resample
from emb_pipeline.pipelines.failures import FAILURES, contained, failures_table
from emb_pipeline.statistics.costs import OF_EVALUATION
from emb_pipeline.storage.table_parts import TableParts
from emb_pipeline.tasks.coverage import LOW_COVERAGE, coverage_details, measure_coverage
from emb_pipeline.tasks.examples.cut_texts import measure_cut_texts
from emb_pipeline.tasks.metrics.class_results import (
    CLASS_RESULTS,
    CONFUSIONS,
    PREDICTED,
    compute_class_results,
    count_confusions,
)
from emb_pipeline.tasks.registry import KINDS, Evaluation
from emb_pipeline.tasks.scores import ITEM_SCORES, MEASURED_DRAWS, TRAINING_DRAWS, build_training_draws, stamp_item_scores
from emb_pipeline.text.texts import sample_of_texts

_log = logging.getLogger(__name__)
Tables = Mapping[str, pa.Table]
Scored = tuple[pa.Table, dict[str, Any], pa.Table, pa.Table]
SCORES_PART, PREDICTED_PART, DRAWS_PART = "_item_scores", "_predicted", "_training_draws"
SPARSE = "sparse"
"""Dimension of embeddings without one, as an axis in MLflow: 80,000 columns beside 100 would flatten all others."""
BASE_TRAINING = "base_training_"
"""What the inputs of `collect_tasks` begin with that are the trainings of an embedding's bases."""
KNOWN = ("known_tokens", "known_types", "cut_share", "max_length")
"""Shares of a task's running and different words that word vectors know; the share of its texts that a model does not read
to their end, and the sub-words that it reads of each: facts next to the metrics."""
LABEL_DRAWS = pa.schema(
    [
        ("embedding", pa.string()),
        ("family", pa.string()),
        ("task", pa.string()),
        ("n_labels", pa.int64()),
        ("label_fraction", pa.float64()),
        ("folds", pa.int64()),
        ("draw", pa.int64()),
        ("value", pa.float64()),
    ]
)
CELLS = pa.schema(
    [
        *(
            (name, pa.string())
            for name in (
                "embedding",
                "family",
                "task",
                "kind",
                "origin",
                "method",
                "grid_dim",
                "metric",
                "options",
                "languages",
                "mlflow_run_id",
            )
        ),
        ("setting", pa.string()),
        *((name, pa.int64()) for name in ("dim", "seed", "corpus_tokens", "vocabulary", "peak_rss_bytes", "bytes")),
        *(
            (name, pa.float64())
            for name in ("value", "final_loss", "train_seconds", "own_train_seconds", *OF_EVALUATION, *KNOWN)
        ),
        ("tuned", pa.bool_()),
    ]
)


@contained(4, on_task=True)
def evaluate_trained(task: Tables, vectors: WordVectors, cell: EmbeddingSpec, definition: TaskDefinition) -> Scored:
    """Evaluate an embedding that was trained, or loaded, beforehand."""
    return _evaluate(task, _encoder(cell, vectors=vectors), cell, definition)


@contained(4, on_task=True)
def evaluate_encoder(
    task: Tables, encoder: EncoderFolder, cell: EmbeddingSpec, definition: TaskDefinition, folders: Folders
) -> Scored:
    """Evaluate an encoder; what it has encoded before, for any task or run, is not encoded again."""
    return _evaluate(task, _encoder(cell, folders, encoder=encoder), cell, definition)


@contained(4, on_task=True)
def evaluate_untrained(task: Tables, cell: EmbeddingSpec, definition: TaskDefinition) -> Scored:
    """Evaluate an embedding that the task's own training texts, or nothing at all, determine."""
    return _evaluate(task, _encoder(cell), cell, definition)


@contained(4, on_task=True)
def evaluate_with_base(
    task: Tables,
    cell: EmbeddingSpec,
    definition: TaskDefinition,
    base: EmbeddingSpec,
    folders: Folders,
    vectors: WordVectors | None = None,
    encoder: EncoderFolder | None = None,
) -> Scored:
    """Evaluate another embedding with what a method adds to it."""
    text = _encoder(base, folders, vectors, encoder)
    return _evaluate(task, registry.encoder(cell.method, options=cell.options, text=text), cell, definition)


@contained(4, on_task=True)
def evaluate_predictions(task: Tables, predictions: Tables, cell: EmbeddingSpec, definition: TaskDefinition) -> Scored:
    """Score what an embedding that was fine-tuned on this task predicts with its own head."""
    kind = KINDS[definition.kind]
    return _scored(kind.score_predictions(kind.create_task(task, definition.name), predictions), cell, definition)


def _encoder(
    cell: EmbeddingSpec,
    folders: Folders | None = None,
    vectors: WordVectors | None = None,
    encoder: EncoderFolder | None = None,
) -> Any:
    return registry.encoder(
        cell.method,
        options=cell.options,
        dim=cell.dim,
        seed=cell.seed,
        vectors=vectors,
        model=encoder,
        encodings=folders.encodings if folders else None,
    )


def _evaluate(tables: Tables, encoder: Any, cell: EmbeddingSpec, definition: TaskDefinition) -> Scored:
    kind = KINDS[definition.kind]
    with threadpool_limits(1):
        evaluation = kind.evaluate_embedding(
            kind.create_task(tables, definition.name),
            encoder,
            definition.evaluation,
            seed=cell.seed,
            shuffle_labels=cell.shuffle_labels,
        )
    evaluation.details.update(details_of(encoder) | _tokenizer_fit(tables, encoder, cell, definition))
    evaluation.details.update(coverage_details(measure_coverage(encoder, tables)) | measure_cut_texts(encoder, tables))
    _warn_of_low_coverage(evaluation.details, cell, definition)
    return _scored(evaluation, cell, definition)


def _warn_of_low_coverage(details: Mapping[str, Any], cell: EmbeddingSpec, definition: TaskDefinition) -> None:
    share = details.get("known_tokens", 1.0)
    if share < LOW_COVERAGE and cell.changed_text is None:
        words = ", ".join(details["unknown_words"])
        _log.warning("%s knows %.1f %% of the words of %s; not: %s", cell.name, 100 * share, definition.name, words)


def _scored(evaluation: Evaluation, cell: EmbeddingSpec, definition: TaskDefinition) -> Scored:
    scores = evaluation.item_scores
    not_finite = scores.filter(pc.invert(pc.is_finite(scores["value"])))
    if not_finite.num_rows:
        first = not_finite.slice(0, 1).to_pylist()[0]
        raise ValueError(
            f"{first['metric']} of unit {first['unit_id']} is {first['value']}: the embedding's vectors or scores overflow"
        )
    item_scores = stamp_item_scores(
        evaluation.item_scores,
        origin=cell.origin,
        method=cell.method,
        task=definition.name,
        dim=dimension_of(evaluation, cell),
        tuned=cell.tuned_on is not None,
        seed=cell.seed,
        embedding=cell.name,
        family=None if isinstance(cell.changed_text, Resample) else cell.family,
    )
    predicted = PREDICTED.empty_table() if evaluation.predictions is None else evaluation.predictions
    draws = MEASURED_DRAWS.empty_table() if evaluation.training_draws is None else evaluation.training_draws
    return (
        item_scores,
        evaluation_record(evaluation, cell, definition),
        predicted,
        build_training_draws(draws, cell.name, definition.name),
    )


def _tokenizer_fit(tables: Tables, encoder: Any, cell: EmbeddingSpec, definition: TaskDefinition) -> dict[str, Any]:
    """How a transformer's tokenizer cuts the task's texts, with a warning where it breaks them to pieces."""
    model = model_of(encoder)
    found = None if model is None else measure_tokenizer(model.model_path, sample_of_texts(tables))
    if found is None:
        return {}
    if not found.is_broken:
        return {"tokenizer_fit": found.facts}
    _log.warning("%s on %s: %s", cell.name, definition.name, found)
    return {"tokenizer_fit": {**found.facts, "warning": str(found)}}


def dimension_of(evaluation: Evaluation, cell: EmbeddingSpec) -> int | None:
    """Tell the dimension of the vectors that were evaluated; None where they are sparse, mixed with something, or none."""
    method = METHODS[cell.method]
    is_dense = method.artifact is not None or method.has_dim or isinstance(cell.options, ReducedOptions)
    return (evaluation.dim or cell.dim) if is_dense else None


def evaluation_record(evaluation: Evaluation, cell: EmbeddingSpec, definition: TaskDefinition) -> dict[str, Any]:
    """What a cell scored and cost, for MLflow and the leaderboard."""
    primary = KINDS[definition.kind].primary_metric
    return {
        "embedding": cell.name,
        "family": cell.family,
        "task": definition.name,
        "kind": definition.kind,
        "dim": evaluation.dim,
        "params": {
            "origin": cell.origin,
            "method": cell.method,
            "dim": dimension_of(evaluation, cell) or SPARSE,
            "tuned": cell.tuned_on is not None,
            "seed": cell.seed,
        },
        "metrics": {
            **evaluation.metrics,
            "primary_metric": evaluation.metrics[primary],
            **{cost: getattr(evaluation, cost) for cost in OF_EVALUATION},
            **{name: evaluation.details[name] for name in KNOWN if name in evaluation.details},
        },
        "tags": {
            "kind": definition.kind,
            "primary": primary,
            "options": cell.options.model_dump_json(),
            **_warnings(evaluation.details),
        },
        "details": evaluation.details,
        "label_draws": evaluation.label_draws,
    }


def _warnings(details: Mapping[str, Any]) -> dict[str, str]:
    warning = details.get("tokenizer_fit", {}).get("warning")
    return {"tokenizer": warning} if warning else {}


def collect_tasks(**parts: Any) -> dict[str, pa.Table | TableParts]:
    """Gather learning curves, draws of labels and costs of one embedding on all its tasks, and where it failed.

    Item scores and training draws are referred to: they are stored once, with their cell.
    """
    training = parts.get("training")
    done = {name: part for name, part in parts.items() if not isinstance(part, Failed)}
    records = [part for name, part in done.items() if name.endswith("_metrics")]
    scores = [part for name, part in done.items() if name.endswith(SCORES_PART)]
    failed = [
        part
        for name, part in parts.items()
        if isinstance(part, Failed) and not name.endswith((SCORES_PART, PREDICTED_PART, DRAWS_PART))
    ]
    predicted = [
        (part, str(record["task"]), str(record["embedding"]))
        for record in records
        if (part := done.get(f"{record['task']}{PREDICTED_PART}")) is not None
    ]
    bases = [part for name, part in done.items() if name.startswith(BASE_TRAINING)]
    draws = [
        {"embedding": record["embedding"], "family": record["family"], "task": record["task"], **draw}
        for record in records
        for draw in record.get("label_draws", [])
    ]
    return {
        "item_scores": TableParts.join(ITEM_SCORES, scores),
        "cells": cells_table(records, None if isinstance(training, Failed) else training, bases),
        "label_draws": pa.Table.from_pylist(draws, schema=LABEL_DRAWS),
        "training_draws": TableParts.join(
            TRAINING_DRAWS, (part for name, part in done.items() if name.endswith(DRAWS_PART))
        ),
        "failures": failures_table(failed),
        "class_results": pa.concat_tables(
            [CLASS_RESULTS.empty_table(), *(compute_class_results(*each) for each in predicted)]
        ),
        "confusions": pa.concat_tables([CONFUSIONS.empty_table(), *(count_confusions(*each) for each in predicted)]),
    }


REFERRED = {"item_scores": ITEM_SCORES, "training_draws": TRAINING_DRAWS}
"""Tables that are stored with their cells, and referred to by who gathers them."""
CARD = {
    "cells": CELLS,
    "label_draws": LABEL_DRAWS,
    "failures": FAILURES,
    "class_results": CLASS_RESULTS,
    "confusions": CONFUSIONS,
}
"""Tables of an embedding's scores that are stored again where all of an origin are gathered: they are small."""


def collect_embeddings(diagnosis: Tables | None = None, **cards: Mapping[str, Any]) -> dict[str, pa.Table | TableParts]:
    """Gather the same of all embeddings of one origin, and what their word vectors know by themselves."""
    of_vectors = diagnosis or {name: schema.empty_table() for name, schema in DIAGNOSIS.items()}
    gathered = {
        name: pa.concat_tables([schema.empty_table(), *(card[name] for card in cards.values())])
        for name, schema in CARD.items()
    }
    if "failures" in of_vectors:
        gathered["failures"] = pa.concat_tables([gathered["failures"], of_vectors["failures"]])
    referred = {name: TableParts.join(schema, (card[name] for card in cards.values())) for name, schema in REFERRED.items()}
    return {**referred, **gathered, **{name: of_vectors[name] for name in DIAGNOSIS}}


def cells_table(
    records: Sequence[Mapping[str, Any]],
    training: Mapping[str, Any] | None,
    bases: Sequence[Mapping[str, Any]] = (),
) -> pa.Table:
    """One row per task and metric, with what the embedding cost: all that was needed to have it, whoever paid.

    Parameters
    ----------
    records : sequence of mapping
        Of its evaluations.
    training : mapping, optional
        Of its own training.
    bases : sequence of mapping
        Of the trainings of what it was made from, directly or not; the nearest first.
    """
    trained = training["metrics"] if training else {}
    needed = [*([training] if training else []), *bases]
    own_seconds = trained.get("train_seconds", 0.0)
    rows = [
        {
            "embedding": record["embedding"],
            "family": record["family"],
            "task": record["task"],
            "kind": record["kind"],
            "metric": metric,
            "value": value,
            **record["params"],
            "dim": record["dim"],
            "grid_dim": str(record["params"]["dim"]),
            "corpus_tokens": training["params"]["corpus_tokens"] if training else None,
            "vocabulary": trained.get("vocabulary"),
            "peak_rss_bytes": max((each["metrics"]["peak_rss_bytes"] for each in needed), default=None),
            "bytes": needed[0]["metrics"].get("bytes") if needed else None,
            "final_loss": training["series"].get("loss", [None])[-1] if training else None,
            "options": record["tags"]["options"],
            "languages": _languages([*([training] if training else []), *bases]),
            "setting": json.dumps(record["details"]["setting"]) if "setting" in record["details"] else None,
            "train_seconds": own_seconds + sum(each["metrics"]["train_seconds"] for each in bases),
            "own_train_seconds": own_seconds,
            **{cost: record["metrics"][cost] for cost in OF_EVALUATION},
            **{share: record["metrics"].get(share) for share in KNOWN},
            "mlflow_run_id": record.get("mlflow_run_id"),
        }
        for record in records
        for metric, value in record["metrics"].items()
        if metric not in (*OF_EVALUATION, *KNOWN, "primary_metric")
    ]
    return pa.Table.from_pylist(rows, schema=CELLS)


def _languages(trainings: Sequence[Mapping[str, Any]]) -> str | None:
    """Join the languages that a pretrained model was made for; None where no training looked for any."""
    named = [each["tags"]["provenance"]["languages"] for each in trainings if "languages" in each["tags"]["provenance"]]
    return ", ".join(named[0]) if named else None
