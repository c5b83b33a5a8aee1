"""Times of test units, and the periods that they part the units into."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from emb_pipeline.readers.tables.times import TIME
from emb_pipeline.statistics.periods.options import DriftOptions
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.unit_parts import find_unit_parts
from emb_pipeline.tasks.unit_times import find_unit_times


def test_units_have_the_times_of_their_rows_in_the_order_that_is_asked_for() -> None:
    times = pa.array([datetime(2024, 5, 31, 16, 30, 0, 7, tzinfo=UTC), None, datetime(1969, 1, 1, tzinfo=UTC)], TIME.type)
    tables = {"queries": pa.table({"query_id": ["a", "b", "c"], "text": ["x", "y", "z"], "time": times})}
    found = find_unit_times({"passages": pa.table({"text": ["x"]}), **tables}, ["c", "a", "b", "elsewhere"])
    assert found is not None
    assert found[:2].astype(str).tolist() == ["1969-01-01T00:00:00.000000", "2024-05-31T16:30:00.000007"]
    assert np.isnat(found[2:]).all() and len(found) == 4
    assert find_unit_times({"queries": tables["queries"].drop_columns(["time"])}, ["a"]) is None


def test_a_user_has_the_time_of_the_first_interaction_that_is_tested() -> None:
    rows = [("a", 1e9, "train"), ("a", 1.1e9, "test"), ("a", 1.05e9, "test"), ("b", 1.2e9, "test"), ("c", 1e9, "train")]
    users, seconds, splits = zip(*rows, strict=True)
    tables = {"interactions": pa.table({"user_id": users, "timestamp": seconds, "split": splits})}
    found = find_unit_times(tables, ["b", "a", "c"])
    assert found is not None
    expected = [np.datetime64(int(moment), "s") for moment in (1.2e9, 1.05e9)]
    assert (found[:2] == expected).all() and np.isnat(found[2])
    ordinal = {"interactions": pa.table({"user_id": users, "timestamp": [1.0, 2, 3, 4, 5], "split": splits})}
    assert find_unit_times(ordinal, ["a"]) is None  # places in an order are no times


def test_periods_are_parts_of_the_test_next_to_classes_and_lengths() -> None:
    units = [f"u{number}" for number in range(60)]
    times = [datetime(2022 + number // 20, 3, 1, tzinfo=UTC) for number in range(60)]
    columns = {"example_id": units, "text": ["red fish"] * 60, "label": ["x", "y"] * 30, "time": pa.array(times, TIME.type)}
    tables = {"examples": pa.table(columns)}
    parts = find_unit_parts(KINDS["classification"], tables, units)
    assert parts["period"] == {"2022": units[:20], "2023": units[20:40], "2024": units[40:]}
    halves = find_unit_parts(KINDS["classification"], tables, units, drift=DriftOptions(periods=2))["period"]
    assert {name: len(each) for name, each in halves.items()} == {"2022-03": 20, "2023-03 to 2024-03": 40}
