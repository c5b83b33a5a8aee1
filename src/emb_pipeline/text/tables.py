"""Rows of CSV, TSV, JSON lines and Parquet files, streamed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emb_pipeline.text.errors import DataError
from emb_pipeline.text.files import NamedFile, lines
from emb_pipeline.text.readings import CsvReading, JsonlReading, ParquetReading, TabularReading, TsvReading

_LONGEST_FIELD = 1 << 30
"""Characters; the csv module's own limit of 131,072 refuses long documents."""


def column_names(file: NamedFile, reading: TabularReading) -> list[str]:
    """Names of a table's columns (for JSON lines: the keys of the first row)."""
    if isinstance(reading, ParquetReading):
        return list(_parquet(file).schema_arrow.names)
    if isinstance(reading, JsonlReading):
        return next((list(row) for _, row in _json_rows(file)), [])
    return next(_delimited(file, reading), (1, []))[1]


def rows(file: NamedFile, reading: TabularReading, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Row number and the values of some columns, as text; a missing value is empty.

    Row numbers are those of a spreadsheet: in CSV and TSV the header is row 1; JSON lines and Parquet have none.

    Raises
    ------
    DataError
        A column is missing (the error lists those that exist), a row has a different number of fields than the header, or
        the file cannot be read as what it is said to be.
    """
    if isinstance(reading, CsvReading | TsvReading):
        yield from _delimited_rows(file, reading, columns)
        return
    for number, values in values_of_rows(file, reading, columns):
        place = f"{file.name}, row {number}"
        yield number, tuple(_text(value, place, column) for value, column in zip(values, columns, strict=True))


def values_of_rows(
    file: NamedFile, reading: JsonlReading | ParquetReading, columns: Sequence[str]
) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Row number and the values of some columns, as they are: text, numbers, lists.

    Raises
    ------
    DataError
        As for `rows`.
    """
    if isinstance(reading, ParquetReading):
        yield from _parquet_rows(file, columns)
        return
    for number, row in _json_rows(file):
        _require_columns(f"{file.name}, row {number}", columns, list(row))
        yield number, tuple(row[column] for column in columns)


def joined_columns(values: Iterable[str]) -> str:
    """One text of several columns, empty ones left out."""
    return "\n".join(value for value in values if value and not value.isspace())


def reading_by_suffix(path: Path, name: str, encoding: str) -> TabularReading:
    """How a file of rows is read: csv, tsv, jsonl or parquet, by its suffix.

    Raises
    ------
    DataError
        It has none of these suffixes.
    """
    suffixes = [suffix for suffix in path.suffixes if suffix not in (".gz", ".bz2", ".xz")]
    match suffixes[-1:]:
        case [".csv"]:
            return CsvReading(path=name, encoding=encoding)
        case [".tsv"]:
            return TsvReading(path=name, encoding=encoding)
        case [".jsonl"] | [".ndjson"]:
            return JsonlReading(path=name)
        case [".parquet"]:
            return ParquetReading(path=name)
    raise DataError(str(path), "its suffix is not .csv, .tsv, .jsonl or .parquet", "rename or convert the file")


def identified_texts(
    files: Iterable[NamedFile], id_column: str, columns: str | Sequence[str], encoding: str
) -> dict[str, str]:
    """The text of each id, in files of rows.

    Parameters
    ----------
    files : iterable of NamedFile
        Read by their suffix.
    id_column : str
        Column with the ids.
    columns : str or sequence of str
        Column with the text, or several that make one.
    encoding : str
        Of csv and tsv.

    Raises
    ------
    DataError
        An id is empty or repeats, a text is empty, or as for `rows`.
    """
    columns = (columns,) if isinstance(columns, str) else columns
    texts: dict[str, str] = {}
    for file in files:
        table = reading_by_suffix(file.path, str(file.path), encoding)
        for number, (identifier, *values) in rows(file, table, (id_column, *columns)):
            place, text = f"{file.name}, row {number}", joined_columns(values)
            if not identifier:
                raise DataError(place, f"'{id_column}' is empty", "give each row its own id")
            if identifier in texts:
                raise DataError(place, f"{id_column} '{identifier}' stands there a second time", "give each row its own id")
            if not text:
                raise DataError(place, f"the text of '{identifier}' is empty", "fill it in or drop the row")
            texts[identifier] = text
    return texts


def _require_columns(place: str, wanted: Sequence[str], existing: Sequence[str]) -> None:
    for column in wanted:
        if column not in existing:
            raise DataError(place, f"there is no column '{column}'", f"name one of {list(existing)}")


def _delimited_rows(
    file: NamedFile, reading: CsvReading | TsvReading, columns: Sequence[str]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    table = _delimited(file, reading)
    _, header = next(table, (1, None))
    if header is None:
        raise DataError(file.name, "the file is empty", "the first row must name the columns")
    _require_columns(f"{file.name}, row 1" if reading.columns is None else file.name, columns, header)
    for column in columns:
        if header.count(column) > 1:
            raise DataError(f"{file.name}, row 1", f"two columns are called '{column}'", "rename one of them")
    positions = [header.index(column) for column in columns]
    for number, fields in table:
        if len(fields) != len(header):
            if not fields:
                continue  # an empty line
            raise DataError(
                f"{file.name}, row {number}",
                f"it has {len(fields)} fields and the header {len(header)}",
                "quote fields that hold the delimiter or a line break",
            )
        yield number, tuple(fields[position] for position in positions)


def _delimited(file: NamedFile, reading: CsvReading | TsvReading) -> Iterator[tuple[int, list[str]]]:
    """Rows with their numbers, the header first."""
    csv.field_size_limit(_LONGEST_FIELD)
    number = 0
    if reading.columns is not None:
        yield 0, list(reading.columns)
    parsed = csv.reader(
        lines(file, reading.encoding),
        delimiter=reading.delimiter,
        strict=True,
        quoting=csv.QUOTE_MINIMAL if reading.quoted else csv.QUOTE_NONE,
    )
    try:
        for number, fields in enumerate(parsed, 1):
            yield number, fields
    except csv.Error as error:
        raise DataError(
            f"{file.name}, row {number + 1}",
            f"the row cannot be read ({error})",
            "close the quotes and double those inside a field, or say 'quoted: false'",
        ) from error


def _json_rows(file: NamedFile) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(lines(file, "utf-8"), 1):
        if line.isspace():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(
                f"{file.name}, row {number}", f"it is not JSON ({error})", "write one JSON object per line"
            ) from error
        if not isinstance(row, dict):
            raise DataError(f"{file.name}, row {number}", "it is not a JSON object", 'write {"text": …} per line')
        yield number, row


def _text(value: object, place: str, column: str) -> str:
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    place, f"column '{column}' holds half of a surrogate pair", "write the character itself"
                ) from error
            return value
        case None:
            return ""
        case bool() | int() | float():
            return str(value)
    raise DataError(place, f"column '{column}' holds a {type(value).__name__}, not text", "write it as a string")


def _parquet(file: NamedFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file.path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(file.name, f"it cannot be read as Parquet ({error})", "fetch or write the file anew") from error


def _parquet_rows(file: NamedFile, columns: Sequence[str]) -> Iterator[tuple[int, tuple[object, ...]]]:
    parquet = _parquet(file)
    _require_columns(file.name, columns, parquet.schema_arrow.names)
    number = 0
    try:
        for batch in parquet.iter_batches(batch_size=4_096, columns=list(dict.fromkeys(columns))):
            for values in zip(*(batch[column].to_pylist() for column in columns), strict=True):
                number += 1
                yield number, values
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{file.name}, row {number + 1}", f"it cannot be read ({error})", "fetch or write the file anew"
        ) from error
