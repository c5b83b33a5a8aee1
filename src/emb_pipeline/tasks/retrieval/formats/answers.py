"""Questions and the texts that answer them: MedQuAD, SQuAD, LiveQA, docstrings, and any pairs."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.docstrings import packages as docstrings
from emb_pipeline.readers.docstrings.options import DocstringRetrievalSource
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.formats.liveqa import LiveqaSource, read_liveqa_judgments
from emb_pipeline.readers.formats.medquad import MedquadSource, read_sampled_pairs
from emb_pipeline.readers.formats.squad import read_squad_questions
from emb_pipeline.tasks.retrieval.formats.collection import (
    RetrievalTables,
    build_own_passages,
    build_pairs_table,
    build_passages_table,
    build_qrels_table,
    build_queries_table,
    build_texts_table,
    words_of,
)
from emb_pipeline.tasks.retrieval.sources import OwnPassage, SquadSource
from emb_pipeline.text.hashing import hash_text


def read_medquad(source: MedquadSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read the questions of MedQuAD and their answers."""
    return tables_of_answers(read_sampled_pairs(source, raw, project), source)


def read_squad(source: SquadSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read the questions of SQuAD and the paragraphs that answer them."""
    return tables_of_answers(_squad_pairs(source, raw, project), source)


def check_squad(source: SquadSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first questions of every file."""
    for _ in _squad_pairs(source, raw, project):
        pass


def read_liveqa(source: LiveqaSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read the questions of LiveQA and their judged answers."""
    found = read_liveqa_judgments(source, raw, project)
    return RetrievalTables(
        build_queries_table(found.questions, ()), build_passages_table(found.answers), build_qrels_table(found.grades)
    )


def read_docstrings(source: DocstringRetrievalSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read summaries of docstrings as queries, their bodies as passages."""
    table = docstrings.build_docstring_table(source.packages, raw / docstrings.CACHE)
    return RetrievalTables(
        *docstrings.build_summary_retrieval(
            table,
            max_queries=source.max_queries,
            training_queries=source.training_queries,
            max_passages=source.max_passages,
            min_tokens=source.min_tokens,
            min_body_tokens=source.min_body_tokens,
            test_share=source.test_share,
        )
    )


def _squad_pairs(source: SquadSource, raw: Path, project: Path) -> Iterator[tuple[str, str, str, str]]:
    """Stream place, id, question and paragraph."""
    for file in named_files(source, raw, project):
        for question in read_squad_questions(file, source.encoding):
            yield question.place, question.question_id, question.question, question.context


class PairsByWords:
    """Queries with passages that were judged for them; those of equal words are one, with the highest grade.

    A query belongs to the split that it is first met in; what other splits say of it is checked, and left out.
    """

    def __init__(self) -> None:
        self._queries: dict[str, tuple[str, str]] = {}
        self._passages: dict[str, tuple[str, str]] = {}
        self.split_of: dict[str, str] = {}
        self.grades: dict[tuple[str, str], float] = {}
        self.groups: dict[str, str] = {}
        self.times: dict[str, datetime | None] = {}

    def add(
        self,
        place: str,
        pair_id: str,
        query: str,
        passage: str,
        grade: float = 1,
        split: str = "test",
        group: str | None = None,
        time: datetime | None = None,
    ) -> None:
        """Take a pair in."""
        for kind, text in (("query", query), ("passage", passage)):
            if not text.strip():
                raise DataError(place, f"the {kind} is empty", "fill it in or drop the row")
        query_id = _one_of(self._queries, f"q:{pair_id}", query)
        if group is not None:
            self.groups.setdefault(query_id, group)
        if time is not None:
            self.times.setdefault(query_id, time)
        if self.split_of.setdefault(query_id, split) == split:
            passage_id = _one_of(self._passages, f"p:{pair_id}", passage)
            self.grades[query_id, passage_id] = max(grade, self.grades.get((query_id, passage_id), -math.inf))

    def add_passage(self, passage_id: str, passage: str) -> None:
        """Take a passage in, whether or not it answers a query."""
        _one_of(self._passages, passage_id, passage)

    def queries_by_hash(self) -> list[str]:
        """List their ids, in an order that looks random."""
        return [self._queries[words][0] for words in sorted(self._queries, key=hash_text)]

    def tables(
        self, tested: Iterable[str], training: Container[str], exclude_self: OwnPassage | None = None
    ) -> RetrievalTables:
        """Build these queries, and all passages, in the order of a hash of their words (see `build_passages_table`)."""
        tested = set(tested)
        queries = {query_id: text for query_id, text in self._queries.values() if query_id in tested or query_id in training}
        passages = dict(self._passages[words] for words in sorted(self._passages, key=hash_text))
        own = build_own_passages(queries, passages, exclude_self)
        grades = {pair: grade for pair, grade in self.grades.items() if pair[0] in queries and pair not in own}
        excluded = None if exclude_self is None else build_pairs_table(own)
        texts = build_texts_table("passage_id", passages)
        return RetrievalTables(
            build_queries_table(queries, training, self.groups, self.times), texts, build_qrels_table(grades), excluded
        )


def _one_of(known: dict[str, tuple[str, str]], new_id: str, text: str) -> str:
    """Find the id of the known text of these words, or a new one."""
    text = text.strip()
    return known.setdefault(words_of(text), (new_id, text))[0]


def tables_of_answers(
    pairs: Iterable[tuple[Any, ...]], source: Any, searched: Iterable[tuple[str, str]] = ()
) -> RetrievalTables:
    """Build tables of place, id, query and passage of pairs: a query that repeats has all its passages as answers.

    No passage of a query that is evaluated is among those of training queries. ``searched`` are id and text of
    passages that are searched, too.
    """
    found = PairsByWords()
    for passage_id, passage in searched:
        found.add_passage(passage_id, passage)
    for pair in pairs:
        found.add(*pair)
    if not found.grades:
        raise DataError(
            source.origin, "there is no pair of query and passage", "check the file, and which columns are named"
        )
    by_hash = found.queries_by_hash()
    n_tested = len(by_hash) if source.max_queries is None else source.max_queries
    tested = set(by_hash[:n_tested])
    answers = {passage_id for query_id, passage_id in found.grades if query_id in tested}
    on_answers = {query_id for query_id, passage_id in found.grades if passage_id in answers}
    others = [query_id for query_id in by_hash[n_tested:] if query_id not in on_answers]
    return found.tables(tested, set(others[: source.training_queries]), getattr(source, "exclude_self", None))
