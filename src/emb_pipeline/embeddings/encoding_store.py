"""A content-addressed store of text vectors: a text is encoded once per encoder, whatever asks for it, in whatever run.

    <root>/<encoder>/<number>.arrow    key (128-bit hash of a text), vector, seconds; written whole or not at all
    <root>/<encoder>/<claim>.keys      what some process is encoding; the lock beside it tells whether it still runs

The encoder's name hashes all that a vector depends on beside the text (`ContextualEncoder.fingerprint`), so a changed
prompt, length or model is another folder and never a wrong hit. Shards carry a checksum: a damaged one is encoded again.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings.encoding_clock import count_stored
from emb_pipeline.embeddings.protocols import Role, RoleEncoder
from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import Holder, atomic_path, exclusive, holder_of
from emb_pipeline.storage.matrices import column_matrix, matrix_column
from emb_pipeline.storage.sealed_files import is_sealed, map_arrow, write_arrow

ROWS_PER_SHARD = 2048
_IN_MEMORY_BYTES = 256 << 20
_KEY = np.dtype("S16")
_WAIT_SECONDS = 0.2
_SAY_AFTER_SECONDS, _SAY_EVERY_SECONDS = 5.0, 60.0
_PATIENCE_SECONDS = 1800.0
"""Seconds without a new vector after which what another process is at is encoded here, too: a claim saves work, no more."""
_log = logging.getLogger(__name__)


class Encoder(RoleEncoder, Protocol):
    """What the store keeps the vectors of."""

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """One array of shape (n_tokens, dim) per sentence."""
        ...

    def fingerprint(self, role: Role = "text") -> str:
        """Names all that a vector depends on beside the text."""
        ...


class StoredEncoder:
    """An encoder whose text vectors are kept.

    Token vectors, of which each task has its own, are not: they would be hundreds of times as many.

    Parameters
    ----------
    encoder : Encoder
        What encodes what is not in the store.
    root : Path
        The store.
    rows_per_shard : int
        Texts that are encoded before they are written: what a killed run loses at most.
    """

    def __init__(self, encoder: Encoder, root: Path, *, rows_per_shard: int = ROWS_PER_SHARD) -> None:
        self._encoder, self._root, self._rows_per_shard = encoder, root, rows_per_shard

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return self._encoder.dim

    @property
    def unstored(self) -> Encoder:
        """What encodes what is not in the store."""
        return self._encoder

    def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Vectors of texts, in their order.

        Parameters
        ----------
        texts : sequence of str
            Those that are not in the store are encoded, the longest first.
        role : {"text", "query", "passage"}
            The use of the texts.

        Returns
        -------
        ndarray of shape (n_texts, dim), float32
            In memory, or on disk where it is larger than 256 MiB.
        """
        started = time.perf_counter()
        shards, keys = self._filled(texts, role)
        vectors = shards.vectors(keys, self.dim)
        count_stored(shards.name, keys, shards.seconds(keys), time.perf_counter() - started)
        return vectors

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """One array of shape (n_tokens, dim) per sentence, from the encoder itself."""
        return self._encoder.encode_tokens(sentences)

    def _filled(self, texts: Sequence[str], role: Role) -> tuple[_Shards, np.ndarray]:
        shards = _Shards(self._root / self._encoder.fingerprint(role)[:32], self.dim)
        keys = _keys(texts)
        distinct, first = np.unique(keys, return_index=True)
        waiting = first[~shards.hold(distinct)]
        waiting = waiting[np.argsort([-len(texts[row]) for row in waiting.tolist()], kind="stable")]
        wait = _Wait()
        while len(waiting):
            with shards.claimed(keys, waiting, self._rows_per_shard, wait.is_over) as (rows, others):
                if len(others) < len(waiting):
                    wait = _Wait()
                waiting = others
                if len(rows):
                    chosen = [texts[row] for row in rows.tolist()]
                    if load := getattr(self._encoder, "load", None):
                        load()  # a model is not what its first texts cost
                    started = time.perf_counter()
                    vectors = self._encoder.encode(chosen, role=role)
                    shards.add(keys[rows], vectors, _shares(chosen, time.perf_counter() - started))
            if not len(rows) and len(waiting) <= self._rows_per_shard:  # other processes are at all of them
                wait.go_on(len(waiting), shards.claimants)
        return shards, keys


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


