"""Test items as the page shows them: wins by class, texts, right answers and predictions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.tasks.item_examples import ITEM_EXAMPLES, compare_items
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.shown_units import LONGEST, ShownUnits, cut_text

CLASSES = ["heart", "lung"]
TEXTS = {f"t{row:02}": f"a note on case {row}" for row in range(40)}
TABLES = {
    "examples": pa.table(
        {
            "example_id": list(TEXTS),
            "text": list(TEXTS.values()),
            "label": [CLASSES[row % 2] for row in range(40)],
        }
    )
}


def topic_scores() -> TaskScores:
    """Two embeddings: the first is wrong on every fourth text, the second on every fifth."""
    rows = np.arange(40)
    labels = rows % 2
    wrong = np.column_stack([rows % 4 == 0, rows % 5 == 0])
    predictions = np.where(wrong, 1 - labels[:, None], labels[:, None])
    cells: list[dict[str, object]] = [{"family": "a"}, {"family": "b"}]
    right = (~wrong).astype(float)
    return TaskScores("topic", ["a", "b"], cells, rows, {"accuracy": right}, labels, predictions, units=list(TEXTS))


def compare(per_pair: int = 50, most: int = 10**6) -> tuple[dict[str, tuple[int, int, int]], pa.Table]:
    outcomes, examples = compare_items(
        topic_scores(), KINDS["classification"], TABLES, ["a", "b"], per_pair=per_pair, most=most
    )
    columns = (outcomes[name].tolist() for name in ("wins", "losses", "ties"))
    return dict(zip(outcomes["group"].fillna("all"), zip(*columns, strict=True), strict=True)), examples


def test_wins_are_counted_in_all_texts_and_in_each_class() -> None:
    """Of 40 texts, a is wrong on 10 and b on 8, both on 2; a's errors are all on hearts, b's on both."""
    counted, _ = compare()
    assert counted == {"all": (6, 8, 26), "heart": (2, 8, 10), "lung": (4, 0, 16)}


def test_examples_have_text_right_answer_score_and_prediction_of_each_embedding() -> None:
    _, examples = compare()
    assert examples.schema.equals(ITEM_EXAMPLES) and examples.num_rows == 2 * 14
    (first, second) = (row for row in examples.to_pylist() if row["unit_id"] == "t04")
    assert first["text"] == "a note on case 4" and first["answer"] == "heart"
    assert (first["embedding"], first["score"], first["predicted"]) == ("a", 0.0, "lung")
    assert (second["embedding"], second["score"], second["predicted"]) == ("b", 1.0, "heart")


def test_no_text_is_kept_where_none_is_to_be_shown() -> None:
    counted, examples = compare(per_pair=0)
    assert examples.num_rows == 0 and len(counted) == 3


def test_a_long_text_is_cut_at_a_word_and_says_how_much_is_left_out() -> None:
    text = "word " * 100
    kept, left_out = cut_text(text)
    assert kept == ("word " * (LONGEST // 5)).strip() and len(kept) + left_out == len(text.strip())
    assert cut_text("x" * 400) == ("x" * LONGEST, 100) and cut_text(" two\n words ") == ("two words", 0)


SENTENCES = pa.table(
    {
        "example_id": ["s1", "s2"],
        "tokens": [["Marie", "Curie", "in", "Paris"], ["nobody", "here"]],
        "tags": [["B-PER", "I-PER", "O", "B-LOC"], ["O", "O"]],
        "split": ["test", "train"],
    }
)
QUERIES = {
    "queries": pa.table({"query_id": ["q1", "q2"], "text": ["what is a heart", "what is a lung"]}),
    "passages": pa.table({"passage_id": ["p1", "p2"], "text": ["a pump", "a pair of bellows"]}),
    "qrels": pa.table(
        {
            "query_id": ["q1", "q1", "q2"],
            "passage_id": ["p1", "p2", "p2"],
            "relevance": pa.array([2.0, 1.0, 1.0], pa.float32()),
        }
    ),
}
PAIRS = pa.table({"pair_id": ["x"], "text_a": ["a cat"], "text_b": ["a dog"], "score": [2.5]})
ITEMS = {
    "interactions": pa.table(
        {
            "user_id": ["ann", "ann", "bob"],
            "item_id": ["i1", "i2", "i1"],
            "timestamp": [1, 2, 1],
            "split": ["train", "test", "train"],
        }
    ),
    "items": pa.table({"item_id": ["i1", "i2"], "text": ["a book", "a film"], "n_train": [2, 0]}),
}
QUESTIONS = pa.table(
    {
        "example_id": ["x", "y"],
        "text": ["Who?", "Where?"],
        "context": ["Ann in Rome.", "Ann in Rome."],
        "answers": [["Ann"], ["Rome", "Rome", "in Rome"]],
        "answer_starts": [[0], [7, 7, 4]],
        "split": ["train", "test"],
    }
)


@pytest.mark.parametrize(
    ("kind", "tables", "unit", "text", "answer"),
    [
        ("classification", TABLES, "t01", "a note on case 1", "lung"),
        ("sequence_labeling", {"sentences": SENTENCES}, "s1", "Marie Curie in Paris", "PER: Marie Curie; LOC: Paris"),
        (
            "token_classification",
            {"sentences": SENTENCES},
            "s1",
            "Marie Curie in Paris",
            "Marie/B-PER Curie/I-PER in/O Paris/B-LOC",
        ),
        ("retrieval", QUERIES, "q1", "what is a heart", "a pump (and 1 more)"),
        ("similarity", {"pairs": PAIRS}, "x", "a cat ↔ a dog", "2.5"),
        ("recommendation", ITEMS, "ann", "user ann", "a film"),
        ("extractive_qa", {"questions": QUESTIONS}, "y", "Where?", "Rome / in Rome"),
    ],
)
def test_each_kind_shows_its_units(kind: str, tables: dict[str, pa.Table], unit: str, text: str, answer: str) -> None:
    shown = KINDS[kind].describe_units(tables, [unit])
    assert isinstance(shown, ShownUnits) and (shown.texts, shown.answers) == ([text], [answer])


def test_a_kind_that_shows_no_units_has_wins_in_all_units_alone() -> None:
    kind = dataclasses.replace(KINDS["classification"], display=None)
    outcomes, examples = compare_items(topic_scores(), kind, TABLES, ["a", "b"], per_pair=50, most=10**6)
    assert outcomes["group"].isna().tolist() == [True] and examples.num_rows == 0
