"""Rows of CSV, TSV, JSON lines and Parquet files, streamed."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count, islice
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows, take_or_raise
from emb_pipeline.readers.files import ENCODING_REMEDY, NamedFile, lines, per_file
from emb_pipeline.readers.readings import CsvReading, JsonlReading, ParquetReading, TableFormat, TabularReading, TsvReading
from emb_pipeline.readers.signatures import HEAD, PACKED, Content, recognize
from emb_pipeline.text.words import mark_words

_LONGEST_FIELD = 1 << 30
"""Characters; the csv module's own limit of 131,072 refuses long documents."""
_EXACT = 2**53
"""From here on a floating-point number is no exact count."""
_MOST_COLUMNS = 50
_DELIMITERS = {
    ";": "a semicolon",
    "\t": "a tab",
    "|": "a bar",
    ",": "a comma",
    "::": "two colons",
    ":": "a colon",
    "^": "a caret",
    "~": "a tilde",
    "\x01": "the character U+0001",
}
_ESCAPED = {"\t": r"\t", "\x01": r"\x01"}


_ROWS_WITH_ALL_COLUMNS = 100
"""Objects of a JSON Lines file whose keys are taken for its columns."""


def column_names(file: NamedFile, reading: TabularReading, n_rows: int | None = None) -> list[str]:
    """Names of a table's columns (for JSON lines: the keys of the first ``n_rows``, or of all)."""
    if isinstance(reading, ParquetReading):
        return list(_parquet(file).schema_arrow.names)
    if isinstance(reading, JsonlReading):
        return list(dict.fromkeys(key for _, row in islice(_json_rows(file, reading), n_rows) for key in row))
    return next(_delimited(file, reading), (1, []))[1]


def require_named_split(file: NamedFile, reading: TabularReading) -> None:
    """Refuse a column ``split`` that the reading does not name: the official split would be passed over.

    Raises
    ------
    DataError
        The column is there, and the reading says nothing of it.
    """
    if reading.split is not None or reading.splits is not None:
        return
    of_sample = reading.sample.by if reading.sample else None
    named = {*reading.text_columns, reading.label, reading.id, reading.group, of_sample}
    try:
        columns = column_names(file, reading, _ROWS_WITH_ALL_COLUMNS)
    except DataError:  # said with all other faults when the rows are read
        return
    for column in columns:
        if column.strip().casefold() == "split" and column not in named:
            raise DataError(
                file.name,
                f"it has a column '{column}' that is not named",
                f"say 'split: {column}' if it says train and test, or 'split: false' to draw folds",
            )


