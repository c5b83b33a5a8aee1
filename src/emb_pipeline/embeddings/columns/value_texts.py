"""Vectors of values from their names, as an embedding of texts has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.columns.options import ValueTextsOptions
from emb_pipeline.embeddings.columns.state import read_names, read_numbers, write_names, write_numbers
from emb_pipeline.embeddings.columns.values import NumberVectors, fit_numbers, require_columns, select_columns, stack
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import (
    Role,
    StoredTextEncoder,
    TaskEncoder,
    TextEncoder,
    Vectors,
    encode_as,
    fit_on,
)
from emb_pipeline.text.columns import ColumnNames, Columns
from emb_pipeline.text.texts import Texts

_BASE = "base"


@dataclass(frozen=True)
class ValueTexts:
    """Rows as the vectors of their values' names: of the texts ``workclass: Private``, ``sex: Female``, ….

    Each value is encoded once, whatever the number of rows; one that the training rows do not have has a name, too.

    Attributes
    ----------
    options : ValueTextsOptions
        Whether the vectors follow each other or are averaged.
    text : TextEncoder or TaskEncoder
        The embedding of texts; one that is fitted learns from the values' names.
    """

    options: ValueTextsOptions
    text: TextEncoder | TaskEncoder

    def fit(self, texts: Texts) -> ValueTextsEncoder:
        """Fit on the values of these rows."""
        columns = select_columns(texts, self.options)
        fitted = fit_on(self.text, Texts(name for names in _list_names(columns) for name in names), "text")
        numbers = fit_numbers(columns, self.options.numeric)
        return ValueTextsEncoder(columns.names, fitted, numbers, self.options.combine == "average")


@dataclass(frozen=True, eq=False)
class ValueTextsEncoder:
    """Vectors of rows by the names of their values, followed by the numeric columns.

    Attributes
    ----------
    columns : ColumnNames
        The columns that it reads.
    base : TextEncoder
        The embedding of texts.
    numbers : NumberVectors
        The numeric part.
    averaged : bool
        Whether a row has the mean of its values' vectors; else one follows the other.
    """

    columns: ColumnNames
    base: TextEncoder
    numbers: NumberVectors
    averaged: bool
    export_format: ClassVar[str] = "value_texts"

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        n_columns = len(self.columns.categorical)
        return self.base.dim * (min(n_columns, 1) if self.averaged else n_columns) + self.numbers.dim

    @property
    def unstored(self) -> ValueTextsEncoder:
        """The same, encoding again what the embedding of texts has in store."""
        opened: Any = self.base.unstored if isinstance(self.base, StoredTextEncoder) else self.base
        return self if opened is self.base else replace(self, base=opened)

    def encode(self, texts: Sequence[str], role: Role = "text") -> Vectors:
        """Vectors of rows, shape (n_texts, dim), float32."""
        columns = require_columns(texts).select(self.columns)
        blocks: list[Vectors] = []
        for column, names in enumerate(_list_names(columns)):
            rows, used = columns.codes[:, column], np.unique(columns.codes[:, column])
            vectors = encode_as(self.base, [names[code] for code in used.tolist()], role)
            blocks.append(vectors[np.searchsorted(used, rows)])
        if self.averaged and blocks:
            blocks = [sum(blocks[1:], blocks[0]) * np.float32(1 / len(blocks))]
        return stack([*blocks, self.numbers.encode(columns)])

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the embedding of texts in a folder of its own, and the numeric part as one Parquet file."""
        write_embedding(self.base, folder / _BASE)
        return {**write_names(self.columns), **write_numbers(self.numbers, folder), "averaged": self.averaged}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> ValueTextsEncoder:
        """Read the encoder that `write_state` wrote."""
        numbers = read_numbers(folder, facts)
        return cls(read_names(facts), read_embedding(folder / _BASE), numbers, bool(facts["averaged"]))


def _list_names(columns: Columns) -> list[list[str]]:
    """List the text of each value, by column; a missing one is ``workclass: unknown``."""
    return [
        [f"{name}: {value or 'unknown'}" for value in values]
        for name, values in zip(columns.categorical, columns.values, strict=True)
    ]
