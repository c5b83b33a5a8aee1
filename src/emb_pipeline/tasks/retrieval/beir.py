"""The folder of a BEIR data set: corpus.jsonl, queries.jsonl and qrels/<split>.tsv."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files import NamedFile, named_files
from emb_pipeline.readers.formats.delimited import TsvReading
from emb_pipeline.readers.formats.json_lines import JsonlReading
from emb_pipeline.readers.options import PlacedReading
from emb_pipeline.readers.tables import column_names, identified_texts
from emb_pipeline.tasks.retrieval.collection import Collection, RetrievalTables
from emb_pipeline.tasks.retrieval.judgments import Judgment, groups_of_queries, table_judgments
from emb_pipeline.tasks.retrieval.sources import BeirReading

COLUMNS = ("query-id", "corpus-id", "score")
"""Columns of the judgments."""


def read_beir(reading: BeirReading, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read the folder of a BEIR data set [Thakur et al. 2021], without queries that no named split judges."""
    collection = _texts(reading, raw, project, bad)
    tested = collection.judge(_judgments(reading, reading.test, raw, project, bad), bad)
    training: set[str] = set()
    if reading.training is not None:
        judgments = _judgments(reading, reading.training, raw, project, bad)
        # What training judgments say of a query that is tested is left out.
        training = collection.judge((judged for judged in judgments if judged.query_id not in tested), bad)
    bad.raise_all()
    if not tested:
        raise DataError(f"qrels/{reading.test}.tsv", "there is no judgment", "name another split: 'test: dev', say")
    collection.keep_queries(training | tested)
    return collection.tables(training, reading.exclude_self)


def check_beir(reading: BeirReading, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows of each file of the folder."""
    if named_files(reading, raw, project):
        _texts(reading, raw, project, bad)
        for split in filter(None, (reading.test, reading.training)):
            for _ in _judgments(reading, split, raw, project, bad):
                pass


def _texts(reading: BeirReading, raw: Path, project: Path, bad: BadRows) -> Collection:
    as_json = partial(_json_lines, encoding=reading.encoding)
    queries, corpus = (_only_file(reading, raw, project, f"**/{name}.jsonl*") for name in ("queries", "corpus"))
    passage = ("title", "text") if reading.title else ("text",)
    if reading.title and "title" not in column_names(corpus, as_json(corpus), 1):
        raise DataError(f"{corpus.name}, row 1", "there is no 'title'", "say 'title: false'")
    collection = Collection(
        identified_texts([queries], "_id", "text", as_json, bad),
        identified_texts([corpus], "_id", passage, as_json, bad),
        queries.name,
        corpus.name,
    )
    if reading.group is not None:
        collection.groups = groups_of_queries([queries], "_id", reading.group, as_json, bad)
    return collection


def _judgments(reading: BeirReading, split: str, raw: Path, project: Path, bad: BadRows) -> Iterator[Judgment]:
    file = _only_file(reading, raw, project, f"**/qrels/{split}.tsv*")
    table = TsvReading(path=str(file.path), encoding=reading.encoding)
    return table_judgments(file, table, *COLUMNS, bad)


def _json_lines(file: NamedFile, encoding: str) -> JsonlReading:
    return JsonlReading(path=str(file.path), encoding=encoding)


def _only_file(reading: PlacedReading, raw: Path, project: Path, glob: str) -> NamedFile:
    files = named_files(reading, raw, project, glob=glob)
    if len(files) > 1:
        listed = ", ".join(file.name for file in files[:5])
        raise DataError(f"'{glob}'", f"matches several files: {listed}", "name the folder of one data set")
    return files[0]
