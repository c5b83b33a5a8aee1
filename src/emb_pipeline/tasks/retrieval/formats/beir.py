"""The folder of a BEIR data set: corpus.jsonl, queries.jsonl and qrels/<split>.tsv."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import NamedFile, named_files
from emb_pipeline.readers.formats.delimited import TsvSource
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.options import PlacedSource
from emb_pipeline.readers.tables.rows import column_names, read_identified_texts
from emb_pipeline.readers.tables.times import TimeColumn
from emb_pipeline.readers.tables.values import require_group
from emb_pipeline.tasks.retrieval.formats.collection import Collection, RetrievalTables
from emb_pipeline.tasks.retrieval.formats.judgments import Judgment, read_queries_column, table_judgments
from emb_pipeline.tasks.retrieval.sources import BeirSource

COLUMNS = ("query-id", "corpus-id", "score")
"""Columns of the judgments."""


def read_beir(source: BeirSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read the folder of a BEIR data set [Thakur et al. 2021], without queries that no named split judges."""
    collection = _texts(source, raw, project, bad)
    TimeColumn(source.time).require_some(collection.times.values(), source.origin)
    tested = collection.judge(_judgments(source, source.test, raw, project, bad), bad)
    training: set[str] = set()
    if source.training is not None:
        judgments = _judgments(source, source.training, raw, project, bad)
        # What training judgments say of a query that is tested is left out.
        training = collection.judge((judged for judged in judgments if judged.query_id not in tested), bad)
    bad.raise_all()
    if not tested:
        raise DataError(f"qrels/{source.test}.tsv", "there is no judgment", "name another split: 'test: dev', say")
    collection.keep_queries(training | tested)
    return collection.tables(training, source.exclude_self)


def check_beir(source: BeirSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows of each file of the folder."""
    if named_files(source, raw, project):
        _texts(source, raw, project, bad)
        for split in filter(None, (source.test, source.training)):
            for _ in _judgments(source, split, raw, project, bad):
                pass


def _texts(source: BeirSource, raw: Path, project: Path, bad: BadRows) -> Collection:
    as_json = partial(_json_lines, encoding=source.encoding)
    queries, corpus = (_only_file(source, raw, project, f"**/{name}.jsonl*") for name in ("queries", "corpus"))
    passage = ("title", "text") if source.title else ("text",)
    if source.title and "title" not in column_names(corpus, as_json(corpus), 1):
        raise DataError(f"{corpus.name}, row 1", "there is no 'title'", "say 'title: false'")
    collection = Collection(
        read_identified_texts([queries], "_id", "text", as_json, bad),
        read_identified_texts([corpus], "_id", passage, as_json, bad),
        queries.name,
        corpus.name,
    )
    collection.groups = read_queries_column([queries], "_id", source.group, require_group, as_json, bad)
    collection.times = read_queries_column([queries], "_id", source.time, TimeColumn(source.time).parse, as_json, bad)
    return collection


def _judgments(source: BeirSource, split: str, raw: Path, project: Path, bad: BadRows) -> Iterator[Judgment]:
    file = _only_file(source, raw, project, f"**/qrels/{split}.tsv*")
    table = TsvSource(path=str(file.path), encoding=source.encoding)
    return table_judgments(file, table, *COLUMNS, bad)


def _json_lines(file: NamedFile, encoding: str) -> JsonlSource:
    return JsonlSource(path=str(file.path), encoding=encoding)


def _only_file(source: PlacedSource, raw: Path, project: Path, glob: str) -> NamedFile:
    files = named_files(source, raw, project, glob=glob)
    if len(files) > 1:
        listed = ", ".join(file.name for file in files[:5])
        raise DataError(f"'{glob}'", f"matches several files: {listed}", "name the folder of one data set")
    return files[0]
