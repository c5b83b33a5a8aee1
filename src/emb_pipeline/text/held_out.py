"""Keeping what a task is tested on out of what embeddings learn from: corpora, and the labels of other tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from emb_pipeline.text.tokens import sentence_key, sentences

HELD_OUT = "held_out"
"""The table with the texts that a task is tested on, beside its examples."""
TELLING = 5
"""Tokens from which a sentence tells of a copy where it stands again; shorter ones ('see also') stand everywhere."""


def held_out_texts(task: Mapping[str, pa.Table]) -> list[str]:
    """The texts that a task is tested on."""
    return list(task[HELD_OUT]["text"].to_pylist())


def held_out_keys(texts: Iterable[str]) -> set[int]:
    """Keys of all sentences of some texts, as `emb_pipeline.text.tokens.write_tokens` leaves them out.

    Corpus and texts are split into sentences by the same local rule, so a sentence of a held-out text is found wherever
    it stands as a sentence or a paragraph of its own in a corpus, whatever its case and punctuation.
    """
    return {sentence_key(tokens) for text in texts for tokens in sentences(text)}


def telling_keys(text: str) -> set[int]:
    """Keys of a text's sentences of `TELLING` tokens or more, or of all where it has only shorter ones."""
    parts = sentences(text)
    telling = [tokens for tokens in parts if len(tokens) >= TELLING] or parts
    return {sentence_key(tokens) for tokens in telling}
