"""The vectors of a task's queries and passages, and what they cost."""

from __future__ import annotations

from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.vectors import encode_texts
from emb_pipeline.embeddings.protocols import TaskEncoder, TextEncoder, Vectors, fit_on
from emb_pipeline.tasks.retrieval.task import RetrievalTask


def encode_task(task: RetrievalTask, encoder: TextEncoder | TaskEncoder) -> tuple[TextEncoder, Vectors, Vectors, float]:
    """Fit the encoder, encode queries and passages, and give the seconds that fitting and encoding took."""
    with EncodingClock() as clock:
        fitted = fit_on(encoder, task.passages, "passage")
        passages, _ = encode_texts(fitted, task.passages, "passages", "passage")
        queries, _ = encode_texts(fitted, task.queries, "queries", "query")
    return fitted, queries, passages, clock.seconds
