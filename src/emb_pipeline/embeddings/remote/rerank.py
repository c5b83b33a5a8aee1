"""Scores of passages for a query from a reranker's endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from emb_pipeline.embeddings.remote.account import Account
from emb_pipeline.embeddings.remote.answers import read_scores
from emb_pipeline.embeddings.remote.batches import count_bytes, prepare_text
from emb_pipeline.embeddings.remote.endpoint import Endpoint, TooLargeError
from emb_pipeline.embeddings.remote.options import RerankOptions

_FIELDS = {"cohere": ("documents", "top_n"), "voyage": ("documents", "top_k"), "tei": ("texts", None)}
"""Names of the fields for the passages, and for the number of scores that are wanted."""


class RerankClient:
    """A reranker behind ``POST {base_url}/rerank``.

    Parameters
    ----------
    options : RerankOptions
        The endpoint.
    folder : Path, optional
        Where the account of its money is; without it, this process alone keeps it.
    """

    def __init__(self, options: RerankOptions, folder: Path | None = None) -> None:
        self.options = options
        self.account = Account(options, folder)
        self._endpoint = Endpoint(options, "rerank", self.account)

    def score(self, query: str, passages: Sequence[str]) -> np.ndarray:
        """Score passages for a query, the higher the better: shape (n_passages,), float64.

        Scores are compared within a query alone. A passage without text scores minus infinity, and costs nothing.

        Raises
        ------
        DataError
            The endpoint does not answer, or not with a score for each passage; a key, a model or a size that it refuses; a
            budget that is reached.
        """
        cut = self.options.max_characters
        asked, sent = prepare_text(query, "", cut), [prepare_text(passage, "", cut) for passage in passages]
        scores = np.full(len(passages), -np.inf)
        rows = np.array([row for row, text in enumerate(sent) if text and asked], dtype=np.int64)
        parts = [rows[start : start + self.options.batch_texts] for start in range(0, len(rows), self.options.batch_texts)]
        if not parts:
            return scores
        with ThreadPoolExecutor(min(self.options.concurrency, len(parts)), "endpoint") as pool:
            for part, found in zip(parts, pool.map(lambda part: self._ask(asked, sent, part), parts), strict=True):
                scores[part] = found
        return scores

    def _ask(self, query: str, texts: Sequence[str], rows: np.ndarray) -> np.ndarray:
        """Score some of the texts, in halves where the endpoint takes no more at a time."""
        passages = [texts[row] for row in rows.tolist()]
        documents, wanted = _FIELDS[self.options.dialect]
        body: dict[str, Any] = {"model": self.options.model, "query": query, documents: passages}
        if wanted is not None:
            body[wanted] = len(passages)
        n_bytes = int(count_bytes(passages).sum() + len(passages) * count_bytes([query])[0])
        try:
            answer = self._endpoint.post(
                {**body, **self.options.extra}, n_bytes=n_bytes, texts=2 * len(passages), purpose="rerank"
            )
        except TooLargeError:
            if len(rows) == 1:
                raise
            half = len(rows) // 2
            return np.concatenate([self._ask(query, texts, rows[:half]), self._ask(query, texts, rows[half:])])
        return read_scores(answer.content, len(passages), self.options.place)
