"""Facts of a task's examples that say which data a score is about: fingerprint, source, rows, classes, columns."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from emb_pipeline.text.held_out import HELD_OUT

_CLASS = "label"
"""Column with the class of an example, where a kind has one."""


def describe_examples(tables: Mapping[str, pa.Table], name: str, source: Any) -> dict[str, Any]:
    """Describe the examples of a task, without any of them.

    Returns
    -------
    dict
        ``name``, ``digest``, ``source``, ``profile`` (rows by table; distinct classes), ``columns`` (name and type of each)
        and ``context``, as MLflow calls what a data set is used for.
    """
    examples = {table: rows for table, rows in tables.items() if table != HELD_OUT}
    profile = {f"{table}_rows": rows.num_rows for table, rows in examples.items()}
    classes = [pc.count_distinct(rows[_CLASS]).as_py() for rows in examples.values() if _CLASS in rows.column_names]
    written = source.model_dump(mode="json", exclude_unset=True) if isinstance(source, BaseModel) else source
    prefix = len(examples) > 1
    return {
        "name": name,
        "digest": fingerprint_tables(examples),
        "source": ", ".join(f"{key}={value}" for key, value in written.items())
        if isinstance(written, dict)
        else str(written),
        "profile": {**profile, **({"classes": classes[0]} if classes else {})},
        "columns": [
            {"name": f"{table}.{field.name}" if prefix else field.name, "type": str(field.type)}
            for table, rows in examples.items()
            for field in rows.schema
        ],
        "context": "evaluation",
    }


def fingerprint_tables(tables: Mapping[str, pa.Table]) -> str:
    """Fingerprint the names, columns and values of tables, however they are cut into chunks."""
    digest = _Digest()
    for name in sorted(tables):
        table = tables[name].replace_schema_metadata(None).combine_chunks()
        digest.write(name.encode())
        with pa.ipc.new_stream(cast(Any, digest), table.schema) as writer:
            writer.write_table(table, max_chunksize=max(1, table.num_rows))
    return digest.hexdigest()


class _Digest:
    """A file that keeps no more than the hash of what is written to it."""

    closed = False

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
