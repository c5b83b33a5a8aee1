"""Queries, passages and the judgments between them, as tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.tables.times import TIME
from emb_pipeline.tasks.examples.sample import draw_rows
from emb_pipeline.tasks.retrieval.formats.judgments import Judgment
from emb_pipeline.tasks.retrieval.sources import OwnPassage
from emb_pipeline.text.hashing import hash_text
from emb_pipeline.text.words import tokenize

_PASSAGES_PER_QUERY = 5
"""Of a sample, passages for each query at least."""


@dataclass(frozen=True)
class RetrievalTables:
    """A retrieval task.

    Attributes
    ----------
    queries : pa.Table
        query_id, text, split: ``test`` for those that are evaluated, ``train`` for those that may be learnt from; and
        group and time, where the source names columns for them.
    passages : pa.Table
        passage_id, text.
    qrels : pa.Table
        query_id, passage_id, relevance: float32 (0 and below is irrelevant).
    excluded : pa.Table, optional
        query_id, passage_id: pairs that no ranking shows, for the passage is the query.
    left_out : pa.Table, optional
        Audit lines about what the reader left out.
    """

    queries: pa.Table
    passages: pa.Table
    qrels: pa.Table
    excluded: pa.Table | None = None
    left_out: pa.Table | None = None

    def evaluated(self) -> RetrievalTables:
        """Leave training queries out."""
        if "split" not in self.queries.column_names:
            return self
        queries = self.queries.filter(pc.equal(self.queries["split"], "test"))
        qrels, excluded = (
            None if pairs is None else pairs.filter(pc.is_in(pairs["query_id"], queries["query_id"]))
            for pairs in (self.qrels, self.excluded)
        )
        return RetrievalTables(queries, self.passages, qrels, excluded)

    def draw(self, n_examples: int | None) -> RetrievalTables:
        """Draw queries, and passages: those that are relevant to a query that is kept, and others up to as many in all."""
        if n_examples is None:
            return self
        queries = draw_rows(self.queries, max(n_examples // _PASSAGES_PER_QUERY, 1), ("query_id",), ("split",))
        qrels, excluded = (
            None if pairs is None else pairs.filter(pc.is_in(pairs["query_id"], queries["query_id"]))
            for pairs in (self.qrels, self.excluded)
        )
        assert qrels is not None
        relevant = pc.is_in(self.passages["passage_id"], qrels["passage_id"].filter(pc.greater(qrels["relevance"], 0)))
        others = self.passages.filter(pc.invert(relevant))
        others = draw_rows(others, max(n_examples - pc.sum(relevant).as_py(), 1), ("passage_id",))
        kept = pc.or_(relevant, pc.is_in(self.passages["passage_id"], others["passage_id"]))
        passages = self.passages.filter(kept)
        known = pc.is_in(qrels["passage_id"], passages["passage_id"])
        return RetrievalTables(queries, passages, qrels.filter(known), excluded, self.left_out)


class Collection:
    """Queries, passages and the grades between them.

    Parameters
    ----------
    queries, passages : dict of str to str
        Texts by id.
    queries_name, passages_name : str
        Where they are, for messages.
    """

    def __init__(self, queries: dict[str, str], passages: dict[str, str], queries_name: str, passages_name: str) -> None:
        self._queries, self._passages = queries, passages
        self._known = (("query", queries, queries_name), ("passage", passages, passages_name))
        self.grades: dict[tuple[str, str], float] = {}
        self.groups: dict[str, str] = {}
        self.times: dict[str, datetime | None] = {}

    def judge(self, judgments: Iterable[Judgment], bad: BadRows) -> set[str]:
        """Take judgments in; the ids of their queries come back."""
        judged = set()
        for judgment in judgments:
            try:
                self._judge(judgment)
            except DataError as error:
                bad.take(error)
                continue
            judged.add(judgment.query_id)
        return judged

    def _judge(self, judgment: Judgment) -> None:
        pair = judgment.query_id, judgment.passage_id
        for (kind, known, where), judged in zip(self._known, pair, strict=True):
            if judged not in known:
                remedy = "add it there, drop the row, or say 'on_error: skip'"
                raise DataError(judgment.place, f"{kind} '{judged}' is not in {where}", remedy)
        if pair in self.grades:
            raise DataError(
                judgment.place,
                f"query '{judgment.query_id}' and passage '{judgment.passage_id}' are judged a second time",
                "keep one of the rows",
            )
        self.grades[pair] = judgment.grade

    def keep_queries(self, kept: Container[str]) -> None:
        """Leave other queries out."""
        self._queries = {query_id: text for query_id, text in self._queries.items() if query_id in kept}

    def tables(self, training: Container[str], exclude_self: OwnPassage | None) -> RetrievalTables:
        """Build all tables."""
        own = build_own_passages(self._queries, self._passages, exclude_self)
        grades = {pair: grade for pair, grade in self.grades.items() if pair not in own and pair[0] in self._queries}
        queries = build_queries_table(self._queries, training, self.groups, self.times)
        excluded = None if exclude_self is None else build_pairs_table(own)
        return RetrievalTables(queries, build_passages_table(self._passages), build_qrels_table(grades), excluded)


def build_own_passages(
    queries: dict[str, str], passages: dict[str, str], by: OwnPassage | None
) -> dict[tuple[str, str], None]:
    """List each query with the passages that are the query itself."""
    own: dict[tuple[str, str], None] = {}
    of_words: dict[str, list[str]] = defaultdict(list)
    if by in ("text", "both"):
        for passage_id, text in passages.items():
            of_words[words_of(text)].append(passage_id)
    for query_id, text in queries.items():
        if by in ("id", "both") and query_id in passages:
            own[query_id, query_id] = None
        own.update(dict.fromkeys((query_id, passage_id) for passage_id in of_words.get(words_of(text), ())))
    return own


def words_of(text: str) -> str:
    """Reduce a text to what it shares with those that differ in case and punctuation alone."""
    return " ".join(tokenize(text)) or text.strip()


def build_queries_table(
    queries: dict[str, str],
    training: Container[str],
    groups: Mapping[str, str] | None = None,
    times: Mapping[str, datetime | None] | None = None,
) -> pa.Table:
    split = ["train" if query_id in training else "test" for query_id in queries]
    table = build_texts_table("query_id", queries).append_column("split", pa.array(split, pa.string()))
    if groups:
        table = table.append_column("group", pa.array([groups.get(query_id) for query_id in queries], pa.string()))
    if times:
        table = table.append_column(TIME, pa.array([times.get(query_id) for query_id in queries], TIME.type))
    return table


def build_passages_table(passages: dict[str, str]) -> pa.Table:
    """Build the table of passages in the order of a hash of their text, and of their id where texts are equal.

    The order of a file often has the relevant ones first, or follows the queries. Search engines rank equal scores in the
    order of insertion, and what is fitted on the passages adds in their order: neither may tell one file from another.
    """
    ordered = sorted(passages.items(), key=lambda passage: (hash_text(passage[1]), hash_text(passage[0])))
    return build_texts_table("passage_id", dict(ordered))


def build_texts_table(id_column: str, texts: dict[str, str]) -> pa.Table:
    return pa.table({id_column: pa.array(list(texts), pa.string()), "text": pa.array(list(texts.values()), pa.string())})


def build_qrels_table(judgments: Mapping[tuple[str, str], float]) -> pa.Table:
    return build_pairs_table(judgments).append_column("relevance", pa.array(list(judgments.values()), pa.float32()))


def build_pairs_table(pairs: Iterable[tuple[str, str]]) -> pa.Table:
    columns = list(zip(*pairs, strict=True)) or [(), ()]
    return pa.table(
        {name: pa.array(ids, pa.string()) for name, ids in zip(("query_id", "passage_id"), columns, strict=True)}
    )
