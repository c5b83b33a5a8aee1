"""Rows of csv, tsv, jsonl and parquet files, streamed as text or as values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows, take_or_raise
from emb_pipeline.readers.files.named_files import QUERY_SUFFIX, NamedFile, per_file
from emb_pipeline.readers.files.signatures import PACKED, recognize_file
from emb_pipeline.readers.options import TableFormat, TabularSource
from emb_pipeline.readers.registry import READERS, RowsOfFile
from emb_pipeline.readers.tables.values import identifier, is_missing, join_columns, text_of
from emb_pipeline.text.words import mark_words

_ROWS_WITH_ALL_COLUMNS = 100
"""Objects of a JSON Lines file whose keys are taken for its columns."""


def column_names(file: NamedFile, source: TabularSource, n_rows: int | None = None) -> list[str]:
    """List the names of a table's columns (for JSON lines: the keys of the first ``n_rows``, or of all)."""
    return _open(file, source).column_names(n_rows)


def _open(file: NamedFile, source: TabularSource) -> RowsOfFile:
    return READERS[source.reader].open_rows(file, source)


def holds_texts(file: NamedFile, source: TabularSource) -> bool:
    """Say whether all values of a table are texts, as they are in the file."""
    return _open(file, source).holds_texts


def require_named_split(file: NamedFile, source: TabularSource) -> None:
    """Refuse a column ``split`` that the source does not name: the official split would be passed over.

    Raises
    ------
    DataError
        The column is there, and the source says nothing of it.
    """
    if source.split is not None or source.splits is not None:
        return
    of_sample = source.sample.by if source.sample else None
    named = {*source.text_columns, source.label, source.id, source.group, source.time, of_sample}
    try:
        columns = column_names(file, source, _ROWS_WITH_ALL_COLUMNS)
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
    source: TabularSource,
    columns: Sequence[str],
    bad: BadRows | None = None,
    *,
    texts_in: Collection[str] = (),
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Stream row number and the values of some columns, as text; a missing value is empty.

    Row numbers are those of a spreadsheet: in CSV and TSV the header is row 1; JSON lines and Parquet have none. Missing
    are null, NaN, NaT, and the words of the source's ``missing``. Numbers are written as in a spreadsheet (1.0 as ``1``),
    dates as in ISO 8601, labels that are numbers by their names where these are known.

    Parameters
    ----------
    file : NamedFile
        The file.
    source : TabularSource
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
    opened = _open(file, source)
    found = opened.rows(columns, bad)
    missing = _missing_words(source)
    names = _label_names(opened, source, columns)
    for number, values in found:
        try:
            texts = cast(tuple[str, ...], values)
            if not opened.holds_texts:
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
                    name_label(text, names[column], f"{file.name}, row {number}", column) if column in names else text
                    for text, column in zip(texts, columns, strict=True)
                )
        except DataError as error:
            take_or_raise(bad, error)
            continue
        yield number, texts


@per_file
def read_values(
    file: NamedFile, source: TabularSource, columns: Sequence[str], bad: BadRows | None = None
) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Stream row number and the values of some columns, as they are: text, numbers, lists; a missing value is None.

    Labels (and lists of labels) that are numbers come by their names where these are known.

    Raises
    ------
    DataError
        As for `rows`.
    """
    opened = _open(file, source)
    missing = _missing_words(source)
    names = _label_names(opened, source, columns)
    for number, values in opened.rows(columns, bad):
        place = f"{file.name}, row {number}"
        try:
            made = tuple(
                None if is_missing(value) or (isinstance(value, str) and value in missing) else value for value in values
            )
            if names:
                made = tuple(
                    _name_labels(value, names[column], place, column) if column in names else value
                    for value, column in zip(made, columns, strict=True)
                )
        except DataError as error:
            take_or_raise(bad, error)
            continue
        yield number, made


def source_by_suffix(
    path: Path,
    name: str,
    encoding: str,
    *,
    format: TableFormat | None = None,
    delimiter: str | None = None,
    columns: tuple[str, ...] | None = None,
) -> TabularSource:
    """Choose how a file of rows is read: as csv, tsv, jsonl, parquet or sql, by its suffix where no format is named.

    Raises
    ------
    DataError
        It has none of these suffixes.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix not in PACKED]
    by_suffix = {
        ".csv": "csv",
        ".tsv": "tsv",
        ".jsonl": "jsonl",
        ".ndjson": "jsonl",
        ".parquet": "parquet",
        QUERY_SUFFIX: "sql",
    }
    given = (("delimiter", delimiter), ("columns", columns))
    options: dict[str, Any] = {option: value for option, value in given if value is not None}
    named = format or by_suffix.get(suffixes[-1] if suffixes else "")
    if options and named not in ("csv", "tsv"):
        listed = " and ".join(f"'{option}'" for option in options)
        raise DataError(
            name,
            f"it is read as {named}, which has no {listed}",
            "leave that out, or say 'format: csv' (or tsv) if it is that",
        )
    if named:
        if named not in ("parquet", "sql"):
            options["encoding"] = encoding
        return cast(TabularSource, READERS[named].options.model_validate({"path": name, **options}))
    found = recognize_file(path)
    raise DataError(
        str(path),
        f"its suffix is not .csv, .tsv, .jsonl, .parquet or .sql{f', and it is {found.what}' if found else ''}",
        found.remedy if found else "say what it is: 'format: csv' (or tsv, jsonl, parquet)",
    )


def table_of(file: NamedFile, source: Any) -> TabularSource:
    """Choose how a file of a source is read that takes files of any format."""
    return source_by_suffix(
        file.path,
        str(file.path),
        source.encoding,
        format=source.format,
        delimiter=source.delimiter,
        columns=getattr(source, "columns", None),
    )


def read_identified_texts(
    files: Iterable[NamedFile],
    id_column: str,
    columns: str | Sequence[str],
    read_as: Callable[[NamedFile], TabularSource],
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
            place, text, key = f"{file.name}, row {number}", join_columns(values), identifier(found_id)
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


def _missing_words(source: TabularSource) -> frozenset[str]:
    """List the words that mean 'missing', as they are and with a blank on one side or both."""
    return frozenset(f"{before}{word}{after}" for word in source.missing for before in ("", " ") for after in ("", " "))


def _label_names(opened: RowsOfFile, source: TabularSource, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Find the names of the labels of each column that has numbers for them."""
    found = opened.label_names()
    if source.label_names is not None:
        found |= dict.fromkeys((str(source.label), str(getattr(source, "tags", source.label))), source.label_names)
    return {column: names for column, names in found.items() if column in columns}


def name_label(text: str, names: Sequence[str], place: str, column: str) -> str:
    """Find the name of a label that is a number; -1 is how Hugging Face marks a missing one."""
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


def _name_labels(value: object, names: Sequence[str], place: str, column: str) -> object:
    if isinstance(value, list):
        return [name_label(text_of(each, place, column), names, place, column) for each in value]
    return value if value is None else name_label(text_of(value, place, column), names, place, column)
