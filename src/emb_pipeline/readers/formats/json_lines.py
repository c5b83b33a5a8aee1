"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

from pydantic import Field

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows, take_or_raise
from emb_pipeline.readers.files.lines import lines
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.options import TabularSource
from emb_pipeline.readers.tables.values import require_columns


class JsonlSource(TabularSource):
    """One JSON object per line."""

    reader: Literal["jsonl"] = "jsonl"
    encoding: str = Field(default="utf-8", description="encoding of the files; a byte order mark is skipped")


class JsonRows:
    """The rows of one file.

    Attributes
    ----------
    holds_texts : bool
        Whether all values are texts, as they are in the file.
    """

    holds_texts = False

    def __init__(self, file: NamedFile, source: JsonlSource) -> None:
        self._file, self._source = file, source

    def column_names(self, n_rows: int | None) -> list[str]:
        """List the names of the columns: the keys of the first rows, or of all."""
        return list(dict.fromkeys(key for _, row in islice(_json_rows(self._file, self._source), n_rows) for key in row))

    def rows(self, columns: Sequence[str], bad: BadRows | None) -> Iterator[tuple[int, tuple[object, ...]]]:
        """Stream row number and the values of some columns."""
        return _json_columns(self._file, self._source, columns, bad)

    def label_names(self) -> dict[str, tuple[str, ...]]:
        """Find the names that the file itself has for labels that are numbers, by column."""
        return {}


def _json_columns(
    file: NamedFile, source: JsonlSource, columns: Sequence[str], bad: BadRows | None
) -> Iterator[tuple[int, tuple[object, ...]]]:
    for number, row in _json_rows(file, source, bad):
        try:
            require_columns(f"{file.name}, row {number}", columns, list(row))
        except DataError as error:
            take_or_raise(bad, error)
            continue
        yield number, tuple(row[column] for column in columns)


def _json_rows(file: NamedFile, source: JsonlSource, bad: BadRows | None = None) -> Iterator[tuple[int, dict[str, object]]]:
    n_bad = 0 if bad is None else bad.n_bad
    for number, line in enumerate(lines(file, source.encoding, bad), 1):
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
