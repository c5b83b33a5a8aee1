"""Keeping what a task is tested on out of the corpora that embeddings learn from."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from emb_pipeline.text.readers import RetrievalTables
from emb_pipeline.text.tokens import sentence_key, sentences


def held_out_texts(task: pa.Table | RetrievalTables) -> list[str]:
    """The texts that a task is tested on.

    Parameters
    ----------
    task : pa.Table or RetrievalTables
        Examples of a classification task, sentences of a sequence-labelling task, pairs of a similarity task, or a
        retrieval task.

    Returns
    -------
    list of str
        Of a task with an official split, the texts outside the training part; of a classification task that is evaluated
        by folds, all of them; of a similarity task, both texts of every pair; of a retrieval task, the queries (its passages
        are the collection that is searched).
    """
    if isinstance(task, RetrievalTables):
        return list(task.queries["text"].to_pylist())
    if "text_a" in task.column_names:
        return [*task["text_a"].to_pylist(), *task["text_b"].to_pylist()]
    return [
        text for text, split in zip(task["text"].to_pylist(), task["split"].to_pylist(), strict=True) if split != "train"
    ]


def held_out_keys(texts: Iterable[str]) -> set[int]:
    """Keys of all sentences of some texts, as `emb_pipeline.text.tokens.write_tokens` leaves them out.

    Corpus and texts are split into sentences by the same local rule, so a sentence of a held-out text is found wherever
    it stands as a sentence or a paragraph of its own in a corpus, whatever its case and punctuation.
    """
    return {sentence_key(tokens) for text in texts for tokens in sentences(text)}
