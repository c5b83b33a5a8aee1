"""Costs that a decision knows, and those that it does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.efficiency.latency import REQUEST_TIMES
from emb_pipeline.statistics.decision.costs import build_costs, take_worst_costs


def _times(*rows: tuple[str, float, bool, str]) -> pd.DataFrame:
    columns = ["embedding", "latency_ms_p95", "steady", "note"]
    made = pd.DataFrame(rows, columns=columns).assign(task="topic")
    others = ("latency_ms_p50", "latency_ms_p99", "processor_ms_p50", "processor_ms_p95")
    return made.assign(**dict.fromkeys(others, 2.0)).reindex(columns=list(REQUEST_TIMES))


CELLS_OF_TOPIC = pd.DataFrame(
    {
        "embedding": ["d.a", "d.again", "d.b", "d.c"],
        "family": ["d.a", "d.a", "d.b", "d.c"],
        "train_seconds": [1.0, 3.0, 0.0, 0.0],
        "bytes": [8.0, 8.0, np.nan, 8.0],
    }
)


def test_times_of_a_busy_machine_and_those_never_taken_are_unknown_with_the_reason() -> None:
    times = _times(
        ("d.a", 4.0, True, ""),
        ("d.again", 6.0, True, ""),
        ("d.b", 82.0, False, "measured on a busy machine (load 9.0): …"),
    )
    costs = build_costs(CELLS_OF_TOPIC, times, price_per_hour=3.6)
    assert costs.values["latency_ms_p95"].to_dict() == pytest.approx({"d.a": 5.0, "d.b": np.nan, "d.c": np.nan}, nan_ok=True)
    assert costs.values.loc["d.a", "train_seconds"] == 2.0 and "d.a" not in costs.why_unknown
    assert costs.values.loc["d.a", "price_per_million"] == pytest.approx(
        2.0
    )  # 2 ms of a core, a million times, at .001 a second
    again = "measure again: kedro run --pipelines measure,decide,report"
    assert costs.why_unknown["d.b"]["latency_ms_p95"] == f"measured on a busy machine (load 9.0): …; {again}"
    assert costs.why_unknown["d.c"]["processor_ms_p50"] == f"never timed; {again}"
    free = build_costs(CELLS_OF_TOPIC, times, None)
    assert free.why_unknown["d.a"] == {"price_per_million": "decision.price_per_hour is not set"}


def test_what_is_unknown_on_one_task_is_unknown_for_all() -> None:
    steady = build_costs(CELLS_OF_TOPIC, _times(("d.a", 4.0, True, ""), ("d.b", 7.0, True, "")), None)
    other = build_costs(CELLS_OF_TOPIC, _times(("d.a", 9.0, True, "")), None)
    worst = take_worst_costs({"topic": steady, "search": other})
    assert worst.values.loc["d.a", "train_seconds"] == 2.0  # it is trained once, for both tasks
    assert worst.values.loc["d.a", "latency_ms_p95"] == 9.0 and "latency_ms_p95" not in worst.why_unknown["d.a"]
    assert worst.values.loc["d.b", "latency_ms_p95"] == 7.0  # as far as is known: it may be more, and not less
    assert worst.why_unknown["d.b"]["latency_ms_p95"].startswith("on search: never timed")
    assert worst.why_unknown["d.b"]["bytes"] == "on topic: not measured"
