"""The tables of a run, without what it cost: two runs of one use case on one machine have the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

_COSTS = re.compile(
    r"_?seconds|^latency|^filtered_latency|^processor|queries_per_second|peak_rss|mlflow_run_id|^costs_unknown"
)
_OF_TIMES = ("budget_choices", "matrix_operations", "request_times", "vector_search", "leaderboard", "decision")
"""Tables whose rows depend on times; of the leaderboard the scores are read."""
_SCORES = ["task", "embedding", "metric", "value", "ci_low", "ci_high", "n", "letters", "primary"]


def read_tables(data: Path) -> dict[str, dict[str, Any]]:
    """Read all tables below a folder of results, by their place without versions."""
    found = {}
    for path in sorted(data.rglob("*.parquet")):
        if not path.is_file():
            continue
        place = [part for part in path.relative_to(data).parts if not re.match(r"\d{4}-\d\d-\d\dT", part)]
        table = pq.read_table(path).to_pandas()
        if path.stem == "leaderboard":
            timed = table["metric"].str.contains("latency|seconds")
            table = table.loc[~timed, _SCORES].sort_values(_SCORES[:3])
        elif path.stem in _OF_TIMES:
            continue
        table = table[[name for name in table if not _COSTS.search(name)]]
        found["/".join(place)] = _write(table)
    return found


def _write(table: pd.DataFrame) -> dict[str, Any]:
    """Write each column, so that a message names the one that differs."""
    return {name: table[name].to_json(orient="values", double_precision=15, default_handler=str) for name in table}


def list_differences(found: dict[str, dict[str, Any]], wanted: dict[str, dict[str, Any]]) -> list[str]:
    """List tables that only one run has, and columns that differ."""
    alone = [f"{name}: in one alone" for name in found.keys() ^ wanted.keys()]
    columns = ((name, column) for name in found.keys() & wanted.keys() for column in {**found[name], **wanted[name]})
    return alone + [f"{name}: {col}" for name, col in columns if found[name].get(col) != wanted[name].get(col)]
