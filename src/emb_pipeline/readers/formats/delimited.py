"""Values between delimiters: CSV and TSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Literal

from pydantic import Field, field_validator, model_validator

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows, take_or_raise
from emb_pipeline.readers.files.lines import ENCODING_REMEDY, lines
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.options import TabularSource
from emb_pipeline.readers.tables.values import require_columns


class DelimitedSource(TabularSource):
    """Rows with a delimiter between their values."""

    encoding: str = Field(default="utf-8", description="encoding of the files; a byte order mark is skipped")
    delimiter: str = Field(default=",", min_length=1, description="what stands between two fields")
    quoted: bool = Field(default=True, description="fields may stand in double quotes")
    columns: tuple[str, ...] | None = Field(default=None, description="column names, for files without a header line")

    @field_validator("delimiter")
    @classmethod
    def _stands_on_a_line(cls, delimiter: str) -> str:
        if any(mark in delimiter for mark in '\r\n"'):
            raise ValueError("cannot hold a line break or a double quote")
        return delimiter

    @model_validator(mode="after")
    def _quotes_need_one_character(self) -> DelimitedSource:
        if len(self.delimiter) > 1 and self.quoted and "quoted" in self.model_fields_set:
            raise ValueError("fields are never quoted where the delimiter has several characters: leave 'quoted' out")
        return self


class CsvSource(DelimitedSource):
    """Comma-separated values with quotes (RFC 4180).

    With a delimiter of several characters (``::``) fields are never quoted.
    """

    reader: Literal["csv"] = "csv"


class TsvSource(DelimitedSource):
    """Tab-separated values, by default without quotes."""

    reader: Literal["tsv"] = "tsv"
    delimiter: str = Field(default="\t", min_length=1, description="what stands between two fields")
    quoted: bool = Field(default=False, description="fields may stand in double quotes")


_LONGEST_FIELD = 1 << 30
"""Characters; the csv module's own limit of 131,072 refuses long documents."""
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


class DelimitedRows:
    """The rows of one file.

    Attributes
    ----------
    holds_texts : bool
        Whether all values are texts, as they are in the file.
    """

    holds_texts = True

    def __init__(self, file: NamedFile, source: DelimitedSource) -> None:
        self._file, self._source = file, source

    def column_names(self, n_rows: int | None) -> list[str]:
        """List the names of the columns."""
        return next(_delimited(self._file, self._source), (1, []))[1]

    def rows(self, columns: Sequence[str], bad: BadRows | None) -> Iterator[tuple[int, tuple[object, ...]]]:
        """Stream row number and the values of some columns."""
        return _delimited_rows(self._file, self._source, columns, bad)

    def label_names(self) -> dict[str, tuple[str, ...]]:
        """Find the names that the file itself has for labels that are numbers, by column."""
        return {}


def _delimited_rows(
    file: NamedFile, source: DelimitedSource, columns: Sequence[str], bad: BadRows | None
) -> Iterator[tuple[int, tuple[str, ...]]]:
    table = _delimited(file, source, bad)
    first, header = next(table, (1, None))
    if header is None:
        raise DataError(file.name, "the file is empty", "the first row must name the columns")
    if source.columns is None and first != 1:
        raise DataError(f"{file.name}, row 1", "the header cannot be read", ENCODING_REMEDY)
    place = f"{file.name}, row 1" if source.columns is None else file.name
    if source.columns is None and not set(columns) <= set(header):
        _require_delimiter(place, source, header, lambda parts: set(columns) <= set(parts))
    require_columns(place, columns, header)
    positions = [header.index(column) for column in columns]
    for number, fields in table:
        if len(fields) != len(header):
            if not fields:
                continue  # an empty line
            if source.columns is not None and number == 1:
                _require_delimiter(f"{file.name}, row 1", source, fields, lambda parts: len(parts) == len(header))
            reason = f"it has {len(fields)} fields and the header {len(header)}"
            remedy = "quote fields that hold the delimiter or a line break"
            if not source.quoted:
                remedy = "write as many fields as the header has, or say 'quoted: true' if fields are quoted"
            take_or_raise(bad, DataError(f"{file.name}, row {number}", reason, remedy))
            continue
        yield number, tuple(fields[position] for position in positions)


def _require_delimiter(place: str, source: DelimitedSource, fields: list[str], fits: Callable[[list[str]], bool]) -> None:
    """Refuse a line that another delimiter splits as wanted, naming that delimiter."""
    line = source.delimiter.join(fields)
    for other in _DELIMITERS:
        if other != source.delimiter and other in line and fits([part.strip('" ') for part in line.split(other)]):
            named = f'delimiter: "{_ESCAPED.get(other, other)}"'
            reader = " (or 'reader: tsv')" if other == "\t" and source.reader == "csv" else ""
            own = _DELIMITERS.get(source.delimiter, f"'{source.delimiter}'")
            raise DataError(place, f"its fields have {_DELIMITERS[other]} between them, not {own}", f"say '{named}'{reader}")


def _delimited(file: NamedFile, source: DelimitedSource, bad: BadRows | None = None) -> Iterator[tuple[int, list[str]]]:
    """Stream rows with their numbers, the header first."""
    csv.field_size_limit(_LONGEST_FIELD)
    if source.columns is not None:
        yield 0, list(source.columns)
    content = lines(file, source.encoding, bad)
    parsed: Iterator[list[str]]
    if len(source.delimiter) > 1:
        parsed = (_split(line, source.delimiter) for line in content)
    else:
        parsed = csv.reader(
            content,
            delimiter=source.delimiter,
            strict=True,
            quoting=csv.QUOTE_MINIMAL if source.quoted else csv.QUOTE_NONE,
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
