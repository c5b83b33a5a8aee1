"""A part of the test units of a task, for a first round of choosing: drawn by hash, a larger part contains a smaller one.

What is learned from stays whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.text.hashing import hash_text

FEWEST_UNITS = 50
"""Test units of a part, where a task has as many: fewer say nothing about a difference."""
_TEST = "test"


@dataclass(frozen=True)
class UnitSample:
    """A task with a part of its test units.

    Attributes
    ----------
    tables : mapping of str to Table
        The task's tables.
    units : sequence of str
        Names of the test units of the part, in the order in which they are drawn.
    of_units : int
        Test units of the task.
    n_passages, of_passages : int
        The same of what is searched; 0 where nothing is.
    """

    tables: Mapping[str, pa.Table]
    units: Sequence[str]
    of_units: int
    n_passages: int = 0
    of_passages: int = 0

    @property
    def n_units(self) -> int:
        """Number of test units of the part."""
        return len(self.units)


def draw_test_rows(
    tables: Mapping[str, pa.Table],
    share: float,
    passage_share: float = 1.0,
    *,
    table: str,
    unit: str,
    content: Sequence[str],
    has_split: bool = True,
) -> UnitSample:
    """Draw test rows of a table.

    A task without an official split is left whole: each of its rows is learned from, too.

    Parameters
    ----------
    tables : mapping of str to Table
        The task's tables.
    share : float
        Share of the test rows that is kept, rounded up; `FEWEST_UNITS` at least.
    passage_share : float
        Of tasks in which passages are searched.
    table, unit : str
        The table with the units, and its column with their names.
    content : sequence of str
        Columns that the order is drawn by.
    has_split : bool
        Whether some rows are learned from; else each is a test unit.
    """
    rows = tables[table]
    is_test = [True] * rows.num_rows
    if has_split:
        split = rows["split"].to_pylist() if "split" in rows.column_names else []
        if not any(split):
            return UnitSample(tables, rows[unit].to_pylist(), rows.num_rows)
        is_test = [part == _TEST for part in split]
    first = choose_first(rows, unit, is_test, share, content)
    return UnitSample({**tables, table: leave_out(rows, unit, is_test, first)}, first, sum(is_test))


def choose_first(
    table: pa.Table,
    unit: str,
    among: Sequence[bool],
    share: float,
    content: Sequence[str],
) -> list[str]:
    """Choose the rows that come first in an order drawn by hash: their names, in that order.

    Rows of equal content have places of their own: next to each other they would be no random order.

    Parameters
    ----------
    table : Table
        The rows.
    unit : str
        Column with the name of a row, which decides between rows of equal content.
    among : sequence of bool
        The rows to choose from.
    share : float
        Share of them that is chosen, rounded up; `FEWEST_UNITS` at least.
    content : sequence of str
        Columns that the order is drawn by.
    """
    names = table[unit].to_pylist()
    contents = list(zip(*(table[column].to_pylist() for column in content), strict=True))
    rows = sorted((row for row, is_wanted in enumerate(among) if is_wanted), key=names.__getitem__)
    times: Counter[tuple[Any, ...]] = Counter()
    places = {}
    for row in rows:
        times[contents[row]] += 1
        places[row] = hash_text("test sample " + "\x1f".join(map(str, (times[contents[row]], *contents[row]))))
    n_chosen = min(max(ceil(share * len(rows) - 1e-9), FEWEST_UNITS), len(rows))
    return [str(names[row]) for row in sorted(rows, key=places.__getitem__)[:n_chosen]]


def leave_out(table: pa.Table, unit: str, among: Sequence[bool], chosen: Sequence[str]) -> pa.Table:
    """Leave out those rows of some that were not chosen."""
    is_other = pa.array([not each for each in among], pa.bool_())
    return table.filter(pc.or_(is_other, pc.is_in(table[unit], pa.array(chosen, pa.string()))))


draw_examples = partial(draw_test_rows, table="examples", unit="example_id", content=("text",))
draw_sentences = partial(draw_test_rows, table="sentences", unit="example_id", content=("text",))
draw_questions = partial(draw_test_rows, table="questions", unit="example_id", content=("text",))
draw_labeled_pairs = partial(draw_test_rows, table="pairs", unit="pair_id", content=("text_a", "text_b"))
draw_pairs = partial(draw_labeled_pairs, has_split=False)


def draw_queries(tables: Mapping[str, pa.Table], share: float, passage_share: float = 1.0) -> UnitSample:
    """Draw test queries, and passages: those that answer a query that is kept, and the first of the others.

    Queries that are learned from stay, with the passages that answer them. A part of the passages is an easier task.

    Parameters
    ----------
    tables : mapping of str to Table
        ``queries``, ``passages``, ``qrels`` and perhaps ``excluded``.
    share, passage_share : float
        Shares of the test queries that something answers, and of the passages.
    """
    queries, passages, qrels = tables["queries"], tables["passages"], tables["qrels"]
    answers = qrels.filter(pc.greater(qrels["relevance"], 0))
    answered = set(answers["query_id"].to_pylist())
    split = queries["split"].to_pylist() if "split" in queries.column_names else [_TEST] * queries.num_rows
    ids = queries["query_id"].to_pylist()
    is_test = [part in (None, _TEST) for part in split]
    is_scored = [tested and name in answered for tested, name in zip(is_test, ids, strict=True)]
    chosen = choose_first(queries, "query_id", is_scored, share, ("text",))
    kept = leave_out(queries, "query_id", is_test, chosen)
    is_answer = pc.is_in(
        passages["passage_id"], answers.filter(pc.is_in(answers["query_id"], kept["query_id"]))["passage_id"]
    )
    others = choose_first(passages, "passage_id", [True] * passages.num_rows, passage_share, ("text",))
    searched = passages.filter(pc.or_(is_answer, pc.is_in(passages["passage_id"], pa.array(others, pa.string()))))
    pairs = {
        name: tables[name].filter(
            pc.and_(
                pc.is_in(tables[name]["query_id"], kept["query_id"]),
                pc.is_in(tables[name]["passage_id"], searched["passage_id"]),
            )
        )
        for name in ("qrels", "excluded")
        if name in tables
    }
    return UnitSample(
        {**tables, "queries": kept, "passages": searched, **pairs},
        chosen,
        sum(is_scored),
        searched.num_rows,
        passages.num_rows,
    )
