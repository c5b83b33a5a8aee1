"""Keeping what a task is tested on out of the corpora that embeddings learn from."""

from __future__ import annotations

from collections.abc import Iterable

from emb_pipeline.text.tokens import sentence_key, sentences


def held_out_keys(texts: Iterable[str]) -> set[int]:
    """Keys of all sentences of some texts, as `emb_pipeline.text.tokens.write_tokens` leaves them out.

    Corpus and texts are split into sentences by the same local rule, so a sentence of a held-out text is found wherever
    it stands as a sentence or a paragraph of its own in a corpus, whatever its case and punctuation.
    """
    return {sentence_key(tokens) for text in texts for tokens in sentences(text)}
