"""Vectors of texts from an OpenAI-compatible endpoint."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.protocols import ROLES, Role, Vectors
from emb_pipeline.embeddings.remote.account import Account, BudgetError, Spending
from emb_pipeline.embeddings.remote.answers import read_vectors
from emb_pipeline.embeddings.remote.batches import count_bytes, cut_batches, prepare_text
from emb_pipeline.embeddings.remote.drift import describe_drift, measure_drift
from emb_pipeline.embeddings.remote.endpoint import Endpoint, TooLargeError
from emb_pipeline.embeddings.remote.keys import read_key
from emb_pipeline.embeddings.remote.options import ApiOptions
from emb_pipeline.embeddings.remote.progress import Progress
from emb_pipeline.embeddings.remote.remembered import RememberedFacts
from emb_pipeline.text.words import unmark_words

STATE = "endpoints"
"""Folder in the store of encodings that holds accounts, and facts that were paid for."""
_SAMPLE_TEXT = "dimension"
_log = logging.getLogger(__name__)


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
        """Name all that a vector depends on beside the text."""
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
            texts, tokens and usd; the last is NaN where the price is unknown.

        Raises
        ------
        BudgetError
            The estimate is above what is left.
        """
        spending = self.account.read()
        n_texts = sum(map(len, texts.values()))
        n_bytes = sum(int(count_bytes(self._prepare(each, role)).sum()) for role, each in texts.items())
        tokens = n_bytes * spending.tokens_per_byte
        usd = self.options.price(tokens) if self.options.has_price else float("nan")
        if not n_texts:
            return {"texts": 0, "tokens": 0.0, "usd": 0.0}
        money = f"about ${usd:.6f}" if self.options.has_price else "at a price that is unknown ('price_per_million_tokens')"
        _log.info("%s: %d texts to encode, about %.0f tokens, %s", self.options.place, n_texts, tokens, money)
        budget = self.options.budget_usd
        if budget is not None and spending.gone_usd + usd > budget:
            raise BudgetError(
                self.options.place,
                f"{n_texts} texts need about {tokens:.0f} tokens and ${usd:.6f}; of the budget of ${budget:g}, "
                f"${spending.gone_usd:.6f} are spent",
                self.account.remedy("nothing was sent"),
            )
        return {"texts": n_texts, "tokens": tokens, "usd": usd}

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
        for batch, answered in self._send_all([[sent[row] for row in batch.tolist()] for batch in batches], role, purpose):
            for part in answered.parts:
                chosen = batches[batch][part.places]
                if progress is not None:
                    size = sum(len(sent[row].encode()) for row in chosen.tolist())
                    progress.add(len(chosen), size, part.tokens, part.spending)
                yield chosen, part.vectors

    def _send_all(self, batches: Sequence[Sequence[str]], role: Role, purpose: str) -> Iterator[tuple[int, _Answered]]:
        """Send requests, several at a time, and give the answers as they come; after an error, those that still come."""
        waiting = iter(enumerate(batches))
        under_way: dict[Future[_Answered], int] = {}
        trouble: BaseException | None = None
        stopped = threading.Event()
        try:
            with ThreadPoolExecutor(min(self.options.concurrency, max(len(batches), 1)), "endpoint") as pool:
                while True:
                    while trouble is None and len(under_way) < self.options.concurrency:
                        number, batch = next(waiting, (-1, ()))
                        if number < 0:
                            break
                        under_way[pool.submit(self._answer, batch, role, purpose, stopped)] = number
                    if not under_way:
                        break
                    try:
                        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    except BaseException as error:  # an interruption: what is paid for is still taken
                        trouble, done = error, set()
                        stopped.set()
                    for future in done:
                        answered = future.result()
                        yield under_way.pop(future), answered
                        if answered.error is not None and trouble is None:
                            trouble = answered.error
                            stopped.set()
        finally:
            stopped.set()  # whoever stops taking answers asks for no more
        if trouble is not None:
            raise trouble

    def _answer(self, texts: Sequence[str], role: Role, purpose: str, stopped: threading.Event) -> _Answered:
        """Send one request, in parts where the endpoint takes no more; an error comes with what was answered before it."""
        answered = _Answered()
        parts = [np.arange(len(texts))]
        while parts:
            places = parts.pop()
            try:
                answer = self._ask([texts[place] for place in places.tolist()], role, purpose, stopped)
            except TooLargeError as error:
                if len(places) == 1:
                    answered.error = error
                    break
                parts += [places[len(places) // 2 :], places[: len(places) // 2]]
                continue
            except Exception as error:
                answered.error = error
                break
            answered.parts.append(_Part(places, answer.vectors, answer.tokens, answer.spending))
        return answered

    def _ask(self, texts: Sequence[str], role: Role, purpose: str, stopped: threading.Event | None = None) -> _Part:
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
        return _Part(np.arange(len(texts)), vectors, answer.tokens, answer.spending)


@dataclass(frozen=True)
class _Part:
    """Vectors of some texts of a request, by their places in it."""

    places: np.ndarray
    vectors: np.ndarray
    tokens: int
    spending: Spending


@dataclass
class _Answered:
    """Answers to a request, and the error after them, if there is one."""

    parts: list[_Part] = field(default_factory=list)
    error: Exception | None = None
