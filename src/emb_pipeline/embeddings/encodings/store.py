"""A content-addressed store of text vectors: a text is encoded once per encoder, whatever asks for it, in whatever run.

Each encoder has a folder of shards (`VectorShards`). Its name hashes all that a vector depends on besides the text
(`ContextualEncoder.fingerprint`), so a changed prompt, length or model is another folder and never a wrong hit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from emb_pipeline.embeddings.encodings.clock import count_stored
from emb_pipeline.embeddings.protocols import Role, RoleEncoder, Vectors
from emb_pipeline.storage.atomic import Holder
from emb_pipeline.storage.vector_rows import DenseRows, RowFormat
from emb_pipeline.storage.vector_shards import VectorShards, hash_texts

ROWS_PER_SHARD = 2048
_WAIT_SECONDS = 0.2
_SAY_AFTER_SECONDS, _SAY_EVERY_SECONDS = 5.0, 60.0
_PATIENCE_SECONDS = 1800.0
"""Seconds without a new vector after which what another process is at is encoded here, too: a claim saves work, no more."""
_log = logging.getLogger(__name__)


class Encoder(RoleEncoder, Protocol):
    """An encoder that the store keeps the vectors of.

    One whose vectors are no dense rows says how they are kept: ``row_format``, a `RowFormat`. One with texts that belong
    together says in which order they are encoded: ``find_order``, places of the texts.
    """

    def fingerprint(self, role: Role = "text") -> str:
        """Name all that a vector depends on besides the text."""
        ...


@runtime_checkable
class PaidEncoder(Encoder, Protocol):
    """An encoder whose every text costs money: each answer is stored as soon as it is there."""

    def announce(self, texts: Mapping[Role, Sequence[str]]) -> dict[str, float]:
        """Say what texts that are not stored will cost, by their role: texts, tokens, usd. Refuse what must not be paid."""
        ...

    def encode_in_parts(self, texts: Sequence[str], role: Role = "text") -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give places and vectors of parts of the texts, in any order; the next part is asked for when one is stored."""
        ...


@runtime_checkable
class ChangingEncoder(PaidEncoder, Protocol):
    """A service whose vectors of a text can change: some texts are encoded again, after new ones were."""

    @property
    def n_compared(self) -> int:
        """Texts that are encoded again to compare their vectors."""
        ...

    def compare_again(self, texts: Sequence[str], vectors: np.ndarray, role: Role = "text") -> None:
        """Encode texts again and compare the vectors with those that are stored."""
        ...


