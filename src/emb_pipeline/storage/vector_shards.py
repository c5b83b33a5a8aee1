"""Vectors of texts on disk, by a hash of the text: shards that several processes add to.

    <folder>/<number>.arrow    key (128-bit hash of a text), vector (`RowFormat`), seconds; written whole or not at all
    <folder>/<claim>.keys      the keys that some process is computing; the lock next to it tells whether it still runs

Shards carry a checksum: a damaged one is removed, and its texts are encoded again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import Holder, find_holder, hold_lock, write_atomically
from emb_pipeline.storage.key_index import KEY, KeyIndex
from emb_pipeline.storage.sealed_files import is_sealed, map_arrow, write_arrow
from emb_pipeline.storage.shared_shards import SharedShards
from emb_pipeline.storage.vector_rows import DenseRows, Part, RowFormat

_ROW_BITS = 32
"""A place in the index: the shard's number, and so many bits of the row in it."""
_log = logging.getLogger(__name__)


class VectorShards:
    """The shards in one folder, with an index of the keys in them.

    Parameters
    ----------
    folder : Path
        Where they are; several processes may add to it at a time.
    rows : RowFormat or int
        The way that a text's vectors are kept; a number: as dense ones of so many dimensions.

    Attributes
    ----------
    claimants : list of Holder
        The processes that were computing vectors when rows were last claimed.
    """

    def __init__(self, folder: Path, rows: RowFormat | int) -> None:
        self._folder = folder
        self._rows: RowFormat = DenseRows(rows) if isinstance(rows, int) else rows
        self._tables: dict[str, pa.Table] = {}
        self._index = KeyIndex()
        self._seen: list[str] = []
        self.claimants: list[Holder] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._shared = SharedShards.of(folder)
        self._scan()

    def find_stored(self, keys: np.ndarray) -> np.ndarray:
        """Find which keys are in a shard: a mask of shape (n_keys,).

        What is not here is looked for in the store that machines share, if there is one.
        """
        inside = self._find_here(keys)
        if self._shared is not None and not inside.all() and self._shared.pull():
            return self._find_here(keys)
        return inside

    def _find_here(self, keys: np.ndarray) -> np.ndarray:
        self._scan()
        return self._index.find(keys) >= 0

    def read_vectors(self, keys: np.ndarray) -> Any:
        """Read the vectors of stored keys, in their order: see `RowFormat.read_rows`."""
        parts = [Part(table["vector"], rows, targets) for table, rows, targets in self._find_places(keys)]
        return self._rows.read_rows(parts, len(keys))

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._folder)

    def read_seconds(self, keys: np.ndarray) -> np.ndarray:
        """Read the seconds that each took when it was computed, in this run or in an earlier one: shape (n_keys,)."""
        made = np.zeros(len(keys), dtype=np.float64)
        for table, rows, targets in self._find_places(keys):
            made[targets] = table["seconds"].to_numpy()[rows]
        return made

    def add(self, keys: np.ndarray, vectors: Any, seconds: np.ndarray) -> None:
        """Write one shard."""
        columns = {
            "key": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(keys), [None, pa.py_buffer(keys.tobytes())]),
            "vector": self._rows.make_column(vectors),
            "seconds": pa.array(seconds, pa.float32()),
        }
        batch = pa.record_batch(columns)
        name = hashlib.blake2b(keys.tobytes(), digest_size=10).hexdigest()
        with write_atomically(self._folder / f"{name}.arrow") as part:
            write_arrow(batch, part)
        if self._shared is not None:
            self._shared.push(f"{name}.arrow")

    @contextmanager
    def claim_rows(
        self, keys: np.ndarray, waiting: np.ndarray, n_rows: int, in_spite_of_others: bool = False
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Claim those of the first waiting rows that no process has encoded or is encoding, until the block ends.

        With them come the rows that go on waiting: the others, and at their end those that another process is at.

        Parameters
        ----------
        keys : ndarray of shape (n_texts,)
            Keys of all texts.
        waiting : ndarray of shape (n_waiting,)
            Places among the keys, in the order to encode them in.
        n_rows : int
            Rows to look at.
        in_spite_of_others : bool
            Claim also those that another process is at.
        """
        first, others = waiting[:n_rows], waiting[n_rows:]
        with ExitStack() as held:
            with hold_lock(self._folder / ".lock", what="choosing texts to encode"):
                claims = self._read_claims()  # before the shards: a claim goes only when its shard is there
                missing = first[~self.find_stored(keys[first])]
                elsewhere = np.isin(keys[missing], claims) & (not in_spite_of_others)
                rows = missing[~elsewhere]
                if len(rows):
                    held.enter_context(self._claim(keys[rows]))
            yield rows, np.concatenate([others, missing[elsewhere]]) if elsewhere.any() else others

    @contextmanager
    def _claim(self, keys: np.ndarray) -> Iterator[None]:
        lock = self._folder / f".claim.{uuid.uuid4().hex}"
        claim = lock.with_name(f"{lock.name}.keys")
        try:
            with hold_lock(lock, what=f"encoding {len(keys)} texts", wait=0):
                claim.write_bytes(keys.tobytes())
                yield
        finally:
            _remove(lock, claim)

    def _read_claims(self) -> np.ndarray:
        """Read the keys that running processes are at, and remove what killed ones left."""
        claimed, self.claimants = [], []
        for claim in self._folder.glob(".claim.*.keys"):
            lock = claim.with_suffix("")
            holder = find_holder(lock)
            if holder is None:
                _remove(lock, claim, lock.with_name(f"{lock.name}.holder"))
            else:
                with suppress(FileNotFoundError):  # its process has just finished
                    claimed.append(claim.read_bytes())
                    self.claimants.append(holder)
        return np.frombuffer(b"".join(claimed), dtype=KEY)

    def _scan(self) -> None:
        """Take up shards that were written since."""
        names = [name for name in os.listdir(self._folder) if name.endswith(".arrow") and name not in self._tables]
        found, places = [], []
        for name in sorted(names):
            table = self._open_shard(self._folder / name)
            if table is None:
                continue
            self._tables[name] = table
            found.append(np.frombuffer(table["key"].chunk(0).buffers()[1], dtype=KEY))
            places.append((len(self._seen) << _ROW_BITS) + np.arange(len(found[-1])))
            self._seen.append(name)
        if found:  # of equal keys that of the latest shard counts, whether shards are taken up together or one by one
            self._index.add(np.concatenate(found[::-1]), np.concatenate(places[::-1]))

    def _open_shard(self, path: Path) -> pa.Table | None:
        """Open a shard if its bytes are those that were written; remove any other, so that its texts are encoded again."""
        try:
            table = map_arrow(path, columns=("key", "vector", "seconds"))
            if not is_sealed(path):
                raise DataError(str(path), "carries no checksum", "")
            if table.schema.types != [pa.binary(16), self._rows.type, pa.float32()]:
                raise DataError(str(path), f"has the columns {table.schema}", "")
        except DataError as error:
            if path.is_file():
                _log.warning("%s: %s; its texts are encoded again", error.place, error.reason)
            _remove(path)
            return None
        return table

    def _find_places(self, keys: np.ndarray) -> Iterator[tuple[pa.Table, np.ndarray, np.ndarray]]:
        """Find each shard that holds some of the keys, with their rows in it and their places among the keys."""
        self._scan()
        shards, rows = np.divmod(self._index.find(keys), 1 << _ROW_BITS)
        order = np.argsort(shards, kind="stable")
        borders = np.flatnonzero(np.diff(shards[order])) + 1
        for targets in np.split(order, borders) if len(order) else []:
            yield self._tables[self._seen[shards[targets[0]]]], rows[targets], targets


def hash_texts(texts: Sequence[str]) -> np.ndarray:
    """Compute the key of each text: 16 bytes."""
    digests = b"".join(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts)
    return np.frombuffer(digests, dtype=KEY)


def _remove(*files: Path) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()
