"""Queries, passages and judgments of tasks of MTEB."""

from __future__ import annotations

from pathlib import Path

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.mteb.stored import store_task
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables
from emb_pipeline.tasks.retrieval.formats.tables import check_tables, read_tables
from emb_pipeline.tasks.retrieval.sources import SearchMtebSource, TablesSource


def read_mteb(source: SearchMtebSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read the stored tables of a task."""
    folder = store_task(source, raw, project)
    assert folder is not None  # only a check of first rows is without it
    return read_tables(_describe_tables(source, folder), raw, project, bad)


def check_mteb(source: SearchMtebSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows of the stored tables, where they are there."""
    folder = store_task(source, raw, project)
    if folder is not None:
        check_tables(_describe_tables(source, folder), raw, project, bad)


def _describe_tables(source: SearchMtebSource, folder: Path) -> TablesSource:
    queries, passages, qrels = (str(folder / f"{name}.parquet") for name in ("queries", "passages", "qrels"))
    return TablesSource(
        queries=queries,
        passages=passages,
        qrels=qrels,
        exclude_self=source.exclude_self,
        empty=source.empty,
        on_error=source.on_error,
    )
