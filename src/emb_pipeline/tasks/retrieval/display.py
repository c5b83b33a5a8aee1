"""Queries as a reader sees them, with a passage that is relevant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.shown_units import ShownUnits


def describe_queries(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe test queries by the passage that is most relevant to them."""
    task = RetrievalTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.query_ids.tolist())}
    rows = [row_of[name] for name in units]
    answers = []
    for row in rows:
        of_query = slice(task.qrels.indptr[row], task.qrels.indptr[row + 1])
        passages, grades = task.qrels.indices[of_query], task.qrels.data[of_query]
        more = f" (and {len(passages) - 1} more)" if len(passages) > 1 else ""
        answers.append(f"{task.passages[int(passages[grades.argmax()])]}{more}")
    groups: list[Sequence[str]] = [() if task.groups is None else (str(task.groups[row]),) for row in rows]
    return ShownUnits([task.queries[row] for row in rows], answers, groups)