class StoredEncoder:
    """An encoder whose text vectors are kept.

    Token vectors, of which each task has its own, are not: they would be hundreds of times as many.

    Parameters
    ----------
    encoder : Encoder
        It encodes the texts that are not in the store.
    root : Path
        The store.
    rows_per_shard : int
        Texts that are encoded before they are written: what a killed run loses at most. Of a `PaidEncoder`, each part is
        written at once.
    """

    def __init__(self, encoder: Encoder, root: Path, *, rows_per_shard: int = ROWS_PER_SHARD) -> None:
        self._encoder, self._root, self._rows_per_shard = encoder, root, rows_per_shard
        self._shards: dict[str, VectorShards] = {}

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self._encoder.dim

    @property
    def unstored(self) -> Encoder:
        """The encoder of the texts that are not in the store."""
        return self._encoder

    def encode(self, texts: Sequence[str], role: Role = "text") -> Vectors:
        """Encode texts, or read their vectors, in their order.

        Parameters
        ----------
        texts : sequence of str
            Those that are not in the store are encoded, the longest first.
        role : {"text", "query", "passage"}
            The use of the texts.

        Returns
        -------
        ndarray or csr_array of shape (n_texts, dim), float32, or TokenVectors
            As the encoder gives them; dense ones in memory, or on disk where they are larger than 256 MiB.
        """
        started = time.perf_counter()
        shards, keys = self._fill(texts, role)
        vectors = shards.read_vectors(keys)
        count_stored(shards.name, keys, shards.read_seconds(keys), time.perf_counter() - started)
        return vectors

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Encode the tokens of each sentence with the encoder itself."""
        encoder: Any = self._encoder
        found: list[np.ndarray] = encoder.encode_tokens(sentences)
        return found

    @property
    def _row_format(self) -> RowFormat:
        known = getattr(self._encoder, "row_format", None)
        return DenseRows(self.dim) if known is None else known

    def estimate_cost(self, texts: Mapping[Role, Sequence[str]]) -> dict[str, float]:
        """Say what encoding texts will cost that are not stored: texts, tokens, usd; nothing where encoding is free.

        Raises
        ------
        DataError
            A budget does not allow it.
        """
        if not isinstance(self._encoder, PaidEncoder):
            return {}
        return self._encoder.announce({role: self._select_unstored(each, role) for role, each in texts.items()})

    def _select_unstored(self, texts: Sequence[str], role: Role) -> list[str]:
        keys = hash_texts(texts)
        distinct, first = np.unique(keys, return_index=True)
        stored = self._open_shards(role).find_stored(distinct)
        return [texts[row] for row in first[~stored].tolist()]

    def _open_shards(self, role: Role) -> VectorShards:
        """Open what is stored of texts in a role: once, for all of its bytes are checked."""
        name = self._encoder.fingerprint(role)[:32]
        if name not in self._shards:
            self._shards[name] = VectorShards(self._root / name, self._row_format)
        return self._shards[name]

    def _fill(self, texts: Sequence[str], role: Role) -> tuple[VectorShards, np.ndarray]:
        shards = self._open_shards(role)
        keys = hash_texts(texts)
        distinct, first = np.unique(keys, return_index=True)
        waiting = first[~shards.find_stored(distinct)]
        find_order = getattr(self._encoder, "find_order", _find_longest_first)
        waiting = waiting[find_order([texts[row] for row in waiting.tolist()])]
        wait, is_new = _Wait(), False
        if len(waiting) and isinstance(self._encoder, PaidEncoder):
            self._encoder.announce({role: [texts[row] for row in waiting.tolist()]})
        while len(waiting):
            with shards.claim_rows(keys, waiting, self._rows_per_shard, wait.is_over) as (rows, others):
                if len(others) < len(waiting):
                    wait = _Wait()
                waiting = others
                if len(rows):
                    chosen = [texts[row] for row in rows.tolist()]
                    if load := getattr(self._encoder, "load", None):
                        load()  # a model is not what its first texts cost
                    for part, vectors, seconds in self._encode(chosen, role):
                        shards.add(keys[rows[part]], vectors, seconds)
                        is_new = True
            if not len(rows) and len(waiting) <= self._rows_per_shard:  # other processes are at all of them
                wait.go_on(len(waiting), shards.claimants)
        if is_new and isinstance(self._encoder, ChangingEncoder):
            compared = first[np.linspace(0, len(first) - 1, min(self._encoder.n_compared, len(first))).astype(np.int64)]
            again = [texts[row] for row in compared.tolist()]
            self._encoder.compare_again(again, np.array(shards.read_vectors(keys[compared])), role)
        return shards, keys

    def _encode(self, texts: Sequence[str], role: Role) -> Iterator[tuple[np.ndarray, Vectors, np.ndarray]]:
        """Encode a block, whole or in parts: places, vectors, and the seconds that each text took."""
        started = time.perf_counter()
        if not isinstance(self._encoder, PaidEncoder):
            vectors = self._encoder.encode(texts, role=role)
            yield np.arange(len(texts)), vectors, _share_seconds(texts, time.perf_counter() - started)
            return
        for part, vectors in self._encoder.encode_in_parts(texts, role):
            yield part, vectors, _share_seconds([texts[row] for row in part.tolist()], time.perf_counter() - started)
            started = time.perf_counter()


class _Wait:
    """The time that other processes have been waited for, without a vector of theirs."""

    def __init__(self) -> None:
        self._started, self._due = time.monotonic(), _SAY_AFTER_SECONDS

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self._started > _PATIENCE_SECONDS

    def go_on(self, n_texts: int, claimants: Sequence[Holder]) -> None:
        waited = time.monotonic() - self._started
        if waited >= self._due:
            names = "; ".join(map(str, claimants)) or "another process"
            _log.warning("waiting for %.0f seconds for the vectors of %d texts from %s", waited, n_texts, names)
            self._due += _SAY_EVERY_SECONDS
        time.sleep(_WAIT_SECONDS)


def _share_seconds(texts: Sequence[str], seconds: float) -> np.ndarray:
    """Share the time of a block among its texts, by their length."""
    lengths = np.array([1 + len(text) for text in texts], dtype=np.float64)
    shares: np.ndarray = seconds * lengths / lengths.sum()
    return shares


def _find_longest_first(texts: Sequence[str]) -> np.ndarray:
    return np.argsort([-len(text) for text in texts], kind="stable")
