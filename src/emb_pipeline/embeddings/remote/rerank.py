"""Scores of pairs of a query and a passage from a reranker's endpoint."""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.protocols import Role
from emb_pipeline.embeddings.remote.account import STATE, Account
from emb_pipeline.embeddings.remote.answers import read_scores
from emb_pipeline.embeddings.remote.batches import count_bytes, prepare_text
from emb_pipeline.embeddings.remote.endpoint import Answer, Endpoint
from emb_pipeline.embeddings.remote.options import RerankOptions
from emb_pipeline.embeddings.remote.progress import Progress
from emb_pipeline.embeddings.remote.sending import send_in_parts
from emb_pipeline.embeddings.retrieval.cross_encoder import SEPARATOR
from emb_pipeline.embeddings.retrieval.reranker import Reranker

_FIELDS = {"cohere": ("documents", "top_n"), "voyage": ("documents", "top_k"), "tei": ("texts", None)}
"""Names of the fields for the passages, and for the number of scores that are wanted."""


def build_api_reranker(options: RerankOptions, bases: Mapping[str, Any], encodings: Path | None = None) -> ApiReranker:
    """Build a retriever whose first passages a service puts in order; given a store, a pair is scored, and paid, once."""
    scorer = EndpointScorer(options, None if encodings is None else encodings / STATE)
    return ApiReranker(scorer, bases, encodings)


class ApiReranker(Reranker):
    """A retriever and a service that scores pairs.

    Parameters
    ----------
    endpoint : EndpointScorer
        The service.
    bases : mapping of str to encoder or searcher
        The one retriever, by its name.
    encodings : Path, optional
        Store of earlier scores.
    """

    def __init__(self, endpoint: EndpointScorer, bases: Mapping[str, Any], encodings: Path | None = None) -> None:
        super().__init__(endpoint.options.depth, bases, endpoint, encodings)
        self._endpoint = endpoint

    def estimate_cost(self, texts: Mapping[Role, Sequence[str]]) -> dict[str, float]:
        """Estimate the most that queries can cost, and log it; nothing is refused before the pairs are known."""
        queries, passages = texts.get("query", ()), texts.get("passage", ())
        return self._endpoint.estimate_most(queries, passages)


