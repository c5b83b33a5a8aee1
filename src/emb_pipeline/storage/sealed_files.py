"""The project's own files, which notice when they are damaged: Arrow, Parquet, JSON and safetensors.

A file carries the CRC-32 of all its bytes in its own metadata, computed with zeros in the place of the number itself.
Reading checks it before anything is parsed, so that no damaged length or offset reaches a parser. Other tools read the files
as they are. A file without the number (of another program, or of an earlier version) is checked by its structure alone.
"""

from __future__ import annotations

import json
import mmap
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emb_pipeline.errors import DataError

_BLOCK = 1 << 20
_KEY, _MARK, _EMPTY = "checksum", b"emb_pipeline:crc32=", b"00000000"
UNSEALED = {_KEY: (_MARK + _EMPTY).decode()}
"""What a file's metadata hold until `seal` fills it in."""
AGAIN = "make it again: kedro run with the stage that wrote it"


def seal(path: Path) -> None:
    """Put the checksum into a file whose metadata hold `UNSEALED`."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        places = _find_places(content)
        if not places:
            raise ValueError(f"{path} has no room for a checksum")
        digits = f"{_compute_checksum(content, places):08x}".encode()
        for place in places:
            content[place : place + len(digits)] = digits


def is_sealed(path: Path, remedy: str = AGAIN) -> bool:
    """Check a file's checksum; False if it carries none.

    Raises
    ------
    DataError
        The file is missing or empty, or its bytes are not those that were written.
    """
    try:
        if not path.stat().st_size:  # nothing to map
            raise DataError(str(path), "is empty", remedy)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            places = _find_places(content)
            stated = {content[place : place + len(_EMPTY)] for place in places}
            if places and stated != {f"{_compute_checksum(content, places):08x}".encode()}:
                raise DataError(str(path), "is damaged: its bytes are not those that were written (checksum)", remedy)
    except FileNotFoundError as error:
        raise DataError(str(path), "is missing", remedy) from error
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error})", remedy) from error
    return bool(places)


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a sealed Parquet file."""
    pq.write_table(add_seal(table), path, compression="zstd")
    seal(path)


def add_seal(data: pa.Table) -> pa.Table:
    """Give a table, record batch or schema room for the checksum in its metadata."""
    schema = data if isinstance(data, pa.Schema) else data.schema
    metadata = {**(schema.metadata or {}), _KEY.encode(): UNSEALED[_KEY].encode()}
    return data.with_metadata(metadata) if isinstance(data, pa.Schema) else data.replace_schema_metadata(metadata)


def read_parquet(
    path: Path,
    *,
    columns: Sequence[str] = (),
    read_dictionary: Sequence[str] | None = None,
    use_threads: bool = True,
    remedy: str = AGAIN,
) -> pa.Table:
    """Read and check a Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        Columns that it must have; all are read.
    read_dictionary : sequence of str, optional
        Text columns to read as numbers with a dictionary.
    use_threads : bool
        Whether threads share the columns: on many small files they cost more than they gain.
    remedy : str
        What a reader of the message can do.

    Raises
    ------
    DataError
        The file is missing or damaged, or lacks a column.
    """
    wrong = "is no Parquet file, or a damaged one"
    dictionaries = list(read_dictionary or ())

    def load() -> pa.Table:
        return pq.read_table(path, read_dictionary=dictionaries, use_threads=use_threads)

    return _read(path, load, wrong, columns, remedy)


def write_arrow(batch: pa.RecordBatch, path: Path) -> None:
    """Write a sealed Arrow IPC file of one batch, so that each column is one array."""
    batch = add_seal(batch)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    seal(path)


def map_arrow(path: Path, *, columns: Sequence[str] = (), remedy: str = AGAIN) -> pa.Table:
    """Map and check an Arrow IPC file; its values stay on disk until they are used.

    Raises
    ------
    DataError
        The file is missing or damaged, or lacks a column.
    """
    wrong = "is not a complete Arrow IPC file"
    return _read(path, lambda: pa.ipc.open_file(pa.memory_map(str(path))).read_all(), wrong, columns, remedy)


def _read(path: Path, load: Callable[[], pa.Table], wrong: str, columns: Sequence[str], remedy: str) -> pa.Table:
    """Check a file's bytes before they are parsed, and the table that they hold after it."""
    is_sealed(path, remedy)
    try:
        table = load()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise DataError(str(path), f"{wrong} ({_shorten_error(error)})", remedy) from error
    return _check_columns(table, path, columns, remedy)


def write_json(facts: Mapping[str, Any], path: Path) -> None:
    """Write a sealed JSON file; what JSON has no value for becomes text."""
    path.write_text(json.dumps({**facts, **UNSEALED}, indent=1, default=str), encoding="utf-8")
    seal(path)


def read_json(path: Path, remedy: str = AGAIN) -> dict[str, Any]:
    """Read and check a JSON file of one object.

    Raises
    ------
    DataError
        The file is missing or damaged, or holds something else.
    """
    is_sealed(path, remedy)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(str(path), f"is no JSON file, or a damaged one ({_shorten_error(error)})", remedy) from error
    if not isinstance(facts, dict):
        raise DataError(str(path), "must hold one JSON object", remedy)
    return {name: value for name, value in facts.items() if name != _KEY}


def _check_columns(table: pa.Table, path: Path, columns: Sequence[str], remedy: str) -> pa.Table:
    names = table.schema.names
    if missing := [name for name in columns if name not in names]:
        raise DataError(str(path), f"column {missing[0]!r} is missing, there are {names}", remedy)
    metadata = {key: value for key, value in (table.schema.metadata or {}).items() if key != _KEY.encode()}
    return table.replace_schema_metadata(metadata or None)


def _find_places(content: mmap.mmap) -> list[int]:
    """Find the places of the checksum: first and last, as an Arrow file has its metadata before and behind its data."""
    found = {_find_first_mark(content), content.rfind(_MARK)} - {-1}
    return [place + len(_MARK) for place in sorted(found) if place + len(_MARK) + len(_EMPTY) <= len(content)]


def _find_first_mark(content: mmap.mmap) -> int:
    for start, end in _cut_into_blocks(0, len(content)):
        place = content.find(_MARK, start, end + len(_MARK) - 1)
        if place >= 0:
            return place
        _let_go(content, start, end)
    return -1


def _compute_checksum(content: mmap.mmap, places: Sequence[int]) -> int:
    number, begin = 0, 0
    with memoryview(content) as view:
        for place in [*places, len(content)]:
            for start, end in _cut_into_blocks(begin, place):
                number = zlib.crc32(view[start:end], number)
                _let_go(content, start, end)
            if place < len(content):
                number = zlib.crc32(_EMPTY, number)
            begin = place + len(_EMPTY)
    return number


def _cut_into_blocks(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a file into parts, at multiples of a block, so that their pages can be let go."""
    while start < end:
        stop = min(end, (start // _BLOCK + 1) * _BLOCK)
        yield start, stop
        start = stop


def _let_go(content: mmap.mmap, start: int, end: int) -> None:
    """Take pages out of this process's memory again, where the system can: the file may be larger than the memory."""
    if hasattr(content, "madvise"):
        first = start // mmap.PAGESIZE * mmap.PAGESIZE
        content.madvise(mmap.MADV_DONTNEED, first, end - first)


def _shorten_error(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
