"""Results of two runs, held against each other."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.ipc as ipc

_TIMED = re.compile(
    "seconds|latency|processor_|queries_per_second|peak_rss|mlflow_run_id|costs_unknown"
    "|^(load|steady|note|n_requests|recommended)$"
)
_OF_TIMES = ("budget_choices.parquet", "request_times.parquet", "matrix_operations.parquet")
"""Tables that are about times alone, or choose by them."""


def read_tables(root: Path) -> dict[str, pd.DataFrame]:
    """Read all tables of a run, without what depends on time, by their place without the version."""
    found = {}
    for file in sorted((root / "data").rglob("*.parquet")):
        if file.is_file() and file.name not in _OF_TIMES:
            place = "/".join(part for part in file.relative_to(root / "data").parts if not re.match(r"\d{4}-\d\d-", part))
            table = pd.read_parquet(file)
            if "metric" in table:
                table = table[~table["metric"].str.startswith("latency_ms")]
            kept = [name for name in table if not _TIMED.search(name)]
            if file.name == "leaderboard.parquet":  # its order is by seconds where nothing else differs
                table = table.sort_values(["task", "metric", "embedding"])
            found[place] = table[kept].reset_index(drop=True)
    return found


def read_vectors(root: Path) -> dict[str, list[bytes]]:
    """Read the bytes of all vectors; the head of a file holds the seconds that it took."""
    found = {}
    for file in sorted((root / "data").rglob("*.arrow")):
        table = ipc.open_file(file).read_all()
        chunks = (buffer for column in table.columns for chunk in column.chunks for buffer in chunk.buffers())
        found[str(file.relative_to(root))] = [buffer.to_pybytes() for buffer in chunks if buffer is not None]
    return found


def count_runs(root: Path) -> Counter[tuple[str, str]]:
    """Count the MLflow runs of each experiment and status."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    places = {each.experiment_id: each.name for each in client.search_experiments()}
    return Counter((places[run.info.experiment_id], run.info.status) for run in client.search_runs(list(places)))


def count_children(root: Path) -> int:
    """Count the MLflow runs that are below a parent run."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    found = client.search_runs([each.experiment_id for each in client.search_experiments()])
    return sum("mlflow.parentRunId" in run.data.tags for run in found)


def assert_same_results(root: Path, expected: Path) -> None:
    """Check that two runs found the same: tables but for times, vectors to the bit, MLflow runs by their number."""
    tables, others = read_tables(root), read_tables(expected)
    assert set(tables) == set(others) and len(tables) > 100
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, others[name], obj=name)
    vectors = read_vectors(root)
    assert vectors == read_vectors(expected) and len(vectors) > 5
    assert count_runs(root) == count_runs(expected)
    assert count_children(root) == count_children(expected)
