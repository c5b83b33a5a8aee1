"""Predictions of a fine-tuned model for the test examples of its task: how they are stored, and read to be scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PREDICTIONS = pa.schema([("unit_id", pa.string()), ("values", pa.list_(pa.float64()))])
"""What a tuned model says of each test example: log probabilities of the classes, codes of the tags, or a span's ends."""
COSTS = pa.schema([("dim", pa.int64()), ("encode_seconds", pa.float64()), ("bytes_per_item", pa.float64())])


def build_predictions(unit_ids: np.ndarray, values: Iterable[np.ndarray]) -> pa.Table:
    return pa.table([pa.array(unit_ids.tolist()), pa.array([row.tolist() for row in values])], schema=PREDICTIONS)


def add_costs(predictions: pa.Table, dim: int, encode_seconds: float, bytes_per_item: float) -> dict[str, pa.Table]:
    costs = {"dim": [dim], "encode_seconds": [encode_seconds], "bytes_per_item": [bytes_per_item]}
    return {"predictions": predictions, "costs": pa.table(costs, schema=COSTS)}


@dataclass(frozen=True, eq=False)
class TunedPredictions:
    """Predictions, in the order of the task.

    Attributes
    ----------
    tested : ndarray of shape (n_tested,), int64
        Positions of the test examples.
    values : list of list of float
        The values of each.
    costs : dict of str to object
        The costs of an `Evaluation`; no probe was fitted.
    """

    tested: np.ndarray
    values: list[list[float]]
    costs: dict[str, Any]


def read_predictions(stored: Mapping[str, pa.Table], example_ids: np.ndarray) -> TunedPredictions:
    """Read what `add_costs` gave.

    Parameters
    ----------
    stored : mapping of str to Table
        ``predictions`` and ``costs``.
    example_ids : ndarray of shape (n_examples,), str
        Names of all examples of the task.
    """
    tested = find_positions(stored["predictions"]["unit_id"].to_pylist(), example_ids)
    values, order = stored["predictions"]["values"].to_pylist(), np.argsort(tested)
    costs = {"fit_seconds": 0.0, **stored["costs"].to_pylist()[0]}
    return TunedPredictions(tested[order], [values[row] for row in order], costs)


def select_predictions(stored: Mapping[str, pa.Table], example_ids: np.ndarray) -> dict[str, pa.Table]:
    """Select the predictions for some examples of a task."""
    names = pa.array(example_ids.tolist(), pa.string())
    return {
        name: table.filter(pc.is_in(table["unit_id"], names)) if "unit_id" in table.column_names else table
        for name, table in stored.items()
    }


def find_positions(unit_ids: Sequence[str], example_ids: np.ndarray) -> np.ndarray:
    """Find the positions of examples among all examples of a task, by their names: shape (n_units,), int64."""
    position_of = {name: position for position, name in enumerate(example_ids.tolist())}
    return np.array([position_of[name] for name in unit_ids], dtype=np.int64)
