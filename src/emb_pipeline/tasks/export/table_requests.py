"""Requests to a bundle whose embedding reads columns: rows of a table, of which bad ones fail alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from emb_pipeline.embeddings.columns.table_encoder import TableEncoder
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.readers.tables.values import text_of
from emb_pipeline.text.columns import Columns, write_row
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.words import mark_words

_TEXT = "text"


def read_table(asked: Any, encoder: TableEncoder) -> tuple[Texts, list[str | None]]:
    """Read the rows of a request.

    Parameters
    ----------
    asked : DataFrame, or iterable of mappings
        With the columns that the embedding reads, and perhaps ``text``. A missing value is None, NaN or empty.
    encoder : TableEncoder
        The embedding.

    Returns
    -------
    texts : Texts
        Of the rows that can be answered, with their columns.
    errors : list of str or None
        What is wrong with each row of the request; None where nothing is.

    Raises
    ------
    DataError
        A column is missing, or the request is no table.
    """
    table = _find_table(asked)
    needed = list_inputs(encoder)
    for name in needed:
        if (n := list(table.columns).count(name)) != 1:
            remedy = suggest(name, map(str, table.columns)) if len(table.columns) else f"give {', '.join(needed)}"
            raise DataError("the request", f"has {'several columns' if n else 'no column'} '{name}'", remedy)
    rows: list[dict[str, str]] = []
    errors: list[str | None] = []
    for values in table[list(needed)].to_dict("records"):
        try:
            rows.append(_read_row(values, encoder))
            errors.append(None)
        except DataError as error:
            errors.append(f"{error.reason}: {error.remedy}")
    columns = Columns.of(
        {name: [row[name] for row in rows] for name in encoder.columns.categorical},
        {name: [_parse(row[name], name) for row in rows] for name in encoder.columns.numeric},
        len(rows),
    )
    texts = Texts([_write_text(row, encoder) for row in rows], columns=replace(columns, replace_text=encoder.row_is_text))
    return texts, errors


def list_inputs(encoder: TableEncoder) -> dict[str, str]:
    """List the columns that a request must have, each with its type: ``string`` or ``double``."""
    names = dict.fromkeys(encoder.columns.categorical, "string") | dict.fromkeys(encoder.columns.numeric, "double")
    return names | ({_TEXT: "string"} if encoder.needs_text else {})


def _find_table(asked: Any) -> pd.DataFrame:
    if isinstance(asked, pd.DataFrame):
        return asked
    rows = list(asked) if isinstance(asked, Iterable) and not isinstance(asked, str | bytes | Mapping) else None
    if rows is None or not all(isinstance(row, Mapping) for row in rows):
        raise DataError(
            "the request", "is no table, and the embedding reads columns", "give a DataFrame, or a list of mappings"
        )
    return pd.DataFrame(rows)


def _read_row(values: Mapping[Any, Any], encoder: TableEncoder) -> dict[str, str]:
    """Read the values of a row as text.

    Raises
    ------
    DataError
        A value is none, or a number cannot be parsed.
    """
    given = {str(name): text_of(value, "the row", str(name)).strip() for name, value in values.items()}
    for name in encoder.columns.numeric:
        _parse(given[name], name)
    return given


def _write_text(row: Mapping[str, str], encoder: TableEncoder) -> str:
    names = (*encoder.columns.categorical, *encoder.columns.numeric)
    text = write_row((name, row[name]) for name in names) if encoder.row_is_text else row.get(_TEXT, "")
    return mark_words(text) if encoder.marks_words else text


def _parse(value: str, name: str) -> float:
    if not value:
        return math.nan
    try:
        number = float(value)
    except ValueError:
        number = math.inf
    if not math.isfinite(number):
        raise DataError("the row", f"column '{name}' holds '{value}', which is no number", "give a number, or none")
    return number
