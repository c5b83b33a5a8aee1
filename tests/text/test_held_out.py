"""Held-out texts stay out of corpora."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emb_pipeline.tasks.audit.corpus_overlap import measure_corpus_overlap
from emb_pipeline.text.held_out import HeldOut
from emb_pipeline.text.tokens import write_tokens
from tests.tasks.planted import random_texts


def test_a_corpus_without_held_out_sentences_does_not_overlap_with_the_task(tmp_path: Path) -> None:
    summary = "Compute the mean of an array. Missing values are skipped."
    document = ("mean", f"{summary}\n\nParameters of every kind are described below this line.")
    leaky = write_tokens([document], tmp_path / "leaky")
    clean = write_tokens([document], tmp_path / "clean", held_out=HeldOut([summary]).is_held_out)
    assert measure_corpus_overlap({"task": [summary]}, leaky)["count"].to_pylist() == [1, 1]
    assert measure_corpus_overlap({"task": [summary]}, clean)["count"].to_pylist() == [0, 0]
    assert clean.n_held_out_sentences == 2
    assert list(clean) == [["parameters", "of", "every", "kind", "are", "described", "below", "this", "line"]]


def test_a_held_out_sentence_inside_a_longer_one_is_found_wherever_it_stands() -> None:
    rng = np.random.default_rng(0)
    held = [*random_texts(500, 12, rng), ["a", "rose", "is", "a", "rose", "is", "a", "rose"]]
    around = random_texts(len(held), 12, rng)
    index = HeldOut([" ".join(text) for text in held])
    for text, other in zip(held, around, strict=True):
        assert (
            index.is_held_out([*other, *text])
            and index.is_held_out([*text, *other])
            and index.is_held_out([*other[:3], *text, *other[3:]])
        )
        assert not index.is_held_out(other)
        assert not index.is_held_out([*text[:5], "between", *text[5:]])
    assert index.is_held_out("say a rose is a rose is a rose is a rose again".split())


def test_short_sentences_are_left_out_where_they_stand_alone() -> None:
    index = HeldOut(["See also. One."])
    assert index.is_held_out(["see", "also"]) and index.is_held_out(["one"])
    assert not index.is_held_out(["see", "also", "this", "other", "one", "here"])
