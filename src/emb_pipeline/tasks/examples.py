"""The examples of a task, and their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from emb_pipeline.embeddings.ranking import TieOrder
from emb_pipeline.errors import DataError
from emb_pipeline.text.seen import NEAR_GROUP
from emb_pipeline.text.texts import Texts, joined, texts_of

EXAMPLES = pa.schema(
    [
        (name, pa.string()) for name in ("example_id", "text", "label", "split", "group", NEAR_GROUP)
    ]  # the last three may lack
)
QUERIES = pa.schema([(name, pa.string()) for name in ("query_id", "text", "split", "group")])
PASSAGES = pa.schema([("passage_id", pa.string()), ("text", pa.string())])
PAIRS = pa.schema(
    [*((name, pa.string()) for name in ("pair_id", "text_a", "text_b")), ("score", pa.float64()), ("group", pa.string())]
)
QRELS = pa.schema([("query_id", pa.string()), ("passage_id", pa.string()), ("relevance", pa.float32())])
EXCLUDED = pa.schema([("query_id", pa.string()), ("passage_id", pa.string())])


@dataclass(frozen=True, eq=False)
class ClassificationTask:
    """Labelled texts.

    Attributes
    ----------
    name : str
        Of the task.
    example_ids : ndarray of shape (n_examples,), str
        Names of the examples.
    texts : Texts of length n_examples
        What is classified.
    labels : ndarray of shape (n_examples,), str
        The right class of each text.
    split : ndarray of shape (n_examples,), str, or None
        ``train``, ``validation`` or ``test`` where the task has an official split.
    groups : ndarray of shape (n_examples,), str, or None
        Examples of one group stay in one fold: offers of one product, say, whose titles give each other away.
    near_groups : ndarray of shape (n_examples,), str, or None
        Examples of one cluster of near-duplicates, where these were looked for.
    """

    name: str
    example_ids: np.ndarray
    texts: Texts
    labels: np.ndarray
    split: np.ndarray | None = None
    groups: np.ndarray | None = None
    near_groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        parts: tuple[Sized | None, ...] = (self.texts, self.labels, self.split, self.groups, self.near_groups)
        for part in parts:
            if part is not None and len(part) != len(self.example_ids):
                raise ValueError(f"{self.name}: ids, texts, labels, split and groups must have one entry per example")

    @cached_property
    def classes(self) -> np.ndarray:
        """The labels that occur, sorted: class code ``i`` is ``classes[i]``."""
        return np.unique(self.labels)

    @cached_property
    def codes(self) -> np.ndarray:
        """Class code of each example."""
        return np.searchsorted(self.classes, self.labels)

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "classification") -> ClassificationTask:
        """The task of a table ``examples`` with example_id, text, label and (perhaps) split and group.

        Raises
        ------
        DataError
            A missing column or value, an id twice, or a split or group for some examples only.
        """
        table = _typed(tables, "examples", EXAMPLES, name, optional=("split", "group", NEAR_GROUP))
        ids = _unique_strings(table, "example_id", name)
        labels = np.array(table["label"].to_pylist(), dtype=str)
        split, groups, near = (_all_or_none(table, column, name) for column in ("split", "group", NEAR_GROUP))
        return cls(name, ids, texts_of(tables, "examples"), labels, split, groups, near)

    def to_tables(self) -> dict[str, pa.Table]:
        """The table ``examples`` of this task."""
        columns = {
            "example_id": list(self.example_ids),
            "text": list(self.texts),
            "label": list(self.labels),
            "split": [None] * len(self.labels) if self.split is None else list(self.split),
            "group": [None] * len(self.labels) if self.groups is None else list(self.groups),
            NEAR_GROUP: [None] * len(self.labels) if self.near_groups is None else list(self.near_groups),
        }
        return {"examples": pa.table(columns, schema=EXAMPLES)}


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
        """Each training query beside each passage that is relevant to it: queries and passages of shape (n_pairs,).

        A passage that answers an evaluated query, too, is left out.
        """
        if self.training_qrels is None:
            return Texts([]), Texts([])
        rows, columns = sp.coo_array(self.training_qrels > 0).coords
        is_answer = np.asarray((self.qrels > 0).sum(axis=0)).ravel() > 0
        kept = ~is_answer[columns]
        return self.training_queries.take(rows[kept]), self.passages.take(columns[kept])

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "retrieval") -> RetrievalTask:
        """The task of tables ``queries``, ``passages`` and ``qrels``, and perhaps ``excluded``.

        Queries of a split other than test are for training. Those of the test that nothing answers are left out; grades
        below 0 are irrelevant, as 0 is.

        Raises
        ------
        DataError
            A missing column or value, an id twice, a repeated judgment, or one of an unknown id; no query is answered.
        """
        queries = _typed(tables, "queries", QUERIES, name, optional=("split", "group"))
        passages = _typed(tables, "passages", PASSAGES, name)
        qrels = _typed(tables, "qrels", QRELS, name)
        query_ids, passage_ids = _unique_strings(queries, "query_id", name), _unique_strings(passages, "passage_id", name)
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
        texts, is_training = texts_of(tables, "queries"), np.zeros(len(query_ids), dtype=bool)
        if "split" in queries.column_names:
            is_training = np.array([split not in (None, "test") for split in queries["split"].to_pylist()])
        is_answered = np.diff(graded.indptr) > 0
        tested, training = np.flatnonzero(~is_training & is_answered), np.flatnonzero(is_training)
        if is_training.all():
            raise DataError(f"{name}.queries", "no query is in the split 'test'", "name some, or leave the split out")
        if not len(tested):
            raise DataError(f"{name}.qrels", "no query of the test has a relevant passage", "judge some above 0")
        groups = _all_or_none(queries, "group", name)
        excluded = None
        if "excluded" in tables:
            pairs_out = _typed(tables, "excluded", EXCLUDED, name)
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
            texts_of(tables, "passages"),
            graded[tested],
            texts.take(training),
            graded[training],
            judged[tested],
            excluded,
            None if groups is None else groups[tested],
        )

    def to_tables(self) -> dict[str, pa.Table]:
        """The tables ``queries``, ``passages`` and ``qrels`` of this task."""
        judged = sp.coo_array(self.qrels if self.judged is None else self.judged)
        grades = np.asarray(self.qrels[judged.coords]).ravel()
        excluded = {}
        if self.excluded is not None:
            rows, columns = sp.coo_array(self.excluded).coords
            pairs = {"query_id": list(self.query_ids[rows]), "passage_id": list(self.passage_ids[columns])}
            excluded["excluded"] = pa.table(pairs, schema=EXCLUDED)
        return {
            **excluded,
            "queries": pa.table(
                {"query_id": list(self.query_ids), "text": list(self.queries)}
                | ({} if self.groups is None else {"group": list(self.groups)})
            ),
            "passages": pa.table({"passage_id": list(self.passage_ids), "text": list(self.passages)}, schema=PASSAGES),
            "qrels": pa.table(
                {
                    "query_id": list(self.query_ids[judged.coords[0]]),
                    "passage_id": list(self.passage_ids[judged.coords[1]]),
                    "relevance": grades.astype(np.float32),
                },
                schema=QRELS,
            ),
        }


@dataclass(frozen=True, eq=False)
class SimilarityTask:
    """Pairs of texts with a score.

    Attributes
    ----------
    name : str
        Of the task.
    pair_ids : ndarray of shape (n_pairs,), str
        Names of the pairs.
    texts : Texts of length n_texts
        The distinct texts.
    first, second : ndarray of shape (n_pairs,), int
        Which of the texts are the pair's.
    scores : ndarray of shape (n_pairs,), float64
        The similarity that people gave.
    groups : ndarray of shape (n_pairs,), str, optional
        Pairs of one group are resampled together.
    """

    name: str
    pair_ids: np.ndarray
    texts: Texts
    first: np.ndarray
    second: np.ndarray
    scores: np.ndarray
    groups: np.ndarray | None = None

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "similarity") -> SimilarityTask:
        """The task of a table ``pairs`` with pair_id, text_a, text_b and score.

        Raises
        ------
        DataError
            A missing column or value, or an id twice.
        """
        table = _typed(tables, "pairs", PAIRS, name, optional=("group",))
        sides = [texts_of(tables, "pairs", column) for column in ("text_a", "text_b")]
        everything = Texts([*sides[0], *sides[1]], joined([side.token_ids for side in sides]))
        _, kept, places = np.unique(np.array(list(everything), dtype=object), return_index=True, return_inverse=True)
        first, second = np.split(places, 2)
        ids = _unique_strings(table, "pair_id", name)
        scores, groups = table["score"].to_numpy(), _all_or_none(table, "group", name)
        return cls(name, ids, everything.take(kept), first, second, scores, groups)

    def to_tables(self) -> dict[str, pa.Table]:
        """The table ``pairs`` of this task."""
        columns = {
            "pair_id": list(self.pair_ids),
            "text_a": [self.texts[row] for row in self.first.tolist()],
            "text_b": [self.texts[row] for row in self.second.tolist()],
            "score": self.scores,
            "group": [None] * len(self.scores) if self.groups is None else list(self.groups),
        }
        return {"pairs": pa.table(columns, schema=PAIRS)}


def _typed(
    tables: Mapping[str, pa.Table], table_name: str, schema: pa.Schema, name: str, optional: Sequence[str] = ()
) -> pa.Table:
    if table_name not in tables:
        raise DataError(name, f"table {table_name!r} is missing", f"give a table of {', '.join(schema.names)}")
    table = tables[table_name]
    for column in schema.names:
        if column not in table.column_names and column not in optional:
            raise DataError(f"{name}.{table_name}", f"column {column!r} is missing", f"give {', '.join(schema.names)}")
        if column not in optional and table[column].null_count:
            row = int(np.flatnonzero(pc.is_null(table[column]).to_numpy())[0]) + 1
            raise DataError(f"{name}.{table_name}, row {row}", f"{column} is empty", "fill it in or drop the row")
    fields = [field for field in schema if field.name in table.column_names]
    return table.select([field.name for field in fields]).cast(pa.schema(fields))


def _all_or_none(table: pa.Table, column: str, name: str) -> np.ndarray | None:
    """The values of a column that may be absent, or empty throughout."""
    if column not in table.column_names or table[column].null_count == table.num_rows:
        return None
    if table[column].null_count:
        place = f"{name}, row {int(np.flatnonzero(pc.is_null(table[column]).to_numpy())[0]) + 1}"
        raise DataError(place, f"{column} is empty while other examples have one", f"give all examples a {column}, or none")
    return np.array(table[column].to_pylist(), dtype=str)


def _unique_strings(table: pa.Table, column: str, name: str) -> np.ndarray:
    ids = np.array(table[column].to_pylist(), dtype=str)
    unique, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        twice = int(np.argmax(counts > 1))
        raise DataError(
            f"{name}, {column}", f"{str(unique[twice])!r} occurs {counts[twice]} times", "give each row its own id"
        )
    if not len(ids):
        raise DataError(f"{name}, {column}", "the table has no row", "check what the reading selects")
    return ids


def _positions(qrels: pa.Table, column: str, ids: np.ndarray, name: str) -> np.ndarray:
    position_of = {value: position for position, value in enumerate(ids.tolist())}
    wanted = qrels[column].to_pylist()
    for row, value in enumerate(wanted):
        if value not in position_of:
            raise DataError(
                f"{name}.qrels, row {row + 1}", f"{column} {value!r} is unknown", "add it to its table or drop the row"
            )
    return np.array([position_of[value] for value in wanted], dtype=np.int64)
