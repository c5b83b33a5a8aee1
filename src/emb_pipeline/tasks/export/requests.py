"""The requests to a bundle: rows of text, of which bad ones fail alone, and those that the embedding knows nothing of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emb_pipeline.embeddings.columns.table_encoder import TableEncoder
from emb_pipeline.embeddings.known_texts import find_known
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.export.table_requests import read_table
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.words import mark_words

LONGEST_TEXT = 1_000_000
"""Characters of a text that is answered."""


@dataclass(frozen=True)
class Rows:
    """The rows of a request.

    Attributes
    ----------
    texts : list of str, or Texts
        The texts that can be answered; with their columns, where the embedding reads such.
    places : ndarray of shape (n_texts,), int64
        The row of each.
    errors : list of str or None
        What is wrong with each row; None where nothing is.
    """

    texts: list[str] | Texts
    places: np.ndarray
    errors: list[str | None]

    @classmethod
    def of(cls, asked: Any, encoder: Any, *, column: str = "text") -> Rows:
        """Read a request.

        Parameters
        ----------
        asked : iterable of str, str, Series or DataFrame
            Texts; a string is one text, a table has them in its column ``text``. An embedding that reads columns takes a
            table, or a list of mappings, with these columns.
        encoder : TextEncoder
            The embedding. A text may be a list of words where it learned from such.
        column : str
            The column of a table.

        Raises
        ------
        DataError
            A table without a column that is needed, a mapping, or what is no sequence of rows.
        """
        if isinstance(encoder, TableEncoder):
            texts, errors = read_table(asked, encoder)
            return cls(
                texts, np.array([place for place, error in enumerate(errors) if error is None], dtype=np.int64), errors
            )
        rows = _read_rows(asked, column)
        if getattr(encoder, "takes_words", False):
            rows = [mark_words(row) if _is_words(row) else row for row in rows]
        errors = [_find_error(row) for row in rows]
        places = [place for place, error in enumerate(errors) if error is None]
        return cls([str(rows[place]) for place in places], np.array(places, dtype=np.int64), errors)

    def encode(self, encoder: Any) -> tuple[Any, np.ndarray]:
        """Encode the texts: vectors of shape (n_texts, dim), and whether the embedding knows anything of each."""
        vectors: Any = encoder.encode(self.texts) if self.texts else np.zeros((0, encoder.dim), dtype=np.float32)
        return vectors, find_known(encoder, self.texts, vectors)

    def spread(self, values: Iterable[Any], missing: Any = None) -> list[Any]:
        """Give a value for each row, from those for each text."""
        made = [missing] * len(self.errors)
        for place, value in zip(self.places.tolist(), values, strict=True):
            made[place] = value
        return made


def _read_rows(asked: Any, column: str) -> list[Any]:
    if isinstance(asked, str):
        return [asked]
    if isinstance(asked, pd.DataFrame):
        if column not in asked.columns:
            columns = ", ".join(map(str, asked.columns)) or "none"
            raise DataError(
                "the request",
                f"has no column '{column}' (columns: {columns})",
                f"name the column of the {column}s '{column}'",
            )
        asked = asked[column]
        if isinstance(asked, pd.DataFrame):
            raise DataError("the request", f"has several columns '{column}'", "keep one of them")
    if isinstance(asked, Mapping | bytes) or not isinstance(asked, Iterable):
        raise DataError(
            "the request", f"is of type {type(asked).__name__}, not texts", "give a list of strings, one for each text"
        )
    return list(asked)


def _is_words(row: Any) -> bool:
    return isinstance(row, list | tuple | np.ndarray) and all(isinstance(word, str) for word in row)


def _find_error(row: Any) -> str | None:
    if isinstance(row, str):
        if len(row) > LONGEST_TEXT:
            return f"the text has {len(row):,} characters, more than {LONGEST_TEXT:,}: cut it into parts"
        return None
    if row is None or row is pd.NA or row is pd.NaT or (isinstance(row, float) and np.isnan(row)):
        return "there is no text: leave the row out, or give an empty string"
    return f"the row is of type {type(row).__name__}, not a text: give a string"