class EndpointScorer:
    """Scores from ``POST {base_url}/rerank``: a pair is one text, and its score a vector of one dimension.

    A request has one query and some of its passages. A pair without a query or a passage scores minus infinity, and costs
    nothing.

    Parameters
    ----------
    options : RerankOptions
        The endpoint.
    folder : Path, optional
        Where the account of its money is; without it, this process alone keeps it.
    """

    dim = 1
    export_format: ClassVar[str] = "rerank_endpoint"

    def __init__(self, options: RerankOptions, folder: Path | None = None) -> None:
        self.options = options
        self.account = Account(options, folder)
        self._endpoint = Endpoint(options, "rerank", self.account)

    @property
    def latency_requests(self) -> int:
        """Searches that are scored, and paid, to time a task."""
        return self.options.latency_requests

    @property
    def details(self) -> dict[str, Any]:
        """Facts that a reader of its scores must know: the endpoint, and what was spent."""
        as_of, spending = self.options.as_of, self.account.read()
        return {
            "endpoint": {
                "base_url": self.options.base_url,
                "model": self.options.model,
                "as_of": None if as_of is None else as_of.isoformat(),
                "price_per_million_tokens": self.options.price_per_million_tokens,
                "price_per_thousand_requests": self.options.price_per_thousand_requests,
                "spent_usd": spending.gone_usd,
                "tokens_per_byte": spending.tokens_per_byte,
            }
        }

    def fingerprint(self, role: Role = "text") -> str:
        """Name all that a score depends on besides the pair."""
        names = {"base_url", "model", "parameters", "headers", "extra", "as_of", "max_characters"}
        facts = {"route": "rerank", **self.options.model_dump(mode="json", include=names)}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def find_order(self, texts: Sequence[str]) -> np.ndarray:
        """Find an order of pairs that keeps those of a query together; the query with the longest pair comes first."""
        queries = [text.partition(SEPARATOR)[0] for text in texts]
        longest: dict[str, int] = {}
        for query, text in zip(queries, texts, strict=True):
            longest[query] = max(len(text), longest.get(query, 0))
        return np.array(sorted(range(len(texts)), key=lambda row: (-longest[queries[row]], queries[row])), dtype=np.int64)

    def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Score pairs, each a query and a passage with `SEPARATOR` between them, each of which is paid: shape (n_pairs, 1).

        Raises
        ------
        DataError
            The endpoint does not answer, or not with a score for each passage; a key, a model or a size that it refuses; a
            budget that is reached.
        """
        scores = np.empty((len(texts), 1), dtype=np.float32)
        for rows, part in self._score_in_parts(texts, "latency", None):
            scores[rows] = part
        return scores

    def encode_in_parts(self, texts: Sequence[str], role: Role = "text") -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Score pairs; gives places and scores of each answer as soon as it is there, as `send_in_parts` does."""
        n_bytes = sum(_count_bytes(*self._split(text)) for text in texts)
        return self._score_in_parts(texts, "rerank", Progress(self.options, len(texts), n_bytes))

    def announce(self, texts: Mapping[Role, Sequence[str]]) -> dict[str, float]:
        """Estimate what pairs will cost, log it, and refuse what the budget does not allow: see `Account.announce`."""
        split = [self._split(text) for pairs in texts.values() for text in pairs]
        n_bytes = sum(_count_bytes(*pair) for pair in split)
        n_requests = len(self._cut_batches(split))
        return self.account.announce(len(split), n_bytes, n_requests, "pairs to score")

    def estimate_most(self, queries: Sequence[str], passages: Sequence[str]) -> dict[str, float]:
        """Estimate what ``depth`` of the passages for each query will cost where no pair is stored, and log it."""
        depth = min(self.options.depth, len(passages))
        n_pairs, n_requests = len(queries) * depth, len(queries) * math.ceil(depth / self.options.batch_texts)
        of_passage = float(count_bytes(passages).mean()) if len(passages) else 0.0
        n_bytes = depth * (int(count_bytes(queries).sum()) + len(queries) * of_passage)
        return self.account.estimate(n_pairs, round(n_bytes), n_requests, "pairs to score at most")

    def price_texts(self, texts: Sequence[str]) -> float:
        """Estimate US dollars for a million queries, each with ``depth`` passages, such as these texts; NaN if unknown."""
        if not self.options.has_price:
            return float("nan")
        depth = self.options.depth
        n_bytes = float(count_bytes(texts).mean()) if len(texts) else 0.0
        tokens = 2 * depth * n_bytes * self.account.read().tokens_per_byte
        return 1e6 * self.options.price(tokens, math.ceil(depth / self.options.batch_texts))

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the address and the model; no key, which whoever uses the bundle has, and no budget of this project."""
        return {"options": self.options.model_dump(mode="json", exclude={"budget_usd"}, exclude_defaults=True)}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> EndpointScorer:
        """Read what `write_state` wrote."""
        return cls(RerankOptions(**facts["options"]))

    def _split(self, text: str) -> tuple[str, str]:
        query, _, passage = text.partition(SEPARATOR)
        cut = self.options.max_characters
        return prepare_text(query, "", cut), prepare_text(passage, "", cut)

    def _cut_batches(self, pairs: Sequence[tuple[str, str]]) -> list[np.ndarray]:
        """Cut the pairs that have a query and a passage into requests: rows of one query each."""
        of_query: dict[str, list[int]] = {}
        for row, (query, passage) in enumerate(pairs):
            if query and passage:
                of_query.setdefault(query, []).append(row)
        size = self.options.batch_texts
        return [np.array(rows[start : start + size]) for rows in of_query.values() for start in range(0, len(rows), size)]

    def _score_in_parts(
        self, texts: Sequence[str], purpose: str, progress: Progress | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        pairs = [self._split(text) for text in texts]
        empty = np.array([row for row, pair in enumerate(pairs) if not all(pair)], dtype=np.int64)
        if len(empty):
            yield empty, np.full((len(empty), 1), -np.inf, dtype=np.float32)
            if progress is not None:
                progress.add(len(empty), 0, 0, self.account.read())

        def ask(rows: np.ndarray, stopped: threading.Event) -> tuple[np.ndarray, Answer]:
            return self._ask([pairs[row] for row in rows.tolist()], purpose, stopped)

        for rows, (scores, answer) in send_in_parts(self._cut_batches(pairs), ask, self.options.concurrency):
            if progress is not None:
                size = sum(_count_bytes(*pairs[row]) for row in rows.tolist())
                progress.add(len(rows), size, answer.tokens, answer.spending)
            yield rows, scores

    def _ask(self, pairs: Sequence[tuple[str, str]], purpose: str, stopped: threading.Event) -> tuple[np.ndarray, Answer]:
        """Score the passages of one query."""
        documents, wanted = _FIELDS[self.options.dialect]
        passages = [passage for _, passage in pairs]
        body: dict[str, Any] = {"model": self.options.model, "query": pairs[0][0], documents: passages}
        if wanted is not None:
            body[wanted] = len(passages)
        answer = self._endpoint.post(
            {**body, **self.options.extra},
            n_bytes=sum(_count_bytes(*pair) for pair in pairs),
            texts=2 * len(passages),
            purpose=purpose,
            stopped=stopped,
        )
        scores = read_scores(answer.content, len(passages), self.options.place)
        return scores.astype(np.float32)[:, None], answer


def _count_bytes(*texts: str) -> int:
    return int(count_bytes(texts).sum())