@per_file
def rows(
    file: NamedFile,
    reading: TabularReading,
    columns: Sequence[str],
    bad: BadRows | None = None,
    *,
    texts_in: Collection[str] = (),
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Stream row number and the values of some columns, as text; a missing value is empty.

    Row numbers are those of a spreadsheet: in CSV and TSV the header is row 1; JSON lines and Parquet have none. Missing
    are null, NaN, NaT, and the words of the reading's ``missing``. Numbers are written as in a spreadsheet (1.0 as ``1``),
    dates as in ISO 8601, labels that are numbers by their names where these are known.

    Parameters
    ----------
    file : NamedFile
        The file.
    reading : TabularReading
        How it is read.
    columns : sequence of str
        Wanted columns.
    bad : BadRows, optional
        Takes the rows that cannot be read; without it the first one is raised.
    texts_in : collection of str
        Columns that may hold lists of words: they become texts that are cut at white space alone.

    Raises
    ------
    DataError
        A column is missing (the error lists those that exist), a row has a different number of fields than the header, or
        the file cannot be read as what it is said to be.
    """
    if isinstance(reading, CsvReading | TsvReading):
        found: Iterator[tuple[int, tuple[object, ...]]] = _delimited_rows(file, reading, columns, bad)
    elif isinstance(reading, ParquetReading):
        found = _parquet_rows(file, columns)
    else:
        found = _json_columns(file, reading, columns, bad)
    missing = _missing_words(reading)
    names = _label_names(file, reading, columns)
    as_they_are = isinstance(reading, CsvReading | TsvReading)
    for number, values in found:
        try:
            texts = cast(tuple[str, ...], values)
            if not as_they_are:
                place = f"{file.name}, row {number}"
                texts = tuple(
                    _words_of(value, place, column)
                    if isinstance(value, list) and column in texts_in
                    else text_of(value, place, column)
                    for value, column in zip(values, columns, strict=True)
                )
            if missing:
                texts = tuple(["" if text in missing else text for text in texts])
            if names:
                texts = tuple(
                    _named(text, names[column], f"{file.name}, row {number}", column) if column in names else text
                    for text, column in zip(texts, columns, strict=True)
                )
        except DataError as error:
            take_or_raise(bad, error)
            continue
        yield number, texts


@per_file
def values_of_rows(
    file: NamedFile, reading: JsonlReading | ParquetReading, columns: Sequence[str], bad: BadRows | None = None
) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Stream row number and the values of some columns, as they are: text, numbers, lists; a missing value is None.

    Labels (and lists of labels) that are numbers come by their names where these are known.

    Raises
    ------
    DataError
        As for `rows`.
    """
    found = (
        _parquet_rows(file, columns) if isinstance(reading, ParquetReading) else _json_columns(file, reading, columns, bad)
    )
    missing = _missing_words(reading)
    names = _label_names(file, reading, columns)
    for number, values in found:
        place = f"{file.name}, row {number}"
        try:
            made = tuple(
                None if _is_missing(value) or (isinstance(value, str) and value in missing) else value for value in values
            )
            if names:
                made = tuple(
                    _all_named(value, names[column], place, column) if column in names else value
                    for value, column in zip(made, columns, strict=True)
                )
        except DataError as error:
            take_or_raise(bad, error)
            continue
        yield number, made


def text_of(value: object, place: str, column: str) -> str:
    """Write a value as text; a missing one (null, NaN, NaT) is empty.

    Examples
    --------
    >>> text_of(1.0, "", ""), text_of(0.5, "", ""), text_of(float("nan"), "", ""), text_of(date(2024, 5, 31), "", "")
    ('1', '0.5', '', '2024-05-31')

    Raises
    ------
    DataError
        It is a list, an object, or bytes that are no UTF-8.
    """
    if _is_missing(value):
        return ""
    match value:
        case str():
            try:
                if not value.isascii():
                    value.encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    place, f"column '{column}' holds half of a surrogate pair", "write the character itself"
                ) from error
            return value
        case bool() | int():
            return str(value)
        case float() | Decimal():
            if math.isfinite(value) and value == int(value) and -_EXACT < value < _EXACT:
                return str(int(value))
            return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError as error:
                raise DataError(place, f"column '{column}' holds bytes that are no UTF-8", "write it as a string") from error
    raise DataError(place, f"column '{column}' holds a {type(value).__name__}, not text", "write it as a string")


def identifier(value: str) -> str:
    """Write an id as its table without missing values would have it: pandas writes whole numbers beside missing ones as 1.0.

    Examples
    --------
    >>> identifier("17.0"), identifier("1.10"), identifier(" p7 ")
    ('17', '1.10', 'p7')
    """
    value = value.strip()
    whole, found, rest = value.partition(".")
    return whole if found and rest == "0" and whole.removeprefix("-").isdecimal() else value


def _is_missing(value: object) -> bool:
    """Whether a value is null, NaN or NaT: the last two differ from themselves."""
    return value is None or (not isinstance(value, str | list | dict) and bool(value != value))


def joined_columns(values: Iterable[str]) -> str:
    """One text of several columns, empty ones left out."""
    return "\n".join(value for value in values if value and not value.isspace())


