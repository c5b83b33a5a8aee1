"""Queries, passages and judgments in three files of rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files import NamedFile, named_files
from emb_pipeline.readers.options import PlacedReading
from emb_pipeline.readers.splits import split_name
from emb_pipeline.readers.tables import column_names, identified_texts, rows, table_of
from emb_pipeline.readers.values import identifier
from emb_pipeline.tasks.retrieval.beir import COLUMNS as BEIR_COLUMNS
from emb_pipeline.tasks.retrieval.collection import Collection, RetrievalTables
from emb_pipeline.tasks.retrieval.judgments import Judgment, grade_column, groups_of_queries, table_judgments, trec_judgments
from emb_pipeline.tasks.retrieval.sources import TablesReading


def read_tables(reading: TablesReading, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read the queries, the passages and the judgments of three files."""
    read_as = partial(table_of, reading=reading)
    queries = identified_texts(_own_files(reading.queries, project), reading.query_id, reading.text, read_as, bad)
    training = _training_queries(reading, project) if reading.split else set()
    passages = identified_texts(_own_files(reading.passages, project), reading.passage_id, reading.text, read_as, bad)
    collection = Collection(queries, passages, reading.queries, reading.passages)
    if reading.group is not None:
        files = _own_files(reading.queries, project)
        collection.groups = groups_of_queries(files, reading.query_id, reading.group, read_as, bad)
    for file in _own_files(reading.qrels, project):
        collection.judge(_judgments_of(file, reading, bad), bad)
    bad.raise_all()
    if not collection.grades:
        raise DataError(
            reading.qrels, "there is no judgment", "add a row of query_id, passage_id and relevance per relevant passage"
        )
    return collection.tables(training, reading.exclude_self)


def check_tables(reading: TablesReading, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows of the three files."""
    read_as = partial(table_of, reading=reading)
    for path, id_column in ((reading.queries, reading.query_id), (reading.passages, reading.passage_id)):
        identified_texts(_own_files(path, project), id_column, reading.text, read_as, bad)
    for file in _own_files(reading.qrels, project):
        for _ in _judgments_of(file, reading, bad):
            pass


def _judgments_of(file: NamedFile, reading: TablesReading, bad: BadRows) -> Iterator[Judgment]:
    suffixes = {suffix.casefold() for suffix in file.path.suffixes}
    if reading.qrels_format == "trec" or suffixes & {".qrels", ".trec"}:
        return trec_judgments(file, reading.encoding, bad)
    table = table_of(file, reading)
    ids = (reading.query_id, reading.passage_id)
    if set(BEIR_COLUMNS) <= set(column_names(file, table, 1)) - set(ids):
        raise DataError(
            file.name,
            f"its columns are {', '.join(BEIR_COLUMNS)}, those of BEIR",
            "say 'reader: beir, path: …' with the folder that holds corpus.jsonl, queries.jsonl and qrels",
        )
    return table_judgments(file, table, *ids, grade_column(file, table, reading.relevance, ids, any_other=True), bad)


def _training_queries(reading: TablesReading, project: Path) -> set[str]:
    found: set[str] = set()
    for file in _own_files(reading.queries, project):
        table = table_of(file, reading)
        for number, (query_id, split) in rows(file, table, (reading.query_id, str(reading.split))):
            if split_name(split, f"{file.name}, row {number}") != "test":
                found.add(identifier(query_id))
    return found


def _own_files(path: str, project: Path) -> list[NamedFile]:
    return named_files(PlacedReading(path=path), project, project)
