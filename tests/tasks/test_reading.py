"""What each kind of task keeps out of the corpora, and whether embeddings can be tuned on it."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text.readings import PairsReading, TablesReading


def examples(splits: list[str | None]) -> dict[str, pa.Table]:
    n = len(splits)
    columns = {
        "example_id": [str(i) for i in range(n)],
        "text": [f"text {i}" for i in range(n)],
        "label": ["a"] * n,
        "split": pa.array(splits, pa.string()),
    }
    return {"examples": pa.table(columns)}


def test_the_test_part_of_an_official_split_is_held_out() -> None:
    reader = KINDS["classification"].reader()
    assert reader.held_out(examples(["train", "test", "validation", "train"])) == ["text 1", "text 2"]


def test_everything_is_held_out_where_folds_are_used() -> None:
    assert KINDS["classification"].reader().held_out(examples([None, None])) == ["text 0", "text 1"]


def test_evaluated_queries_are_held_out_and_passages_are_not() -> None:
    tables = {
        "queries": pa.table({"query_id": ["q", "r"], "text": ["what is it", "learnt from"], "split": ["test", "train"]}),
        "passages": pa.table({"passage_id": ["p"], "text": ["it is this"]}),
        "qrels": pa.table({"query_id": ["q"], "passage_id": ["p"], "relevance": pa.array([1], pa.int32())}),
    }
    assert KINDS["retrieval"].reader().held_out(tables) == ["what is it"]


def test_both_texts_of_a_pair_are_held_out() -> None:
    pairs = pa.table({"pair_id": ["1"], "text_a": ["one"], "text_b": ["other"], "score": [0.5]})
    assert KINDS["similarity"].reader().held_out({"pairs": pairs}) == ["one", "other"]


def test_retrieval_can_be_tuned_on_where_its_reading_names_training_queries() -> None:
    reader = KINDS["retrieval"].reader()
    assert not reader.has_training_examples(PairsReading(path="pairs.csv"))
    assert reader.has_training_examples(PairsReading(path="pairs.csv", training_queries=10))
    assert not reader.has_training_examples(PairsReading(path="pairs", splits={"test": "test.csv"}))
    assert reader.has_training_examples(PairsReading(path="pairs", splits={"train": "train.csv", "test": "test.csv"}))
    files = {"queries": "q.csv", "passages": "p.csv", "qrels": "r.csv"}
    assert not reader.has_training_examples(TablesReading(**files))
    assert reader.has_training_examples(TablesReading(**files, split="part"))


def test_extractive_answering_holds_out_questions_and_contexts_that_are_not_trained_on() -> None:
    columns = {"text": ["q1", "q2", "q3"], "context": ["c1", "c2", "c2"], "split": ["train", "validation", "test"]}
    assert KINDS["extractive_qa"].reader().held_out({"questions": pa.table(columns)}) == ["q2", "c2", "q3"]