def reading_by_suffix(
    path: Path,
    name: str,
    encoding: str,
    *,
    format: TableFormat | None = None,
    delimiter: str | None = None,
    columns: tuple[str, ...] | None = None,
) -> TabularReading:
    """Choose how a file of rows is read: as csv, tsv, jsonl or parquet, by its suffix where no format is named.

    Raises
    ------
    DataError
        It has none of these suffixes.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix not in PACKED]
    by_suffix = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
    given = (("delimiter", delimiter), ("columns", columns))
    options: dict[str, Any] = {option: value for option, value in given if value is not None}
    named = format or by_suffix.get(suffixes[-1] if suffixes else "")
    if options and named in ("jsonl", "parquet"):
        listed = " and ".join(f"'{option}'" for option in options)
        raise DataError(
            name,
            f"it is read as {named}, which has no {listed}",
            "leave that out, or say 'format: csv' (or tsv) if it is that",
        )
    match named:
        case "csv":
            return CsvReading(path=name, encoding=encoding, **options)
        case "tsv":
            return TsvReading(path=name, encoding=encoding, **options)
        case "jsonl":
            return JsonlReading(path=name, encoding=encoding)
        case "parquet":
            return ParquetReading(path=name)
    found = _found_in(path)
    raise DataError(
        str(path),
        f"its suffix is not .csv, .tsv, .jsonl or .parquet{f', and it is {found.what}' if found else ''}",
        found.remedy if found else "say what it is: 'format: csv' (or tsv, jsonl, parquet)",
    )


def table_of(file: NamedFile, reading: Any) -> TabularReading:
    """Choose how a file of a reading is read that takes files of any format."""
    return reading_by_suffix(
        file.path,
        str(file.path),
        reading.encoding,
        format=reading.format,
        delimiter=reading.delimiter,
        columns=getattr(reading, "columns", None),
    )


def require_group(value: object, place: str) -> str:
    """Check that a row names its group.

    Raises
    ------
    DataError
        It is empty.
    """
    group = identifier(str(value)) if value is not None else ""
    if not group.strip():
        raise DataError(place, "the group is empty", "give each row a group, or leave 'group' out")
    return group


def identified_texts(
    files: Iterable[NamedFile],
    id_column: str,
    columns: str | Sequence[str],
    read_as: Callable[[NamedFile], TabularReading],
    bad: BadRows | None = None,
) -> dict[str, str]:
    """Read the text of each id from files of rows.

    Parameters
    ----------
    files : iterable of NamedFile
        The files.
    id_column : str
        Column with the ids.
    columns : str or sequence of str
        Column with the text, or several that make one.
    read_as : callable
        Chooses how a file is read.
    bad : BadRows, optional
        Takes the rows that cannot be used; without it the first one is raised.

    Raises
    ------
    DataError
        An id is empty or repeats, a text is empty, or as for `rows`.
    """
    columns = (columns,) if isinstance(columns, str) else columns
    texts: dict[str, str] = {}
    for file in files:
        for number, (found_id, *values) in rows(file, read_as(file), (id_column, *columns), bad, texts_in=columns):
            place, text, key = f"{file.name}, row {number}", joined_columns(values), identifier(found_id)
            if not key:
                take_or_raise(bad, DataError(place, f"'{id_column}' is empty", "give each row its own id"))
            elif key in texts:
                reason = f"{id_column} '{key}' stands there a second time"
                take_or_raise(bad, DataError(place, reason, "give each row its own id"))
            elif not text:
                if bad is not None and bad.leaves_out_empty:
                    bad.leave_out_empty(place)
                    continue
                take_or_raise(bad, DataError(place, f"the text of '{key}' is empty", "fill it in or drop the row"))
            else:
                texts[key] = text
    return texts


def _words_of(words: list[object], place: str, column: str) -> str:
    if not all(isinstance(word, str) for word in words):
        raise DataError(place, f"column '{column}' holds a list of other things than words", "write strings, or one text")
    return mark_words(text_of(word, place, column) for word in words) if words else ""


def _require_columns(place: str, wanted: Sequence[str], existing: Sequence[str]) -> None:
    for column in wanted:
        if column not in existing:
            raise DataError(place, f"there is no column '{column}'", f"name one of {list(existing)[:_MOST_COLUMNS]}")
        if existing.count(column) > 1:
            raise DataError(place, f"two columns are called '{column}'", "rename one of them")


def _delimited_rows(
    file: NamedFile, reading: CsvReading | TsvReading, columns: Sequence[str], bad: BadRows | None
) -> Iterator[tuple[int, tuple[str, ...]]]:
    table = _delimited(file, reading, bad)
    first, header = next(table, (1, None))
    if header is None:
        raise DataError(file.name, "the file is empty", "the first row must name the columns")
    if reading.columns is None and first != 1:
        raise DataError(f"{file.name}, row 1", "the header cannot be read", ENCODING_REMEDY)
    place = f"{file.name}, row 1" if reading.columns is None else file.name
    if reading.columns is None and not set(columns) <= set(header):
        _require_delimiter(place, reading, header, lambda parts: set(columns) <= set(parts))
    _require_columns(place, columns, header)
    positions = [header.index(column) for column in columns]
    for number, fields in table:
        if len(fields) != len(header):
            if not fields:
                continue  # an empty line
            if reading.columns is not None and number == 1:
                _require_delimiter(f"{file.name}, row 1", reading, fields, lambda parts: len(parts) == len(header))
            reason = f"it has {len(fields)} fields and the header {len(header)}"
            remedy = "quote fields that hold the delimiter or a line break"
            if not reading.quoted:
                remedy = "write as many fields as the header has, or say 'quoted: true' if fields are quoted"
            take_or_raise(bad, DataError(f"{file.name}, row {number}", reason, remedy))
            continue
        yield number, tuple(fields[position] for position in positions)


def _require_delimiter(
    place: str, reading: CsvReading | TsvReading, fields: list[str], fits: Callable[[list[str]], bool]
) -> None:
    """Refuse a line that another delimiter splits as wanted, naming that delimiter."""
    line = reading.delimiter.join(fields)
    for other in _DELIMITERS:
        if other != reading.delimiter and other in line and fits([part.strip('" ') for part in line.split(other)]):
            named = f'delimiter: "{_ESCAPED.get(other, other)}"'
            reader = " (or 'reader: tsv')" if other == "\t" and reading.reader == "csv" else ""
            own = _DELIMITERS.get(reading.delimiter, f"'{reading.delimiter}'")
            raise DataError(place, f"its fields have {_DELIMITERS[other]} between them, not {own}", f"say '{named}'{reader}")


def _delimited(
    file: NamedFile, reading: CsvReading | TsvReading, bad: BadRows | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Stream rows with their numbers, the header first."""
    csv.field_size_limit(_LONGEST_FIELD)
    if reading.columns is not None:
        yield 0, list(reading.columns)
    content = lines(file, reading.encoding, bad)
    parsed: Iterator[list[str]]
    if len(reading.delimiter) > 1:
        parsed = (_split(line, reading.delimiter) for line in content)
    else:
        parsed = csv.reader(
            content,
            delimiter=reading.delimiter,
            strict=True,
            quoting=csv.QUOTE_MINIMAL if reading.quoted else csv.QUOTE_NONE,
        )
    for number in count(1):
        n_bad = 0 if bad is None else bad.n_bad
        try:
            fields = next(parsed)
        except StopIteration:
            return
        except csv.Error as error:
            take_or_raise(bad, _unreadable_row(f"{file.name}, row {number}", error))
            continue
        if bad is None or bad.n_bad == n_bad:  # otherwise a line of it could not be decoded
            yield number, fields


