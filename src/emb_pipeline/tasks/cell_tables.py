"""Tables of one embedding on all its tasks, and of all embeddings of one origin."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from emb_pipeline.diagnostics.tables import DIAGNOSIS
from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.statistics.costs import OF_EVALUATION
from emb_pipeline.storage.failures import FAILURES, Failed, build_failures_table
from emb_pipeline.storage.table_parts import TableParts
from emb_pipeline.tasks.metrics.class_results import CLASS_RESULTS, CONFUSIONS, compute_class_results, count_confusions
from emb_pipeline.tasks.metrics.label_doubts import LABEL_DOUBTS, list_label_doubts
from emb_pipeline.tasks.scores import ITEM_SCORES, TRAINING_DRAWS

KNOWN = (
    "known_tokens",
    "known_types",
    "cut_share",
    "max_length",
    "pool_depth",
    "pool_recall",
    "pool_ceiling",
    "drift_distance",
)
"""Shares of a task's running and different words that word vectors know; the share of its texts that a model does not read
to their end, and the sub-words that it reads of each; the passages of a query that a reranker reorders, the share of the
relevant ones among them, and the nDCG@10 of their best order; how far a service's vectors of the same texts differ at
most: facts next to the metrics."""
LABEL_DRAWS = pa.schema(
    [
        ("embedding", pa.string()),
        ("family", pa.string()),
        ("task", pa.string()),
        ("n_labels", pa.int64()),
        ("label_fraction", pa.float64()),
        ("class_share", pa.float64()),
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
                "primary_metric",
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
        ("chosen_on", pa.string()),
        *((name, pa.int64()) for name in ("dim", "seed", "corpus_tokens", "vocabulary", "peak_rss_bytes", "bytes")),
        *(
            (name, pa.float64())
            for name in ("value", "final_loss", "train_seconds", "own_train_seconds", *OF_EVALUATION, *KNOWN)
        ),
        ("tuned", pa.bool_()),
    ]
)
REFERRED = {"item_scores": ITEM_SCORES, "training_draws": TRAINING_DRAWS}
"""Tables that are stored with their cells, and referred to by what gathers them."""
COPIED = {
    "cells": CELLS,
    "label_draws": LABEL_DRAWS,
    "failures": FAILURES,
    "class_results": CLASS_RESULTS,
    "confusions": CONFUSIONS,
    "label_doubts": LABEL_DOUBTS,
}
"""Tables of an embedding that are stored again where all of an origin are gathered: they are small."""


@dataclass(frozen=True)
class CellResult:
    """Results of one embedding on one task, as they are stored.

    Attributes
    ----------
    metrics : mapping
        The cell's record.
    item_scores, training_draws : TableParts
        References to the cell's tables.
    predicted : Table
        Of each unit what was predicted; without rows where the kind keeps none.
    """

    metrics: Mapping[str, Any]
    item_scores: TableParts
    training_draws: TableParts
    predicted: pa.Table


def gather_tasks(
    results: Sequence[CellResult | Failed],
    training: Mapping[str, Any] | Failed | None = None,
    bases: Sequence[Mapping[str, Any] | Failed] = (),
) -> dict[str, pa.Table | TableParts]:
    """Gather the results of one embedding on all its tasks: costs, label draws and failures; the item scores by reference.

    Parameters
    ----------
    results : sequence of CellResult or Failed
        Its cells, in the order of the tasks.
    training : mapping or Failed, optional
        The record of its training, where it has one.
    bases : sequence of mapping or Failed
        Those of what it was made from; the nearest first.
    """
    done = [each for each in results if not isinstance(each, Failed)]
    records = [each.metrics for each in done]
    failed = [each for each in (*results, training, *bases) if isinstance(each, Failed)]
    draws = [
        {"embedding": record["embedding"], "family": record["family"], "task": record["task"], **draw}
        for record in records
        for draw in record.get("label_draws", [])
    ]
    predicted = [(each.predicted, str(each.metrics["task"]), str(each.metrics["embedding"])) for each in done]
    return {
        "item_scores": TableParts.join(ITEM_SCORES, (each.item_scores for each in done)),
        "cells": build_cells_table(
            records,
            None if isinstance(training, Failed) else training,
            [each for each in bases if not isinstance(each, Failed)],
        ),
        "label_draws": pa.Table.from_pylist(draws, schema=LABEL_DRAWS),
        "training_draws": TableParts.join(TRAINING_DRAWS, (each.training_draws for each in done)),
        "failures": build_failures_table(failed),
        "class_results": pa.concat_tables(
            [CLASS_RESULTS.empty_table(), *(compute_class_results(*each) for each in predicted)]
        ),
        "confusions": pa.concat_tables([CONFUSIONS.empty_table(), *(count_confusions(*each) for each in predicted)]),
        "label_doubts": pa.concat_tables([LABEL_DOUBTS.empty_table(), *(list_label_doubts(*each) for each in predicted)]),
    }


def gather_embeddings(
    cards: Sequence[Mapping[str, Any]], diagnosis: Mapping[str, pa.Table] | None = None
) -> dict[str, pa.Table | TableParts]:
    """Gather the results of all embeddings of one origin, and the diagnosis of their word vectors."""
    of_vectors = diagnosis or {name: schema.empty_table() for name, schema in DIAGNOSIS.items()}
    copied = {
        name: pa.concat_tables([schema.empty_table(), *(card[name] for card in cards)]) for name, schema in COPIED.items()
    }
    if "failures" in of_vectors:
        copied["failures"] = pa.concat_tables([copied["failures"], of_vectors["failures"]])
    referred = {name: TableParts.join(schema, (card[name] for card in cards)) for name, schema in REFERRED.items()}
    return {**referred, **copied, **{name: of_vectors[name] for name in DIAGNOSIS}}


def build_cells_table(
    records: Sequence[Mapping[str, Any]],
    training: Mapping[str, Any] | None,
    bases: Sequence[Mapping[str, Any]] = (),
) -> pa.Table:
    """Build one row per task and metric, with what the embedding cost: all that was needed to have it, whoever paid.

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
            "primary_metric": record["primary_metric"],
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
            "languages": _join_languages([*([training] if training else []), *bases]),
            "setting": json.dumps(record["details"]["setting"]) if "setting" in record["details"] else None,
            "chosen_on": record["details"].get("chosen_on"),
            "train_seconds": own_seconds + sum(each["metrics"]["train_seconds"] for each in bases),
            "own_train_seconds": own_seconds,
            **{cost: record["metrics"].get(cost) for cost in OF_EVALUATION},
            **{share: record["metrics"].get(share) for share in KNOWN},
            "mlflow_run_id": record.get("mlflow_run_id"),
        }
        for record in records
        for metric, value in record["metrics"].items()
        if metric not in (*OF_EVALUATION, *KNOWN, "primary_metric")
    ]
    return pa.Table.from_pylist(rows, schema=CELLS)


def _join_languages(trainings: Sequence[Mapping[str, Any]]) -> str | None:
    """Join the languages that a pretrained model was made for; None where no training looked for any."""
    named = [each["tags"]["provenance"]["languages"] for each in trainings if "languages" in each["tags"]["provenance"]]
    return ", ".join(named[0]) if named else None


def read_setting(cell: Mapping[Hashable, Any]) -> Setting | None:
    """Read the setting that requests to a cell's embedding are answered with; None where nothing was left open."""
    written = cell.get("setting")
    return dict(json.loads(written)) if isinstance(written, str) else None
