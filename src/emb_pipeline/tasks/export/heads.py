"""Linear heads in a bundle: a row for each class or label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.storage.matrices import make_matrix_column, read_matrix_column
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.tasks.export.answering import REMEDY

_PROBE = "probe.parquet"


def write_head(folder: Path, classes: Sequence[str], head: LinearHead, **columns: np.ndarray) -> None:
    """Write a head with the names of its columns, and further numbers of each class."""
    table = {
        "class": pa.array(list(classes), pa.string()),
        "weights": make_matrix_column(head.weights.T),
        "intercept": pa.array(np.asarray(head.intercepts, dtype=np.float64)),
        **{name: pa.array(np.asarray(values, dtype=np.float64)) for name, values in columns.items()},
    }
    write_parquet(pa.table(table), folder / _PROBE)


def read_head(folder: Path) -> tuple[list[str], LinearHead, pa.Table]:
    """Read the names of the classes, the head, and the table with what else was written."""
    table = read_parquet(folder / _PROBE, columns=("class", "weights", "intercept"), remedy=REMEDY)
    head = LinearHead(read_matrix_column(table["weights"]).T, table["intercept"].to_numpy())
    return table["class"].to_pylist(), head, table
