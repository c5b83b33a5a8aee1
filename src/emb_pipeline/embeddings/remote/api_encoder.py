"""Vectors of texts from an OpenAI-compatible endpoint."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.protocols import ROLES, Role, Vectors
from emb_pipeline.embeddings.remote.account import STATE, Account, Spending
from emb_pipeline.embeddings.remote.answers import read_vectors
from emb_pipeline.embeddings.remote.batches import count_bytes, cut_batches, prepare_text
from emb_pipeline.embeddings.remote.drift import describe_drift, measure_drift
from emb_pipeline.embeddings.remote.endpoint import Endpoint
from emb_pipeline.embeddings.remote.keys import read_key
from emb_pipeline.embeddings.remote.options import ApiOptions
from emb_pipeline.embeddings.remote.progress import Progress
from emb_pipeline.embeddings.remote.remembered import RememberedFacts
from emb_pipeline.embeddings.remote.sending import send_in_parts
from emb_pipeline.text.words import unmark_words

_SAMPLE_TEXT = "dimension"


def require(options: ApiOptions) -> None:
    """Refuse an endpoint whose key is not set, before anything is evaluated.

    Raises
    ------
    DataError
        Says where the key is read from.
    """
    read_key(options.key)


def build_api_encoder(options: ApiOptions, encodings: Path | None = None) -> ApiEncoder | StoredEncoder:
    """Encode with an endpoint; given a store, a text is encoded, and paid, once."""
    if encodings is None:
        return ApiEncoder(options)
    return StoredEncoder(ApiEncoder(options, encodings / STATE), encodings)


class ApiEncoder:
    """Vectors from ``POST {base_url}/embeddings``.

    Parameters
    ----------
    options : ApiOptions
        The endpoint.
    folder : Path, optional
        Where accounts are, and facts that were paid for; without it, this process alone knows them.
    dim : int, optional
        Dimensions, where they are known beforehand.
    """

    export_format: ClassVar[str] = "api"

    def __init__(self, options: ApiOptions, folder: Path | None = None, dim: int | None = None) -> None:
        self.options = options
        self.account = Account(options, folder)
        self._endpoint = Endpoint(options, "embeddings", self.account)
        self._facts = RememberedFacts(None if folder is None else folder / f"{self._fingerprint_of('')[:32]}.json")
        self._dim = options.dimensions or dim

    @property
    def dim(self) -> int:
        """Dimensions of a vector: those that were asked for, else those of a short text that is encoded once."""
        if self._dim is None:
            self._dim = self._facts.read().get("dim")
        if self._dim is None:
            answer = self._ask([_SAMPLE_TEXT], "text", "dimension")
            self._dim = answer.vectors.shape[1]
            self._facts.update(dim=self._dim)
        return self._dim

    @property
    def latency_requests(self) -> int:
        """Requests that are sent, and paid, to time a task."""
        return self.options.latency_requests

    @property
    def details(self) -> dict[str, Any]:
        """Facts that a reader of its scores must know: the endpoint, prompts and input types, drift, what was spent."""
        spending, facts = self.account.read(), self._facts.read()
        drift = {str(role): facts[f"drift_{role}"] for role in ROLES if f"drift_{role}" in facts}
        return {
            "endpoint": {
                "base_url": self.options.base_url,
                "model": self.options.model,
                "as_of": None if self.options.as_of is None else self.options.as_of.isoformat(),
                "price_per_million_tokens": self.options.price_per_million_tokens,
                "spent_usd": spending.gone_usd,
                "tokens_per_byte": spending.tokens_per_byte,
                "input_types": {role: self.options.input_type(role) for role in ROLES},
            },
            "prompts": {role: {"prompt": self.options.prompt(role), "from": "options"} for role in ROLES},
            **(describe_drift(drift, self.options.place) if drift else {}),
        }

    def fingerprint(self, role: Role = "text") -> str:
        """Name all that a vector depends on besides the text."""
        return self._fingerprint_of(role)

    def _fingerprint_of(self, role: Role | str) -> str:
        options = self.options
        facts = {
            "base_url": options.base_url,
            "model": options.model,
            "parameters": options.parameters,
            "headers": options.headers,
            "extra": options.extra,
            "dimensions": options.dimensions,
            "as_of": None if options.as_of is None else options.as_of.isoformat(),
            "max_characters": options.max_characters,
            "normalize": options.normalize,
        }
        if role in ROLES:
            facts["prompt"] = options.prompt(role)  # type: ignore[arg-type]
            facts["input_type"] = options.input_type(role)  # type: ignore[arg-type]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Encode texts, each of which is paid: shape (n_texts, dim), float32."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for rows, part in self._encode_in_parts(texts, role, "latency", None):
            vectors[rows] = part
        return vectors

    def encode_in_parts(self, texts: Sequence[str], role: Role = "text") -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Encode texts, each of which is paid; gives places and vectors of each answer as soon as it is there.

        No more requests are sent than are under way, or answered and not yet taken: ``concurrency``. Where one fails, those
        that are under way are still given; then its error is raised.
        """
        n_bytes = int(count_bytes(self._prepare(texts, role)).sum())
        return self._encode_in_parts(texts, role, "encode", Progress(self.options, len(texts), n_bytes))

    def announce(self, texts: Mapping[Role, Sequence[str]]) -> dict[str, float]:
        """Estimate what texts will cost, by their role, log it, and refuse what the budget does not allow.

        Returns
        -------
        dict of str to float
            As for `Account.announce`.

        Raises
        ------
        BudgetError
            The estimate is above what is left.
        """
        n_bytes = sum(int(count_bytes(self._prepare(each, role)).sum()) for role, each in texts.items())
        return self.account.announce(sum(map(len, texts.values())), n_bytes, 0, "texts to encode")

    def compare_again(self, texts: Sequence[str], vectors: np.ndarray, role: Role = "text") -> None:
        """Encode some texts again, and remember how much their vectors differ from those that are stored: once a day."""
        name, today = f"drift_{role}", date.today().isoformat()
        if not len(texts) or self._facts.read().get(name, {}).get("on") == today:
            return
        again = np.zeros_like(vectors)
        for rows, part in self._encode_in_parts(texts, role, "drift", None):
            again[rows] = part
        self._facts.update(**{name: {**measure_drift(vectors, again), "on": today}})

    @property
    def n_compared(self) -> int:
        """Texts that are encoded again to see how much their vectors differ."""
        return self.options.drift_texts

    def price_texts(self, texts: Sequence[str]) -> float:
        """Estimate US dollars for a million texts such as these; NaN where the price is unknown."""
        if not self.options.has_price:
            return float("nan")
        n_bytes = count_bytes(self._prepare(texts, "text"))
        tokens = float(n_bytes.mean()) * self.account.read().tokens_per_byte if len(n_bytes) else 0.0
        return 1e6 * self.options.price(tokens)

    def knows(self, texts: Sequence[str], vectors: Vectors) -> np.ndarray:
        """Say of each text whether the model can know anything of it: shape (n_texts,), bool."""
        return np.array([bool(unmark_words(text).strip()) for text in texts], dtype=bool)

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the address and the model; no key, which whoever uses the bundle has, and no budget of this project."""
        options = self.options.model_dump(mode="json", exclude={"budget_usd"}, exclude_defaults=True)
        return {"options": options, "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> ApiEncoder:
        """Read the encoder that `write_state` wrote."""
        return cls(ApiOptions(**facts["options"]), dim=int(facts["dim"]))

    def _prepare(self, texts: Sequence[str], role: Role) -> list[str]:
        prompt = self.options.prompt(role)
        return [prepare_text(text, prompt, self.options.max_characters) for text in texts]

    def _encode_in_parts(
        self, texts: Sequence[str], role: Role, purpose: str, progress: Progress | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        sent = self._prepare(texts, role)
        has_text = np.array([bool(text) for text in sent], dtype=bool)
        if not has_text.all():
            empty = np.flatnonzero(~has_text)
            yield empty, np.zeros((len(empty), self.dim), dtype=np.float32)
            if progress is not None:
                progress.add(len(empty), 0, 0, self.account.read())
        rows = np.flatnonzero(has_text)
        per_byte = self.account.read().tokens_per_byte
        n_bytes = count_bytes([sent[row] for row in rows.tolist()])
        batches = [
            rows[places] for places in cut_batches(n_bytes, self.options.batch_texts, self.options.batch_tokens / per_byte)
        ]

        def ask(chosen: np.ndarray, stopped: threading.Event) -> _Answer:
            return self._ask([sent[row] for row in chosen.tolist()], role, purpose, stopped)

        for chosen, answer in send_in_parts(batches, ask, self.options.concurrency):
            if progress is not None:
                size = sum(len(sent[row].encode()) for row in chosen.tolist())
                progress.add(len(chosen), size, answer.tokens, answer.spending)
            yield chosen, answer.vectors

    def _ask(self, texts: Sequence[str], role: Role, purpose: str, stopped: threading.Event | None = None) -> _Answer:
        options = self.options
        body: dict[str, Any] = {"model": options.model, "input": list(texts)}
        if options.encoding_format is not None:
            body["encoding_format"] = options.encoding_format
        if options.dimensions is not None:
            body[options.dimensions_field] = options.dimensions
        if (input_type := options.input_type(role)) is not None:
            body[options.input_type_field] = input_type
        n_bytes = int(count_bytes(texts).sum())
        answer = self._endpoint.post(
            {**body, **options.extra}, n_bytes=n_bytes, texts=len(texts), purpose=purpose, stopped=stopped
        )
        vectors = read_vectors(answer.content, len(texts), self._dim, options.place)
        if options.normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return _Answer(vectors, answer.tokens, answer.spending)


@dataclass(frozen=True)
class _Answer:
    """Vectors of the texts of a request, and what it cost."""

    vectors: np.ndarray
    tokens: int
    spending: Spending
