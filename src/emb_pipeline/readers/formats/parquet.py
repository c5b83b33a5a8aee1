"""Parquet files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.files.signatures import recognize_file
from emb_pipeline.readers.options import TabularSource
from emb_pipeline.readers.tables.values import require_columns

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


class ParquetSource(TabularSource):
    """Parquet files."""

    reader: Literal["parquet"] = "parquet"


class ParquetRows:
    """The rows of one file.

    Attributes
    ----------
    holds_texts : bool
        Whether all values are texts, as they are in the file.
    """

    holds_texts = False

    def __init__(self, file: NamedFile, source: TabularSource) -> None:
        self._file, self._source = file, source

    def column_names(self, n_rows: int | None) -> list[str]:
        """List the names of the columns."""
        return list(_parquet(self._file).schema_arrow.names)

    def rows(self, columns: Sequence[str], bad: BadRows | None) -> Iterator[tuple[int, tuple[object, ...]]]:
        """Stream row number and the values of some columns."""
        return _parquet_rows(self._file, columns)

    def label_names(self) -> dict[str, tuple[str, ...]]:
        """Find the names that the file itself has for labels that are numbers, by column."""
        return _names_in_parquet(self._file)


def _names_in_parquet(file: NamedFile) -> dict[str, tuple[str, ...]]:
    """Find the names that Hugging Face's ``datasets`` notes for columns of `ClassLabel`, and for lists of them."""
    noted = (_parquet(file).schema_arrow.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(noted)["info"]["features"] if noted else {}
        items = list(features.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    names = {column: _class_names(feature) for column, feature in items}
    return {column: found for column, found in names.items() if found}


def _class_names(feature: Any) -> tuple[str, ...]:
    if isinstance(feature, list) and len(feature) == 1:
        return _class_names(feature[0])
    if not isinstance(feature, dict):
        return ()
    if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
        return tuple(map(str, feature["names"]))
    return _class_names(feature.get("feature"))


def _parquet(file: NamedFile) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file.path)
    except (pa.ArrowException, OSError, ValueError) as error:
        found = recognize_file(file.path)
        if found is not None and found.what != "a Parquet file":
            raise DataError(file.name, f"it is {found.what}, not Parquet", found.remedy) from error
        remedy = "fetch or write the file again, or correct 'reader'"
        raise DataError(file.name, f"it cannot be read as Parquet ({error})", remedy) from error


def _parquet_rows(file: NamedFile, columns: Sequence[str]) -> Iterator[tuple[int, tuple[object, ...]]]:
    import pyarrow as pa

    parquet = _parquet(file)
    require_columns(file.name, columns, parquet.schema_arrow.names)
    wanted = list(dict.fromkeys(columns))
    number = 0
    batches = parquet.iter_batches(batch_size=4_096, columns=wanted)
    while True:
        try:
            batch = next(batches, None)
            values = [] if batch is None else [_unnest(batch, column).to_pylist() for column in columns]
        except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:
            raise DataError(
                f"{file.name}, row {number + 1}", f"it cannot be read ({error})", "fetch or write the file again"
            ) from error
        if batch is None:
            return
        for row in zip(*values, strict=True):
            number += 1
            yield number, row


def _unnest(batch: pa.RecordBatch, column: str) -> pa.Array:
    """Take a column of a batch; of time stamps in nanoseconds, which Python's have not, without the last digits."""
    import pyarrow as pa

    found = batch[column]
    if pa.types.is_timestamp(found.type) and found.type.unit == "ns":
        return found.cast(pa.timestamp("us", found.type.tz), safe=False)
    return found
