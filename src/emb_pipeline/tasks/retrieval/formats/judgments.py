"""Judgments of a query and a passage: from tables, and from TREC's files."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Literal, NamedTuple, TypeVar

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows, take_or_raise
from emb_pipeline.readers.files.lines import lines
from emb_pipeline.readers.files.named_files import NamedFile, per_file
from emb_pipeline.readers.options import TabularSource
from emb_pipeline.readers.tables.rows import column_names, rows
from emb_pipeline.readers.tables.values import identifier

GRADES = frozenset("relevance rel score grade label judgment judgement rating gold relevant is_relevant".split())
"""Names that columns with grades have in published data sets."""

GradeColumn = str | Literal[False] | None
"""A column with grades; False: every row is relevant; None: not said."""

T = TypeVar("T")


class Judgment(NamedTuple):
    """A grade of a passage for a query, and the place that it is at."""

    place: str
    query_id: str
    passage_id: str
    grade: float


def grade_column(
    file: NamedFile, table: TabularSource, named: GradeColumn, ids: Collection[str], *, any_other: bool
) -> str | None:
    """Find the column with the grades; None where every row is relevant.

    Parameters
    ----------
    file, table : NamedFile, TabularSource
        The judgments, and how they are read.
    named : str, False or None
        What the task's source says.
    ids : collection of str
        The columns that are known.
    any_other : bool
        Whether any further column may be a grade, or only one of the names in `GRADES`.

    Raises
    ------
    DataError
        A column that may be the grade is not named: were it ignored, irrelevant passages would count as relevant.
    """
    if named is not None:
        return named or None
    others = [column for column in column_names(file, table) if column not in ids]
    if any_other and "relevance" in others:
        return "relevance"
    like_grades = [column for column in others if column.strip().casefold() in GRADES]
    unnamed = like_grades or (others if any_other else [])
    if unnamed:
        raise DataError(
            file.name,
            f"the column '{unnamed[0]}' stands beside the judged pairs and is not named",
            f"say 'relevance: {unnamed[0]}' if it holds the grade (0 is irrelevant), or 'relevance: false' if every row is "
            "relevant",
        )
    return None


def table_judgments(
    file: NamedFile, table: TabularSource, query_id: str, passage_id: str, relevance: str | None, bad: BadRows | None = None
) -> Iterator[Judgment]:
    """Stream the judgments of a table; without a column of grades each is 1."""
    wanted = (query_id, passage_id, *((relevance,) if relevance else ()))
    for number, (query, passage, *given) in rows(file, table, wanted, bad):
        place = f"{file.name}, row {number}"
        try:
            grade = grade_of(given[0], place, str(relevance)) if given else 1.0
        except DataError as error:
            take_or_raise(bad, error)
            continue
        yield Judgment(place, identifier(query), identifier(passage), grade)


@per_file
def trec_judgments(file: NamedFile, encoding: str, bad: BadRows | None = None) -> Iterator[Judgment]:
    """Stream the judgments of a file of TREC: query, iteration, passage and grade in each line, between white space [1]_.

    References
    ----------
    .. [1] trec_eval, https://github.com/usnistgov/trec_eval
    """
    for number, line in enumerate(lines(file, encoding), 1):
        fields, place = line.split(), f"{file.name}, row {number}"
        if not fields:
            continue
        try:
            if len(fields) != 4:
                raise DataError(
                    place,
                    f"it has {len(fields)} fields, not the four of TREC's judgments (query, iteration, passage, grade)",
                    "correct the row, or leave 'qrels_format: trec' out if the file is a table with a header",
                )
            grade = grade_of(fields[3], place, "grade")
        except DataError as error:
            take_or_raise(bad, error)
            continue
        yield Judgment(place, fields[0], fields[2], grade)


def grade_of(value: str, place: str, column: str) -> float:
    """Read a grade: any number; 0 and below are irrelevant.

    Raises
    ------
    DataError
        It is no number.
    """
    try:
        grade = float(value)
    except ValueError:
        grade = math.nan
    if not math.isfinite(grade):
        raise DataError(place, f"{column} '{value}' is no number", "0 and below say irrelevant, what is above 0 relevant")
    return grade


def read_queries_column(
    files: Iterable[NamedFile],
    id_column: str,
    column: str | None,
    parse: Callable[[str, str], T],
    read_as: Callable[[NamedFile], TabularSource],
    bad: BadRows,
) -> dict[str, T]:
    """Read a further column of each query, the group or the time, from files of queries; nothing where none is named.

    ``parse`` takes a value and its place.
    """
    found: dict[str, T] = {}
    if column is None:
        return found
    for file in files:
        for number, (query_id, value) in rows(file, read_as(file), (id_column, column), bad):
            try:
                found[identifier(query_id)] = parse(value, f"{file.name}, row {number}")
            except DataError as error:
                bad.take(error)
    return found
