"""Texts as they are sent, and cut into requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from emb_pipeline.text.words import unmark_words


def prepare_text(text: str, prompt: str, max_characters: int | None) -> str:
    """Prepare a text for sending: without the marks of this project, cut, valid Unicode, after its prompt.

    Returns
    -------
    str
        Empty where there is nothing to send.
    """
    shown = unmark_words(text)
    if max_characters is not None:
        shown = shown[:max_characters]
    if not shown.strip():
        return ""
    return (prompt + shown).encode("utf-8", "replace").decode("utf-8")


def count_bytes(texts: Sequence[str]) -> np.ndarray:
    """Count the bytes of each text: shape (n_texts,), int64."""
    return np.array([len(text.encode("utf-8")) for text in texts], dtype=np.int64)


def cut_batches(n_bytes: np.ndarray, max_texts: int, max_bytes: float) -> Iterator[np.ndarray]:
    """Cut texts into requests, in their order; a text that is larger than a request should be is one of its own.

    Parameters
    ----------
    n_bytes : ndarray of shape (n_texts,)
        Bytes of each text.
    max_texts : int
        Texts of a request at most.
    max_bytes : float
        Bytes of a request at most.

    Yields
    ------
    ndarray of shape (n_rows,), int64
        The places of a request's texts.
    """
    start, size = 0, 0
    for place, length in enumerate(n_bytes.tolist()):
        if place > start and (place - start >= max_texts or size + length > max_bytes):
            yield np.arange(start, place)
            start, size = place, 0
        size += length
    if start < len(n_bytes):
        yield np.arange(start, len(n_bytes))