def _split(line: str, delimiter: str) -> list[str]:
    content = line.rstrip("\r\n")
    return content.split(delimiter) if content else []


def _unreadable_row(place: str, error: csv.Error) -> DataError:
    if "new-line character" in str(error):
        return DataError(place, "it holds a carriage return that ends no line", "write line ends as \\n, or quote the field")
    return DataError(
        place,
        f"the row cannot be read ({error})",
        "close the quotes and double those inside a field, or say 'quoted: false'",
    )


def _json_columns(
    file: NamedFile, reading: JsonlReading, columns: Sequence[str], bad: BadRows | None
) -> Iterator[tuple[int, tuple[object, ...]]]:
    for number, row in _json_rows(file, reading, bad):
        try:
            _require_columns(f"{file.name}, row {number}", columns, list(row))
        except DataError as error:
            take_or_raise(bad, error)
            continue
        yield number, tuple(row[column] for column in columns)


def _json_rows(
    file: NamedFile, reading: JsonlReading, bad: BadRows | None = None
) -> Iterator[tuple[int, dict[str, object]]]:
    n_bad = 0 if bad is None else bad.n_bad
    for number, line in enumerate(lines(file, reading.encoding, bad), 1):
        if bad is not None and bad.n_bad != n_bad:
            n_bad = bad.n_bad
            continue
        if line.isspace():
            continue
        place = f"{file.name}, row {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            what = "one list of all rows" if number == 1 and line.lstrip().startswith("[") else f"not JSON ({error})"
            take_or_raise(bad, DataError(place, f"it is {what}", "write one JSON object per line"))
        else:
            if isinstance(row, dict):
                yield number, row
            else:
                take_or_raise(bad, DataError(place, "it is not a JSON object", 'write {"text": …} per line'))
        n_bad = 0 if bad is None else bad.n_bad


def _missing_words(reading: TabularReading) -> frozenset[str]:
    """The words that mean 'missing', as they are and with a blank on one side or both."""
    return frozenset(f"{before}{word}{after}" for word in reading.missing for before in ("", " ") for after in ("", " "))


def _label_names(file: NamedFile, reading: TabularReading, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names of the labels of each column that has numbers for them."""
    found = _names_in_parquet(file) if isinstance(reading, ParquetReading) else {}
    if reading.label_names is not None:
        found |= dict.fromkeys((str(reading.label), str(getattr(reading, "tags", reading.label))), reading.label_names)
    return {column: names for column, names in found.items() if column in columns}


def _names_in_parquet(file: NamedFile) -> dict[str, tuple[str, ...]]:
    """Names that Hugging Face's ``datasets`` notes for columns of `ClassLabel`, and for lists of them."""
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


def _named(text: str, names: Sequence[str], place: str, column: str) -> str:
    """The name of a label that is a number; -1 is how Hugging Face marks a missing one."""
    whole = identifier(text)
    if whole in ("", "-1") or text in names:
        return "" if whole == "-1" else text
    if whole.isdecimal() and whole.isascii() and int(whole) < len(names):
        return names[int(whole)]
    raise DataError(
        place,
        f"{column} '{text}' has no name: there are {len(names)}, for 0 to {len(names) - 1}",
        "correct it, or 'label_names'",
    )


def _all_named(value: object, names: Sequence[str], place: str, column: str) -> object:
    if isinstance(value, list):
        return [_named(text_of(each, place, column), names, place, column) for each in value]
    return value if value is None else _named(text_of(value, place, column), names, place, column)


def _found_in(path: Path) -> Content | None:
    with path.open("rb") as content:
        return recognize(content.read(HEAD))


def _parquet(file: NamedFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file.path)
    except (pa.ArrowException, OSError, ValueError) as error:
        found = _found_in(file.path)
        if found is not None and found.what != "a Parquet file":
            raise DataError(file.name, f"it is {found.what}, not Parquet", found.remedy) from error
        remedy = "fetch or write the file again, or correct 'reader'"
        raise DataError(file.name, f"it cannot be read as Parquet ({error})", remedy) from error


def _parquet_rows(file: NamedFile, columns: Sequence[str]) -> Iterator[tuple[int, tuple[object, ...]]]:
    parquet = _parquet(file)
    _require_columns(file.name, columns, parquet.schema_arrow.names)
    wanted = list(dict.fromkeys(columns))
    number = 0
    batches = parquet.iter_batches(batch_size=4_096, columns=wanted)
    while True:
        try:
            batch = next(batches, None)
            values = [] if batch is None else [_nested(batch, column).to_pylist() for column in columns]
        except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:
            raise DataError(
                f"{file.name}, row {number + 1}", f"it cannot be read ({error})", "fetch or write the file again"
            ) from error
        if batch is None:
            return
        for row in zip(*values, strict=True):
            number += 1
            yield number, row


def _nested(batch: pa.RecordBatch, column: str) -> pa.Array:
    """A column of a batch; of time stamps in nanoseconds, which Python's have not, without the last digits."""
    found = batch[column]
    if pa.types.is_timestamp(found.type) and found.type.unit == "ns":
        return found.cast(pa.timestamp("us", found.type.tz), safe=False)
    return found
