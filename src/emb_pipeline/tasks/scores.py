"""The table of item scores: the raw material of every interval and test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

ITEM_SCORES = pa.schema(
    [
        ("origin", pa.string()),
        ("method", pa.string()),
        ("dim", pa.int32()),
        ("tuned", pa.bool_()),
        ("seed", pa.int64()),
        ("task", pa.string()),
        ("label_fraction", pa.float64()),
        ("unit_id", pa.string()),
        ("group_id", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("weight", pa.float64()),
        ("embedding", pa.string()),
        ("family", pa.string()),
    ]
)
"""One row per cell, seed, unit and metric. ``embedding`` is the cell's full name, ``dim`` null where the task fixes it.
``family``: the embedding that this one repeats with another seed, or its own name; null for one trained on a resample of its
corpus, which is nothing to choose.
``group_id``: units of one group are resampled together; of a pair that shares a text with other pairs, the names of its two
texts with a tab between them. ``weight``: of a ratio of sums (F1), the unit's part in the denominator; null for a mean."""

MEASURED = pa.schema(
    [ITEM_SCORES.field(name) for name in ("label_fraction", "unit_id", "group_id", "metric", "value", "weight")]
)
"""What an evaluation knows; the other columns say which cell it was (`stamp_item_scores`)."""

TRAINING_DRAWS = pa.schema(
    [
        ("embedding", pa.string()),
        ("task", pa.string()),
        ("metric", pa.string()),
        ("unit_id", pa.string()),
        ("values", pa.list_(pa.float32())),
    ]
)
"""One row per cell, metric and unit: its score by probes that learnt from resamples of the training labels. The same place
of ``values`` is the same resample for all embeddings of a task."""

MEASURED_DRAWS = pa.schema([TRAINING_DRAWS.field(name) for name in ("metric", "unit_id", "values")])
"""What an evaluation knows of them."""


def build_item_scores(
    unit_ids: np.ndarray,
    group_ids: np.ndarray,
    values: dict[str, np.ndarray],
    *,
    label_fraction: float = 1.0,
    weights: dict[str, np.ndarray] | None = None,
) -> pa.Table:
    """Build the long table of the item scores of some units.

    Parameters
    ----------
    unit_ids, group_ids : ndarray of shape (n_units,)
        Names of the units, and of the groups that they are resampled by.
    values : dict of str to ndarray of shape (n_units,)
        Item scores by metric.
    label_fraction : float
        Share of the training labels that was learnt from.
    weights : dict of str to ndarray of shape (n_units,), optional
        Of the metrics that are ratios of sums: each unit's part in the denominator.
    """
    units, groups = pa.array(unit_ids.tolist(), pa.string()), pa.array(group_ids.tolist(), pa.string())
    return pa.concat_tables(
        [
            pa.table(
                {
                    "label_fraction": pa.repeat(pa.scalar(label_fraction), len(units)),
                    "unit_id": units,
                    "group_id": groups,
                    "metric": pa.repeat(pa.scalar(metric), len(units)),
                    "value": pa.array(np.asarray(scores, dtype=np.float64)),
                    "weight": _build_weights(weights, metric, len(units)),
                },
                schema=MEASURED,
            )
            for metric, scores in values.items()
        ]
    )


def _build_weights(weights: dict[str, np.ndarray] | None, metric: str, n_units: int) -> pa.Array:
    if weights is None or metric not in weights:
        return pa.nulls(n_units, pa.float64())
    return pa.array(np.asarray(weights[metric], dtype=np.float64))


def build_training_draws(measured_draws: pa.Table, embedding: str, task: str) -> pa.Table:
    """Build draws of the training labels with their cell on every row: of schema TRAINING_DRAWS."""
    return _add_cell(measured_draws, {"embedding": embedding, "task": task}, TRAINING_DRAWS)


@dataclass(frozen=True)
class CellIdentity:
    """The cell that item scores belong to, as it is written on each of their rows.

    Attributes
    ----------
    origin, method, task : str
        The origin and the method of the embedding, and the task.
    dim : int, optional
        None where the task fixes it.
    tuned : bool
        True for an embedding that was fine-tuned on the task.
    seed : int
        Of the embedding's training.
    embedding : str, optional
        The embedding's full name; ``<origin>.<method>_<dim>`` if left out.
    family : str, optional
        The embedding that it repeats with another seed; its own name if left out, None for a resample of the corpus.
    """

    origin: str
    method: str
    task: str
    dim: int | None = None
    tuned: bool = False
    seed: int = 0
    embedding: str | None = None
    family: str | None = ""

    @property
    def name(self) -> str:
        """The embedding's full name."""
        of_parts = f"{self.origin}.{self.method}" if self.dim is None else f"{self.origin}.{self.method}_{self.dim}"
        return self.embedding or of_parts


def stamp_item_scores(item_scores: pa.Table, cell: CellIdentity) -> pa.Table:
    """Build item scores with the cell that they belong to written on every row: a table of schema ITEM_SCORES."""
    family = cell.name if cell.family == "" else cell.family
    return _add_cell(item_scores, {**asdict(cell), "embedding": cell.name, "family": family}, ITEM_SCORES)


def _add_cell(table: pa.Table, cell: Mapping[str, object], schema: pa.Schema) -> pa.Table:
    """Build the table of this schema, with the columns of the cell repeated on every row."""
    columns = [
        pa.repeat(pa.scalar(cell[field.name], field.type), table.num_rows) if field.name in cell else table[field.name]
        for field in schema
    ]
    return pa.table(columns, schema=schema)
