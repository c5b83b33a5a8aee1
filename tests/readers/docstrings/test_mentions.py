"""Mentions that docstrings mark up."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.readers.docstrings.mentions import build_mention_sentences, find_parameter_names, tag_mentions
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text.held_out import HeldOut
from emb_pipeline.text.tokens import write_tokens

NUMPY = """Parameters
----------
axis : int
    Where to sum.
x, y : array
    Numbers.
**kwargs

Returns
-------
out : float
"""


def test_parameter_names_in_three_styles() -> None:
    assert find_parameter_names(NUMPY) == {"axis", "x", "y", "kwargs"}
    assert find_parameter_names("Args:\n    size (int): How many.\n    dim: Which.\n\nReturns:\n    other: that\n") == {
        "size",
        "dim",
    }
    assert find_parameter_names(":param int n: How many.\n:param name: Which.") == {"n", "name"}


@pytest.mark.parametrize(
    ("sentence", "tokens", "tags"),
    [
        ("Sum over *axis*, fast", ["Sum", "over", "axis", ",", "fast"], ["O", "O", "B-parameter", "O", "O"]),
        ("Like `axis` or ``other``", ["Like", "axis", "or", "other"], ["O", "B-parameter", "O", "O"]),
        ("See :func:`~pkg.mod.total`", ["See", "total"], ["O", "B-function"]),
        ("A :class:`data frame <pkg.Frame>` here", ["A", "data", "frame", "here"], ["O", "B-class", "I-class", "O"]),
        ("By :meth:`pkg.Frame.sum()` of :ref:`x`", ["By", "pkg.Frame.sum", "of", "x"], ["O", "B-function", "O", "O"]),
    ],
)
def test_mark_up_becomes_tags(sentence: str, tokens: list[str], tags: list[str]) -> None:
    assert tag_mentions(sentence, {"axis"}) == (tokens, tags)


def _docstrings(*bodies: str) -> pa.Table:
    ids = [f"d{number}" for number in range(len(bodies))]
    return pa.table({"doc_id": ids, "summary": ["Sums things up."] * len(bodies), "body": list(bodies)})


def test_sentences_with_a_mention_are_taken_and_lists_and_code_are_not() -> None:
    body = f"The sum runs over *axis* in order. Nothing is marked here at all.\n\n- one over *axis* as an item\n\n{NUMPY}"
    (row,) = build_mention_sentences(_docstrings(body, body), max_sentences=9, test_share=0.5).to_pylist()
    assert row["tokens"] == ["The", "sum", "runs", "over", "axis", "in", "order"]
    assert row["text"] == "The sum runs over *axis* in order"
    with pytest.raises(DataError, match="no sentence marks up"):
        build_mention_sentences(_docstrings("Nothing here."), max_sentences=9, test_share=0.5)


def test_a_held_out_sentence_is_found_in_the_corpus_and_kept_out_of_it(tmp_path: Path) -> None:
    bodies = [f"The sum number {number} runs over *axis* in order. Then it ends.\n\n{NUMPY}" for number in range(30)]
    table = _docstrings(*bodies)
    sentences = build_mention_sentences(table, max_sentences=100, test_share=0.4)
    held_out = KINDS["sequence_labeling"].create_reader().list_held_out({"sentences": sentences})
    assert 0 < len(held_out) < 30
    documents = [(f"d{number}", f"Sums things up.\n\n{body}") for number, body in enumerate(bodies)]
    corpus = write_tokens(documents, tmp_path / "corpus", held_out=HeldOut(held_out).is_held_out)
    assert corpus.n_held_out_sentences == len(held_out)
