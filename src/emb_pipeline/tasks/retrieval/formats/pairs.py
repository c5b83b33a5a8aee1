"""Pairs of a query and a passage, in files of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.tables.rows import rows, table_of
from emb_pipeline.readers.tables.times import TimeColumn
from emb_pipeline.readers.tables.values import require_group
from emb_pipeline.tasks.retrieval.formats.answers import PairsByWords, tables_of_answers
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables
from emb_pipeline.tasks.retrieval.formats.judgments import grade_column, grade_of
from emb_pipeline.tasks.retrieval.sources import PairsSource

_Judged: TypeAlias = tuple[str, str, str, str, float, str, str | None, datetime | None]
"""Place, id, query, passage, grade, split, group and time of a pair."""


def read_pairs(source: PairsSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read queries and passages from pairs, with grades or without."""
    judged = list(_pairs(source, raw, project, bad))
    bad.raise_all()
    TimeColumn(source.time).require_some((time for *_, time in judged), source.origin)
    if source.relevance or source.splits is not None:
        return _judged_queries(source, judged)
    return tables_of_answers(judged, source)


def check_pairs(source: PairsSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows."""
    for _ in _pairs(source, raw, project, bad):
        pass


def _pairs(source: PairsSource, raw: Path, project: Path, bad: BadRows) -> Iterator[_Judged]:
    """Stream place, id, query, passage, grade, split, group and time of each pair that can be used."""
    times = TimeColumn(source.time)
    # Test comes before train: a query of both is evaluated, and not trained on.
    groups = [("test", source.files)] if source.splits is None else sorted(source.splits.items())
    ids = (source.query, source.passage)
    further = [column for column in (source.group, source.time) if column is not None]
    for split, glob in groups:
        for file in named_files(source, raw, project, glob=glob):
            table = table_of(file, source)
            graded = grade_column(file, table, source.relevance, ids, any_other=False)
            for number, (query, passage, *given) in rows(
                file,
                table,
                (*ids, *([graded] if graded else []), *further),
                bad,
                texts_in=ids,
            ):
                place = f"{file.name}, row {number}"
                if bad.leaves_out_empty and not (query.strip() and passage.strip()):
                    bad.leave_out_empty(place)
                    continue
                try:
                    for kind, text in (("query", query), ("passage", passage)):
                        if not text.strip():
                            raise DataError(place, f"the {kind} is empty", "fill it in or drop the row")
                    grade = grade_of(given[0], place, str(graded)) if graded else 1.0
                    of_row = dict(zip(further, given[-len(further) :] if further else [], strict=True))
                    group = require_group(of_row[source.group], place) if source.group else None
                    time = times.parse(of_row.get(str(source.time)), place)
                except DataError as error:
                    bad.take(error)
                    continue
                yield place, f"{file.name}:{number}", query, passage, grade, split, group, time


def _judged_queries(source: PairsSource, pairs: Iterable[_Judged]) -> RetrievalTables:
    """Build pairs with grades or splits as tables."""
    found = PairsByWords()
    for pair in pairs:
        found.add(*pair)
    relevant = {query_id for (query_id, _), grade in found.grades.items() if grade > 0}
    irrelevant = {query_id for (query_id, _), grade in found.grades.items() if grade <= 0}
    kept = relevant & irrelevant if source.only_mixed else relevant
    by_hash = [query_id for query_id in found.queries_by_hash() if query_id in kept]
    tested = [query_id for query_id in by_hash if found.split_of[query_id] == "test"][: source.max_queries]
    if not tested:
        raise DataError(
            source.origin, "no query of the test part has a relevant passage", "check files, columns and 'only_mixed'"
        )
    training = {query_id for query_id in by_hash if found.split_of[query_id] != "test"}
    return found.tables(tested, training, source.exclude_self)
