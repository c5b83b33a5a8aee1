"""Test texts that were seen in training: copies, near-duplicates, and texts inside one another (`near_duplicates`).

Rows of a ``validation`` split are trained on, so they count as training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from emb_pipeline.text.near_duplicates import cluster_pairs, find_near_pairs, find_near_pairs_between, group_equal_texts
from emb_pipeline.text.texts import TokenIds, take_texts

SEEN = "seen_in_training"
"""The table of a task with the test units whose text was trained on, or nearly."""
SCHEMA = pa.schema([("unit_id", pa.string()), ("training_id", pa.string()), ("how", pa.string()), ("changed", pa.float32())])
"""``how``: `COPY`, `PART` or `NEAR`; ``changed``: share of the shorter text that differs, 0 for the first two."""
NOTHING_SEEN = SCHEMA.empty_table()
COPY, PART, NEAR = "copy", "part", "near"
"""The words are the same; one of the texts is in the other; a few words differ."""
NEAR_GROUP = "near_group"
"""The column of a classification task's examples with the id of the first example that each is a near-duplicate of."""
LARGEST_CLUSTER = 0.05
"""Share of the examples that a cluster of near-duplicates may hold, so that folds stay of a size."""
FEWEST_IN_CLUSTER = 5
"""Examples that it may hold in any case."""


def find_seen_classification(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Find the test texts of a classification task that were trained on: a table of `SCHEMA`."""
    examples = tables["examples"]
    ids, splits = examples["example_id"].to_pylist(), examples["split"].to_pylist()
    if not any(splits):
        return SCHEMA.empty_table()
    tested = np.array([split == "test" for split in splits])
    return find_seen_texts(take_texts(tables, "examples").token_ids, ids, tested, ~tested)


def find_seen_sentences(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Find the test sentences of a tagging task that were trained on: a table of `SCHEMA`."""
    sentences = tables["sentences"]
    ids, tokens, splits = (sentences[name].to_pylist() for name in ("example_id", "tokens", "split"))
    tested = np.array([split == "test" for split in splits], dtype=bool)
    return find_seen_texts(TokenIds.of(map(" ".join, tokens)), ids, tested, ~tested)


def find_seen_queries(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Find the evaluated queries that training queries resemble: a table of `SCHEMA`."""
    queries = tables["queries"]
    if "split" not in queries.column_names:
        return SCHEMA.empty_table()
    trained = np.array([split not in (None, "test") for split in queries["split"].to_pylist()], dtype=bool)
    return find_seen_texts(take_texts(tables, "queries").token_ids, queries["query_id"].to_pylist(), ~trained, trained)


def find_seen_questions(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Find the test questions that were trained on, or whose context was: a table of `SCHEMA`."""
    questions = tables["questions"]
    ids, texts, contexts, splits = (questions[name].to_pylist() for name in ("example_id", "text", "context", "split"))
    tested = np.array([split == "test" for split in splits], dtype=bool)
    by_context, by_question = (find_seen_texts(TokenIds.of(part), ids, tested, ~tested) for part in (contexts, texts))
    known = set(by_context["unit_id"].to_pylist())
    rest = [row not in known for row in by_question["unit_id"].to_pylist()]
    return pa.concat_tables([by_context, by_question.filter(pa.array(rest, pa.bool_()))])


def find_seen_texts(tokens: TokenIds, ids: Sequence[str], tested: np.ndarray, trained: np.ndarray) -> pa.Table:
    """Find the tested texts that are equal to a trained one, nearly the same, or in one another.

    Parameters
    ----------
    tokens : TokenIds
        Of all texts.
    ids : sequence of str
        Name of each text.
    tested, trained : ndarray of shape (n_texts,), bool
        Which texts are of which part.

    Returns
    -------
    pa.Table
        Of `SCHEMA`: a row for each such text, with the training text that is most like it. Texts without a word are left
        out: they say nothing.
    """
    equal, has_words = group_equal_texts(tokens), np.diff(tokens.starts) > 0
    best: dict[int, tuple[float, int]] = {}  # by the first of the texts that are equal
    for place in np.flatnonzero(trained & has_words).tolist():
        best.setdefault(int(equal[place]), (0.0, place))
    found = find_near_pairs_between(tokens, np.flatnonzero(tested), np.flatnonzero(trained))
    for first, second, changed in zip(found.first.tolist(), found.second.tolist(), found.changed.tolist(), strict=True):
        key = int(equal[first])
        best[key] = min(best.get(key, (changed, second)), (changed, second))
    rows = [
        (place, *best[int(equal[place])])
        for place in np.flatnonzero(tested & has_words).tolist()
        if int(equal[place]) in best
    ]
    return pa.table(
        {
            "unit_id": [ids[place] for place, _, _ in rows],
            "training_id": [ids[other] for _, _, other in rows],
            "how": [NEAR if changed else (COPY if equal[place] == equal[other] else PART) for place, changed, other in rows],
            "changed": [changed for _, changed, _ in rows],
        },
        schema=SCHEMA,
    )


def add_near_groups(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Add the column `NEAR_GROUP` to the examples of a classification task.

    A cluster of near-duplicates holds at most a share of `LARGEST_CLUSTER` of the examples; where chains of them would make
    it larger, the least alike stay apart.
    """
    examples = tables["examples"]
    tokens = take_texts(tables, "examples").token_ids
    ids = examples["example_id"].to_pylist()
    groups = cluster_pairs(find_near_pairs(tokens), group_equal_texts(tokens), compute_largest_cluster(len(ids)))
    return {**tables, "examples": examples.append_column(NEAR_GROUP, pa.array(_take_places(ids, groups), pa.string()))}


def compute_largest_cluster(n_examples: int) -> int:
    """Examples that a cluster of near-duplicates may hold."""
    return max(FEWEST_IN_CLUSTER, int(LARGEST_CLUSTER * n_examples))


def _take_places(ids: Sequence[str], places: Iterable[int]) -> list[str]:
    return [ids[place] for place in places]
