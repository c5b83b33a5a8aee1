"""Queries, passages and judgments in three files of rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import NamedFile, named_files
from emb_pipeline.readers.options import PlacedSource
from emb_pipeline.readers.splits import split_name
from emb_pipeline.readers.tables.rows import column_names, read_identified_texts, rows, table_of
from emb_pipeline.readers.tables.times import TimeColumn
from emb_pipeline.readers.tables.values import identifier, require_group
from emb_pipeline.tasks.retrieval.formats.beir import COLUMNS as BEIR_COLUMNS
from emb_pipeline.tasks.retrieval.formats.collection import Collection, RetrievalTables
from emb_pipeline.tasks.retrieval.formats.judgments import (
    Judgment,
    grade_column,
    read_queries_column,
    table_judgments,
    trec_judgments,
)
from emb_pipeline.tasks.retrieval.formats.passages import name_passages, read_passages
from emb_pipeline.tasks.retrieval.sources import TablesSource


def read_tables(source: TablesSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read the queries, the passages and the judgments of three files."""
    read_as = partial(table_of, source=source)
    queries = read_identified_texts(_own_files(source.queries, raw, project), source.query_id, source.text, read_as, bad)
    training = _training_queries(source, raw, project) if source.split else set()
    passages = read_passages(source, raw, project, bad)
    collection = Collection(queries, passages, source.queries, name_passages(source))
    collection.groups = _read_groups(source, raw, project, bad)
    collection.times = _read_times(source, raw, project, bad)
    TimeColumn(source.time).require_some(collection.times.values(), source.queries)
    for file in _own_files(source.qrels, raw, project):
        collection.judge(_judgments_of(file, source, bad), bad)
    bad.raise_all()
    if not collection.grades:
        raise DataError(
            source.qrels, "there is no judgment", "add a row of query_id, passage_id and relevance per relevant passage"
        )
    return collection.tables(training, source.exclude_self)


def check_tables(source: TablesSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows of the three files."""
    read_as = partial(table_of, source=source)
    read_identified_texts(_own_files(source.queries, raw, project), source.query_id, source.text, read_as, bad)
    _read_groups(source, raw, project, bad)
    _read_times(source, raw, project, bad)
    read_passages(source, raw, project, bad)
    for file in _own_files(source.qrels, raw, project):
        for _ in _judgments_of(file, source, bad):
            pass


def _read_groups(source: TablesSource, raw: Path, project: Path, bad: BadRows) -> dict[str, str]:
    files, read_as = _own_files(source.queries, raw, project), partial(table_of, source=source)
    return read_queries_column(files, source.query_id, source.group, require_group, read_as, bad)


def _read_times(source: TablesSource, raw: Path, project: Path, bad: BadRows) -> dict[str, datetime | None]:
    files, read_as = _own_files(source.queries, raw, project), partial(table_of, source=source)
    return read_queries_column(files, source.query_id, source.time, TimeColumn(source.time).parse, read_as, bad)


def _judgments_of(file: NamedFile, source: TablesSource, bad: BadRows) -> Iterator[Judgment]:
    suffixes = {suffix.casefold() for suffix in file.path.suffixes}
    if source.qrels_format == "trec" or suffixes & {".qrels", ".trec"}:
        return trec_judgments(file, source.encoding, bad)
    table = table_of(file, source)
    ids = (source.query_id, source.passage_id)
    if set(BEIR_COLUMNS) <= set(column_names(file, table, 1)) - set(ids):
        raise DataError(
            file.name,
            f"its columns are {', '.join(BEIR_COLUMNS)}, those of BEIR",
            "say 'reader: beir, path: …' with the folder that holds corpus.jsonl, queries.jsonl and qrels",
        )
    return table_judgments(file, table, *ids, grade_column(file, table, source.relevance, ids, any_other=True), bad)


def _training_queries(source: TablesSource, raw: Path, project: Path) -> set[str]:
    found: set[str] = set()
    for file in _own_files(source.queries, raw, project):
        table = table_of(file, source)
        for number, (query_id, split) in rows(file, table, (source.query_id, str(source.split))):
            if split_name(split, f"{file.name}, row {number}") != "test":
                found.add(identifier(query_id))
    return found


def _own_files(path: str, raw: Path, project: Path) -> list[NamedFile]:
    return named_files(PlacedSource(path=path), raw, project)