class _Shards:
    """The shards of one encoder, with an index of the keys in them."""

    def __init__(self, folder: Path, dim: int) -> None:
        self._folder, self._dim = folder, dim
        self._tables: dict[str, pa.Table] = {}
        self._keys, self._shard, self._row = np.empty(0, _KEY), np.empty(0, np.int32), np.empty(0, np.int32)
        self._seen: list[str] = []
        self.claimants: list[Holder] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._scan()

    def hold(self, keys: np.ndarray) -> np.ndarray:
        """Whether each key is in a shard."""
        self._scan()
        places = np.searchsorted(self._keys, keys)
        inside = places < len(self._keys)
        inside[inside] = self._keys[places[inside]] == keys[inside]
        return inside

    def vectors(self, keys: np.ndarray, dim: int) -> np.ndarray:
        """Vectors of keys that are there."""
        made = _array((len(keys), dim))
        for table, rows, targets in self._places(keys):
            made[targets] = column_matrix(table["vector"])[rows]
        return made

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._folder)

    def seconds(self, keys: np.ndarray) -> np.ndarray:
        """Seconds that each took when it was computed, in this run or in an earlier one: shape (n_keys,)."""
        made = np.zeros(len(keys), dtype=np.float64)
        for table, rows, targets in self._places(keys):
            made[targets] = table["seconds"].to_numpy()[rows]
        return made

    def add(self, keys: np.ndarray, vectors: np.ndarray, seconds: np.ndarray) -> None:
        """Write one shard."""
        columns = {
            "key": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(keys), [None, pa.py_buffer(keys.tobytes())]),
            "vector": matrix_column(vectors),
            "seconds": pa.array(seconds, pa.float32()),
        }
        batch = pa.record_batch(columns)
        name = hashlib.blake2b(keys.tobytes(), digest_size=10).hexdigest()
        with atomic_path(self._folder / f"{name}.arrow") as part:
            write_arrow(batch, part)

    @contextmanager
    def claimed(
        self, keys: np.ndarray, waiting: np.ndarray, n_rows: int, in_spite_of_others: bool = False
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of the first waiting rows, those that nobody has encoded or is encoding: this process's until the block ends.

        With them come the rows that wait on: the others, and at their end those that another process is at.
        """
        first, others = waiting[:n_rows], waiting[n_rows:]
        with ExitStack() as held:
            with exclusive(self._folder / ".lock", what="choosing texts to encode"):
                claims = self._claims()  # before the shards: a claim goes only when its shard is there
                missing = first[~self.hold(keys[first])]
                elsewhere = np.isin(keys[missing], claims) & (not in_spite_of_others)
                rows = missing[~elsewhere]
                if len(rows):
                    held.enter_context(self._claim(keys[rows]))
            yield rows, np.concatenate([others, missing[elsewhere]])

    @contextmanager
    def _claim(self, keys: np.ndarray) -> Iterator[None]:
        lock = self._folder / f".claim.{uuid.uuid4().hex}"
        claim = lock.with_name(f"{lock.name}.keys")
        try:
            with exclusive(lock, what=f"encoding {len(keys)} texts", wait=0):
                claim.write_bytes(keys.tobytes())
                yield
        finally:
            _remove(lock, claim)

    def _claims(self) -> np.ndarray:
        """Keys that running processes are at; what killed ones left is removed."""
        claimed, self.claimants = [], []
        for claim in self._folder.glob(".claim.*.keys"):
            lock = claim.with_suffix("")
            holder = holder_of(lock)
            if holder is None:
                _remove(lock, claim, lock.with_name(f"{lock.name}.holder"))
            else:
                with suppress(FileNotFoundError):  # its process has just finished
                    claimed.append(claim.read_bytes())
                    self.claimants.append(holder)
        return np.frombuffer(b"".join(claimed), dtype=_KEY)

    def _scan(self) -> None:
        """Take up shards that were written since."""
        names = [path.name for path in self._folder.glob("*.arrow") if path.name not in self._tables]
        for name in sorted(names):
            table = self._shard_or_none(self._folder / name)
            if table is None:
                continue
            self._tables[name] = table
            self._seen.append(name)
            keys = np.frombuffer(self._tables[name]["key"].chunk(0).buffers()[1], dtype=_KEY)
            order = np.argsort(keys, kind="stable")
            places = np.searchsorted(self._keys, keys[order])
            self._keys = np.insert(self._keys, places, keys[order])
            self._shard = np.insert(self._shard, places, len(self._seen) - 1)
            self._row = np.insert(self._row, places, order)

    def _shard_or_none(self, path: Path) -> pa.Table | None:
        """A shard whose bytes are those that were written; any other is removed, and its texts are encoded again."""
        try:
            table = map_arrow(path, columns=("key", "vector", "seconds"))
            if not is_sealed(path):
                raise DataError(str(path), "carries no checksum", "")
            if table.schema.types != [pa.binary(16), pa.list_(pa.float32(), self._dim), pa.float32()]:
                raise DataError(str(path), f"has the columns {table.schema}", "")
        except DataError as error:
            if path.is_file():
                _log.warning("%s: %s; its texts are encoded again", error.place, error.reason)
            _remove(path)
            return None
        return table

    def _places(self, keys: np.ndarray) -> Iterator[tuple[pa.Table, np.ndarray, np.ndarray]]:
        """Each shard that holds some of the keys, with their rows in it and their places among the keys."""
        self._scan()
        at = np.searchsorted(self._keys, keys)
        shards, rows = self._shard[at], self._row[at]
        order = np.argsort(shards, kind="stable")
        borders = np.flatnonzero(np.diff(shards[order])) + 1
        for targets in np.split(order, borders) if len(order) else []:
            yield self._tables[self._seen[shards[targets[0]]]], rows[targets], targets


def _remove(*files: Path) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()


def _keys(texts: Sequence[str]) -> np.ndarray:
    digests = b"".join(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts)
    return np.frombuffer(digests, dtype=_KEY)


def _shares(texts: Sequence[str], seconds: float) -> np.ndarray:
    """The time of a block over its texts, by their length."""
    lengths = np.array([1 + len(text) for text in texts], dtype=np.float64)
    shares: np.ndarray = seconds * lengths / lengths.sum()
    return shares


def _array(shape: tuple[int, int]) -> np.ndarray:
    if 4 * shape[0] * shape[1] <= _IN_MEMORY_BYTES:
        return np.empty(shape, dtype=np.float32)
    with tempfile.TemporaryFile() as file:  # it has no name, and goes with the array
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
