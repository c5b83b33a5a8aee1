"""Held-out texts stay out of corpora."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from emb_pipeline.text.audit import corpus_overlap
from emb_pipeline.text.held_out import held_out_keys, held_out_texts
from emb_pipeline.text.readers import RetrievalTables
from emb_pipeline.text.tokens import write_tokens


def examples(splits: list[str | None]) -> pa.Table:
    n = len(splits)
    return pa.table(
        {
            "example_id": [str(i) for i in range(n)],
            "text": [f"text {i}" for i in range(n)],
            "label": ["a"] * n,
            "split": pa.array(splits, pa.string()),
        }
    )


def test_the_test_part_of_an_official_split_is_held_out() -> None:
    assert held_out_texts(examples(["train", "test", "validation", "train"])) == ["text 1", "text 2"]


def test_everything_is_held_out_where_folds_are_used() -> None:
    assert held_out_texts(examples([None, None])) == ["text 0", "text 1"]


def test_queries_are_held_out_and_passages_are_not() -> None:
    tables = RetrievalTables(
        pa.table({"query_id": ["q"], "text": ["what is it"]}),
        pa.table({"passage_id": ["p"], "text": ["it is this"]}),
        pa.table({"query_id": ["q"], "passage_id": ["p"], "relevance": pa.array([1], pa.int32())}),
    )
    assert held_out_texts(tables) == ["what is it"]


def test_a_corpus_without_held_out_sentences_does_not_overlap_with_the_task(tmp_path: Path) -> None:
    summary = "Compute the mean of an array. Missing values are skipped."
    document = ("mean", f"{summary}\n\nParameters of every kind are described below this line.")
    leaky = write_tokens([document], tmp_path / "leaky")
    clean = write_tokens([document], tmp_path / "clean", held_out=held_out_keys([summary]))
    assert corpus_overlap({"task": [summary]}, leaky)["count"].to_pylist() == [1, 1]
    assert corpus_overlap({"task": [summary]}, clean)["count"].to_pylist() == [0, 0]
    assert list(clean) == [["parameters", "of", "every", "kind", "are", "described", "below", "this", "line"]]
