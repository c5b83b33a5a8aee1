"""From files to queries, passages and the judgments between them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.text import docstrings, markup, question_answering
from emb_pipeline.text.errors import DataError
from emb_pipeline.text.files import NamedFile, named_files
from emb_pipeline.text.hashing import text_hash
from emb_pipeline.text.readings import (
    DocstringRetrievalReading,
    LiveqaReading,
    PairsReading,
    PlacedReading,
    RetrievalReading,
    SquadReading,
    TablesReading,
    origin_of,
)
from emb_pipeline.text.splits import split_name
from emb_pipeline.text.tables import column_names, identified_texts, identifier, rows, table_of
from emb_pipeline.text.tokens import tokenize


@dataclass(frozen=True)
class RetrievalTables:
    """A retrieval task.

    Attributes
    ----------
    queries : pa.Table
        query_id, text, split: ``test`` for those that are evaluated, ``train`` for those that may be learnt from.
    passages : pa.Table
        passage_id, text.
    qrels : pa.Table
        query_id, passage_id, relevance: int32 (0 is irrelevant).
    """

    queries: pa.Table
    passages: pa.Table
    qrels: pa.Table

    def evaluated(self) -> RetrievalTables:
        """The same without training queries."""
        if "split" not in self.queries.column_names:
            return self
        queries = self.queries.filter(pc.equal(self.queries["split"], "test"))
        return RetrievalTables(
            queries, self.passages, self.qrels.filter(pc.is_in(self.qrels["query_id"], queries["query_id"]))
        )


def read_retrieval(reading: RetrievalReading, raw: Path, project: Path) -> RetrievalTables:
    """Queries, passages and the judgments between them.

    Parameters
    ----------
    reading : RetrievalReading
        Where they are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.

    Returns
    -------
    RetrievalTables

    Raises
    ------
    DataError
        A text is empty, an id repeats, a judgment names an unknown query or passage, there is nothing to retrieve, or a
        file is missing, damaged or not what the reading says.
    """
    if isinstance(reading, DocstringRetrievalReading):
        table = docstrings.docstring_table(reading.packages, raw / docstrings.CACHE)
        return RetrievalTables(
            *docstrings.summary_retrieval(
                table,
                max_queries=reading.max_queries,
                training_queries=reading.training_queries,
                min_tokens=reading.min_tokens,
                min_body_tokens=reading.min_body_tokens,
                test_share=reading.test_share,
            )
        )
    if isinstance(reading, TablesReading):
        return _judged_tables(reading, project)
    if isinstance(reading, LiveqaReading):
        found = question_answering.liveqa_judgments(reading, raw, project)
        return _judged_answers(found.questions, found.answers, found.grades)
    if isinstance(reading, PairsReading):
        if reading.relevance is not None or reading.splits is not None:
            return _judged_queries(reading, raw, project)
        pairs = _pairs(reading, raw, project)
    elif isinstance(reading, SquadReading):
        pairs = question_answering.squad_pairs(reading, raw, project)
    else:
        pairs = chain.from_iterable(map(markup.medquad_pairs, named_files(reading, raw, project)))
    return _answered_queries(pairs, origin_of(reading), reading.max_queries, reading.training_queries)


def _judged_tables(reading: TablesReading, project: Path) -> RetrievalTables:
    read_as = partial(table_of, reading=reading)
    queries = identified_texts(_own_files(reading.queries, project), reading.query_id, reading.text, read_as)
    training = _training_queries(reading, project) if reading.split else set()
    passages = identified_texts(_own_files(reading.passages, project), reading.passage_id, reading.text, read_as)
    judgments: dict[tuple[str, str], int] = {}
    for file in _own_files(reading.qrels, project):
        table = table_of(file, reading)
        graded = reading.relevance in column_names(file, table)
        wanted = (reading.query_id, reading.passage_id, *((reading.relevance,) if graded else ()))
        for number, (query_id, passage_id, *grade) in rows(file, table, wanted):
            place = f"{file.name}, row {number}"
            query_id, passage_id = identifier(query_id), identifier(passage_id)
            for kind, judged, known, where in (
                ("query", query_id, queries, reading.queries),
                ("passage", passage_id, passages, reading.passages),
            ):
                if judged not in known:
                    raise DataError(place, f"{kind} '{judged}' is not in {where}", "add it there or drop the row")
            if (query_id, passage_id) in judgments:
                raise DataError(
                    place, f"query '{query_id}' and passage '{passage_id}' are judged a second time", "keep one of the rows"
                )
            judgments[query_id, passage_id] = _grade(grade[0], place) if grade else 1
    if not judgments:
        raise DataError(
            reading.qrels, "there is no judgment", "add a row of query_id, passage_id and relevance per relevant passage"
        )
    return RetrievalTables(_queries_table(queries, training), _passages_table(passages), _qrels_table(judgments))


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


def _grade(value: str, place: str) -> int:
    try:
        grade = int(value)
    except ValueError:
        grade = -1
    if grade < 0:
        raise DataError(
            place, f"relevance '{value}' is not a whole number from 0 on", "0 says irrelevant, 1 and more relevant"
        )
    return grade


class _Pairs:
    """Queries with passages that were judged for them; those of equal words are one, with the highest grade.

    A query belongs to the split that it is first met in; what other splits say of it is checked, and left out.
    """

    def __init__(self) -> None:
        self._queries: dict[str, tuple[str, str]] = {}
        self._passages: dict[str, tuple[str, str]] = {}
        self.split_of: dict[str, str] = {}
        self.grades: dict[tuple[str, str], int] = {}

    def add(self, place: str, pair_id: str, query: str, passage: str, grade: int = 1, split: str = "test") -> None:
        """Take a pair in."""
        for kind, text in (("query", query), ("passage", passage)):
            if not text.strip():
                raise DataError(place, f"the {kind} is empty", "fill it in or drop the row")
        query_id = _one_of(self._queries, f"q:{pair_id}", query)
        if self.split_of.setdefault(query_id, split) == split:
            passage_id = _one_of(self._passages, f"p:{pair_id}", passage)
            self.grades[query_id, passage_id] = max(grade, self.grades.get((query_id, passage_id), 0))

    def queries_by_hash(self) -> list[str]:
        """Their ids, in an order that looks random."""
        return [self._queries[words][0] for words in sorted(self._queries, key=text_hash)]

    def tables(self, tested: Iterable[str], training: Container[str]) -> RetrievalTables:
        """These queries, and all passages, in the order of a hash of their words (see `_passages_table`)."""
        tested = set(tested)
        queries = {query_id: text for query_id, text in self._queries.values() if query_id in tested or query_id in training}
        passages = dict(self._passages[words] for words in sorted(self._passages, key=text_hash))
        grades = {pair: grade for pair, grade in self.grades.items() if pair[0] in queries}
        return RetrievalTables(_queries_table(queries, training), _texts_table("passage_id", passages), _qrels_table(grades))


def _one_of(known: dict[str, tuple[str, str]], new_id: str, text: str) -> str:
    """The id of the known text of these words, or a new one."""
    text = text.strip()
    return known.setdefault(" ".join(tokenize(text)) or text, (new_id, text))[0]


def _pairs(reading: PairsReading, raw: Path, project: Path) -> Iterator[tuple[str, str, str, str]]:
    for file in named_files(reading, raw, project):
        table = table_of(file, reading)
        for number, (query, passage) in rows(file, table, (reading.query, reading.passage)):
            yield f"{file.name}, row {number}", f"{file.name}:{number}", query, passage


def _answered_queries(
    pairs: Iterable[tuple[str, str, str, str]], place: str, max_queries: int | None, training_queries: int
) -> RetrievalTables:
    """Place, id, query and passage of pairs as tables: a query that repeats has all its passages as answers.

    No passage of a query that is evaluated is among those of training queries.
    """
    found = _Pairs()
    for pair in pairs:
        found.add(*pair)
    if not found.grades:
        raise DataError(place, "there is no pair of query and passage", "check the file, and which columns are named")
    by_hash = found.queries_by_hash()
    n_tested = len(by_hash) if max_queries is None else max_queries
    tested = set(by_hash[:n_tested])
    answers = {passage_id for query_id, passage_id in found.grades if query_id in tested}
    on_answers = {query_id for query_id, passage_id in found.grades if passage_id in answers}
    others = [query_id for query_id in by_hash[n_tested:] if query_id not in on_answers]
    return found.tables(tested, set(others[:training_queries]))


def _judged_queries(reading: PairsReading, raw: Path, project: Path) -> RetrievalTables:
    """Pairs with grades or splits as tables."""
    found = _Pairs()
    # Test comes before train: a query of both is evaluated, and not trained on.
    groups = [("test", reading.files)] if reading.splits is None else sorted(reading.splits.items())
    for split, glob in groups:
        for file in named_files(reading, raw, project, glob=glob):
            table = table_of(file, reading)
            wanted = (reading.query, reading.passage, *([reading.relevance] if reading.relevance else []))
            for number, (query, passage, *given) in rows(file, table, wanted):
                place = f"{file.name}, row {number}"
                grade = _grade(given[0], place) if given else 1
                found.add(place, f"{file.name}:{number}", query, passage, grade, split)
    relevant = {query_id for (query_id, _), grade in found.grades.items() if grade}
    irrelevant = {query_id for (query_id, _), grade in found.grades.items() if not grade}
    kept = relevant & irrelevant if reading.only_mixed else relevant
    by_hash = [query_id for query_id in found.queries_by_hash() if query_id in kept]
    tested = [query_id for query_id in by_hash if found.split_of[query_id] == "test"][: reading.max_queries]
    if not tested:
        raise DataError(
            origin_of(reading), "no query of the test part has a relevant passage", "check files, columns and 'only_mixed'"
        )
    return found.tables(tested, {query_id for query_id in by_hash if found.split_of[query_id] != "test"})


def _judged_answers(
    questions: dict[str, str], answers: dict[str, str], grades: dict[tuple[str, str], int]
) -> RetrievalTables:
    return RetrievalTables(_queries_table(questions, ()), _passages_table(answers), _qrels_table(grades))


def _queries_table(queries: dict[str, str], training: Container[str]) -> pa.Table:
    split = ["train" if query_id in training else "test" for query_id in queries]
    return _texts_table("query_id", queries).append_column("split", pa.array(split, pa.string()))


def _passages_table(passages: dict[str, str]) -> pa.Table:
    """The passages in the order of a hash of their text, and of their id where texts are equal.

    The order of a file often has the relevant ones first, or follows the queries. Search engines rank equal scores in the
    order of insertion, and what is fitted on the passages adds in their order: neither may tell one file from another.
    """
    ordered = sorted(passages.items(), key=lambda passage: (text_hash(passage[1]), text_hash(passage[0])))
    return _texts_table("passage_id", dict(ordered))


def _texts_table(id_column: str, texts: dict[str, str]) -> pa.Table:
    return pa.table({id_column: pa.array(list(texts), pa.string()), "text": pa.array(list(texts.values()), pa.string())})


def _qrels_table(judgments: dict[tuple[str, str], int]) -> pa.Table:
    return pa.table(
        {
            "query_id": pa.array([query_id for query_id, _ in judgments], pa.string()),
            "passage_id": pa.array([passage_id for _, passage_id in judgments], pa.string()),
            "relevance": pa.array(list(judgments.values()), pa.int32()),
        }
    )
