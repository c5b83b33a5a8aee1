"""Methods that search without vectors, fitted on what a task searches."""

from __future__ import annotations

from emb_pipeline.embeddings.method import Method
from emb_pipeline.embeddings.methods.supports import ANSWERS, SEARCH
from emb_pipeline.embeddings.retrieval.options import Bm25Options, SlidingWindowOptions

LINES = (
    Method(
        "bm25",
        "BM25",
        Bm25Options,
        "task",
        SEARCH,
        "retrieval.bm25:Bm25",
        has_dim=False,
        requirements="retrieval.terms:require",
        sparse=True,
        export="retrieval.bm25:Bm25Index",
    ),
    Method(
        "sliding_window",
        "sliding window",
        SlidingWindowOptions,
        "task",
        ANSWERS,
        "retrieval.sliding_window:SlidingWindow",
        has_dim=False,
        sparse=True,
    ),
)
