"""Held-out texts stay out of corpora."""

from __future__ import annotations

from pathlib import Path

from emb_pipeline.text.audit import corpus_overlap
from emb_pipeline.text.held_out import held_out_keys
from emb_pipeline.text.tokens import write_tokens


def test_a_corpus_without_held_out_sentences_does_not_overlap_with_the_task(tmp_path: Path) -> None:
    summary = "Compute the mean of an array. Missing values are skipped."
    document = ("mean", f"{summary}\n\nParameters of every kind are described below this line.")
    leaky = write_tokens([document], tmp_path / "leaky")
    clean = write_tokens([document], tmp_path / "clean", held_out=held_out_keys([summary]))
    assert corpus_overlap({"task": [summary]}, leaky)["count"].to_pylist() == [1, 1]
    assert corpus_overlap({"task": [summary]}, clean)["count"].to_pylist() == [0, 0]
    assert list(clean) == [["parameters", "of", "every", "kind", "are", "described", "below", "this", "line"]]
