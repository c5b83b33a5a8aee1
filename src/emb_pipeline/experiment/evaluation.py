"""One cell: an embedding, evaluated on a task, with all that is stored of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.contextual.models.tokenizer_fit import measure_tokenizer
from emb_pipeline.embeddings.protocols import details_of, list_remote_parts, model_of
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.experiment.model import EmbeddingSpec, TaskDefinition
from emb_pipeline.experiment.schema import Resample
from emb_pipeline.statistics.costs import OF_EVALUATION
from emb_pipeline.tasks.cell_tables import KNOWN
from emb_pipeline.tasks.coverage import LOW_COVERAGE, coverage_details, measure_coverage
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.examples.cut_texts import measure_cut_texts
from emb_pipeline.tasks.examples.facts import describe_examples
from emb_pipeline.tasks.metrics.class_results import PREDICTED
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.scores import MEASURED_DRAWS, CellIdentity, build_training_draws, stamp_item_scores
from emb_pipeline.text.texts import sample_texts

_log = logging.getLogger(__name__)
Tables = Mapping[str, pa.Table]
CellScores: TypeAlias = tuple[pa.Table, dict[str, Any], pa.Table, pa.Table]
"""Item scores, the cell's record, what was predicted, and scores by probes that learned from other training labels."""
SPARSE = "sparse"
"""Dimension of embeddings without one, as an axis in MLflow: 80,000 columns next to 100 would flatten all others."""


def evaluate_cell(tables: Tables, encoder: Any, cell: EmbeddingSpec, definition: TaskDefinition) -> CellScores:
    """Evaluate one embedding on one task; where the task says so, on a part of its test units."""
    kind = KINDS[definition.kind]
    tables = draw_unit_sample(tables, definition)
    with threadpool_limits(1):
        evaluation = kind.evaluate_embedding(
            kind.create_task(tables, definition.name),
            encoder,
            definition.evaluation,
            seed=cell.seed,
            shuffle_labels=cell.shuffle_labels,
        )
    if services := list_remote_parts(encoder):
        prices = [service.price_texts(sample_texts(tables)) for service in services]
        evaluation = replace(evaluation, usd_per_million_texts=sum(prices))
    evaluation.details.update(details_of(encoder) | _measure_tokenizer_fit(tables, encoder, cell, definition))
    evaluation.details.update(coverage_details(measure_coverage(encoder, tables)) | measure_cut_texts(encoder, tables))
    _warn_of_low_coverage(evaluation.details, cell, definition)
    _warn_of_drift(evaluation.details, cell, definition)
    return build_cell_scores(evaluation, tables, cell, definition)


def draw_unit_sample(tables: Tables, definition: TaskDefinition) -> Tables:
    """Draw the part of a task's test units that is scored: all of them where the task does not say how many."""
    if definition.test_share is None and definition.passage_share is None:
        return tables
    drawn = KINDS[definition.kind].draw_unit_sample(tables, definition.test_share, definition.passage_share)
    return tables if drawn is None else drawn.tables


def _warn_of_low_coverage(details: Mapping[str, Any], cell: EmbeddingSpec, definition: TaskDefinition) -> None:
    share = details.get("known_tokens", 1.0)
    if share < LOW_COVERAGE and cell.changed_text is None:
        words = ", ".join(details["unknown_words"])
        _log.warning("%s knows %.1f %% of the words of %s; not: %s", cell.name, 100 * share, definition.name, words)


def _warn_of_drift(details: Mapping[str, Any], cell: EmbeddingSpec, definition: TaskDefinition) -> None:
    if warning := details.get("drift", {}).get("warning"):
        _log.warning("%s on %s: %s", cell.name, definition.name, warning)


def build_cell_scores(evaluation: Evaluation, tables: Tables, cell: EmbeddingSpec, definition: TaskDefinition) -> CellScores:
    """Write the cell on every row of what an evaluation measured.

    Raises
    ------
    ValueError
        A score is not finite.
    """
    scores = evaluation.item_scores
    not_finite = scores.filter(pc.invert(pc.is_finite(scores["value"])))
    if not_finite.num_rows:
        first = not_finite.slice(0, 1).to_pylist()[0]
        raise ValueError(
            f"{first['metric']} of unit {first['unit_id']} is {first['value']}: the embedding's vectors or scores overflow"
        )
    item_scores = stamp_item_scores(
        evaluation.item_scores,
        CellIdentity(
            origin=cell.origin,
            method=cell.method,
            task=definition.name,
            dim=find_dimension(evaluation, cell),
            tuned=cell.tuned_on is not None,
            seed=cell.seed,
            embedding=cell.name,
            family=None if isinstance(cell.changed_text, Resample) else cell.family,
        ),
    )
    predicted = PREDICTED.empty_table() if evaluation.predictions is None else evaluation.predictions
    draws = MEASURED_DRAWS.empty_table() if evaluation.training_draws is None else evaluation.training_draws
    return (
        item_scores,
        build_cell_record(evaluation, tables, cell, definition),
        predicted,
        build_training_draws(draws, cell.name, definition.name),
    )


def _measure_tokenizer_fit(tables: Tables, encoder: Any, cell: EmbeddingSpec, definition: TaskDefinition) -> dict[str, Any]:
    """Measure how a transformer's tokenizer cuts the task's texts, with a warning where it breaks them to pieces."""
    model = model_of(encoder)
    found = None if model is None else measure_tokenizer(model.model_path, sample_texts(tables))
    if found is None:
        return {}
    if not found.is_broken:
        return {"tokenizer_fit": found.facts}
    _log.warning("%s on %s: %s", cell.name, definition.name, found)
    return {"tokenizer_fit": {**found.facts, "warning": str(found)}}


def find_dimension(evaluation: Evaluation, cell: EmbeddingSpec) -> int | None:
    """Find the dimension of the vectors that were evaluated; None where they are sparse, mixed with something, or none."""
    return (evaluation.dim or cell.dim) if METHODS[cell.method].is_dense else None


def build_cell_record(
    evaluation: Evaluation, tables: Tables, cell: EmbeddingSpec, definition: TaskDefinition
) -> dict[str, Any]:
    """Build the record of what a cell scored and cost, and of which data, for MLflow and the leaderboard."""
    primary = definition.primary_metric
    if primary not in evaluation.metrics:
        place, reason = f"{definition.name}: primary_metric", f"{primary!r} is no metric that this task's examples have"
        raise DataError(place, reason, suggest(primary, evaluation.metrics))
    return {
        "embedding": cell.name,
        "family": cell.family,
        "task": definition.name,
        "kind": definition.kind,
        "primary_metric": primary,
        "dim": evaluation.dim,
        "params": {
            "origin": cell.origin,
            "method": cell.method,
            "dim": find_dimension(evaluation, cell) or SPARSE,
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
            **_list_warnings(evaluation.details),
        },
        "probe": definition.evaluation.model_dump(mode="json"),
        "inputs": [describe_examples(tables, definition.name, definition.source)],
        "details": evaluation.details,
        "label_draws": evaluation.label_draws,
    }


def _list_warnings(details: Mapping[str, Any]) -> dict[str, str]:
    found = {tag: details.get(name, {}).get("warning") for tag, name in (("tokenizer", "tokenizer_fit"), ("drift", "drift"))}
    return {tag: warning for tag, warning in found.items() if warning}
