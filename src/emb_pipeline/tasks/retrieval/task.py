"""The queries, passages and judgments of a retrieval task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from emb_pipeline.embeddings.ranking import TieOrder
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.examples.tables import read_optional_column, read_unique_ids, select_columns
from emb_pipeline.text.texts import Texts, take_texts

QUERIES = pa.schema([(name, pa.string()) for name in ("query_id", "text", "split", "group")])
PASSAGES = pa.schema([("passage_id", pa.string()), ("text", pa.string())])
QRELS = pa.schema([("query_id", pa.string()), ("passage_id", pa.string()), ("relevance", pa.float32())])
EXCLUDED = pa.schema([("query_id", pa.string()), ("passage_id", pa.string())])


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """Queries, passages, and which passages answer which query.

    Attributes
    ----------
    name : str
        Of the task.
    query_ids : ndarray of shape (n_queries,), str
        Names of the queries.
    queries : Texts of length n_queries
        What is searched for.
    passage_ids : ndarray of shape (n_passages,), str
        Names of the passages.
    passages : Texts of length n_passages
        What is searched in.
    qrels : csr_array of shape (n_queries, n_passages), float32
        Relevance grades; what is not judged is not relevant (0).
    training_queries : Texts of length n_training_queries
        Queries that embeddings may be fine-tuned on; the others are what is evaluated.
    training_qrels : csr_array of shape (n_training_queries, n_passages), float32, optional
        Their relevance grades.
    judged : csr_array of shape (n_queries, n_passages), bool, optional
        The pairs that were judged, irrelevant ones among them; those with a grade where it is left out.
    excluded : csr_array of shape (n_queries, n_passages), bool, optional
        The pairs that no ranking shows: a query's own passage.
    groups : ndarray of shape (n_queries,), str, optional
        Queries of one group are resampled together: those of one user, say.
    """

    name: str
    query_ids: np.ndarray
    queries: Texts
    passage_ids: np.ndarray
    passages: Texts
    qrels: sp.csr_array
    training_queries: Texts = field(default_factory=lambda: Texts([]))
    training_qrels: sp.csr_array | None = None
    judged: sp.csr_array | None = None
    excluded: sp.csr_array | None = None
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.qrels.shape != (len(self.query_ids), len(self.passage_ids)):
            raise ValueError(
                f"{self.name}: qrels of shape {self.qrels.shape} for {len(self.query_ids)} queries and "
                f"{len(self.passage_ids)} passages"
            )

    @cached_property
    def ties(self) -> TieOrder:
        """The order of passages that have equal scores for a query, by a hash of the words of both."""
        return TieOrder.of(self.queries, self.passages)

    def training_pairs(self) -> tuple[Texts, Texts]:
        """List each training query next to each passage that is relevant to it: queries and passages of shape (n_pairs,).

        A passage that answers an evaluated query, too, is left out.
        """
        rows, columns = self.training_rows()
        return self.training_queries.take(rows), self.passages.take(columns)

    def training_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """List the rows of the queries and passages of `training_pairs`."""
        if self.training_qrels is None:
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, nothing
        rows, columns = sp.coo_array(self.training_qrels > 0).coords
        kept = ~self.is_answer[columns]
        return rows[kept], columns[kept]

    @cached_property
    def is_answer(self) -> np.ndarray:
        """Say of each passage whether it answers an evaluated query: shape (n_passages,), bool."""
        return np.asarray((self.qrels > 0).sum(axis=0)).ravel() > 0

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "retrieval") -> RetrievalTask:
        """Build the task of tables ``queries``, ``passages`` and ``qrels``, and perhaps ``excluded``.

        Queries of a split other than test are for training. Those of the test that nothing answers are left out; grades
        below 0 are irrelevant, as 0 is.

        Raises
        ------
        DataError
            A missing column or value, an id twice, a repeated judgment, or one of an unknown id; no query is answered.
        """
        queries = select_columns(tables, "queries", QUERIES, name, optional=("split", "group"))
        passages = select_columns(tables, "passages", PASSAGES, name)
        qrels = select_columns(tables, "qrels", QRELS, name)
        query_ids, passage_ids = read_unique_ids(queries, "query_id", name), read_unique_ids(passages, "passage_id", name)
        rows, columns = _positions(qrels, "query_id", query_ids, name), _positions(qrels, "passage_id", passage_ids, name)
        grades = qrels["relevance"].to_numpy().astype(np.float32)
        shape = (len(query_ids), len(passage_ids))
        pairs, counts = np.unique(rows * shape[1] + columns, return_counts=True)
        if (counts > 1).any():
            row, column = divmod(int(pairs[counts > 1][0]), shape[1])
            raise DataError(
                f"{name}.qrels",
                f"passage {passage_ids[column]} is judged twice for query {query_ids[row]}",
                "keep one judgment of each pair",
            )
        judged = sp.csr_array((np.ones(len(grades), dtype=bool), (rows, columns)), shape=shape)
        graded = sp.csr_array((np.maximum(grades, 0), (rows, columns)), shape=shape)
        graded.eliminate_zeros()
        texts, is_training = take_texts(tables, "queries"), np.zeros(len(query_ids), dtype=bool)
        if "split" in queries.column_names:
            is_training = np.array([split not in (None, "test") for split in queries["split"].to_pylist()])
        is_answered = np.diff(graded.indptr) > 0
        tested, training = np.flatnonzero(~is_training & is_answered), np.flatnonzero(is_training)
        if is_training.all():
            raise DataError(f"{name}.queries", "no query is in the split 'test'", "name some, or leave the split out")
        if not len(tested):
            raise DataError(f"{name}.qrels", "no query of the test has a relevant passage", "judge some above 0")
        groups = read_optional_column(queries, "group", name)
        excluded = None
        if "excluded" in tables:
            pairs_out = select_columns(tables, "excluded", EXCLUDED, name)
            places = (
                _positions(pairs_out, "query_id", query_ids, name),
                _positions(pairs_out, "passage_id", passage_ids, name),
            )
            excluded = sp.csr_array((np.ones(pairs_out.num_rows, dtype=bool), places), shape=shape)[tested]
        return cls(
            name,
            query_ids[tested],
            texts.take(tested),
            passage_ids,
            take_texts(tables, "passages"),
            graded[tested],
            texts.take(training),
            graded[training],
            judged[tested],
            excluded,
            None if groups is None else groups[tested],
        )


def find_asked_passages(tables: Mapping[str, pa.Table]) -> dict[str, str]:
    """Find the passage that each query is about: by the query's id, where exactly one passage is relevant to it."""
    relevant = tables["qrels"].filter(pc.greater(tables["qrels"]["relevance"], 0))
    passages: dict[str, list[str]] = {}
    for query_id, passage_id in zip(relevant["query_id"].to_pylist(), relevant["passage_id"].to_pylist(), strict=True):
        passages.setdefault(query_id, []).append(passage_id)
    return {query_id: found[0] for query_id, found in passages.items() if len(found) == 1}


def _positions(qrels: pa.Table, column: str, ids: np.ndarray, name: str) -> np.ndarray:
    position_of = {value: position for position, value in enumerate(ids.tolist())}
    wanted = qrels[column].to_pylist()
    for row, value in enumerate(wanted):
        if value not in position_of:
            raise DataError(
                f"{name}.qrels, row {row + 1}", f"{column} {value!r} is unknown", "add it to its table or drop the row"
            )
    return np.array([position_of[value] for value in wanted], dtype=np.int64)
