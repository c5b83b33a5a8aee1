"""Measure of how many of a task's texts are longer than a model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings.protocols import Role, innermost
from emb_pipeline.tasks.examples.paid_texts import find_role, list_text_columns

SAMPLE = 1_000
"""Texts of a column that are looked at, taken from all over it."""


@runtime_checkable
class CuttingEncoder(Protocol):
    """An encoder that reads the start of a long text alone."""

    @property
    def max_length(self) -> int:
        """Sub-words that it reads of a text."""
        ...

    def cuts(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Say of each text whether its end is not read: shape (n_texts,), bool."""
        ...


@runtime_checkable
class PassageSplitter(Protocol):
    """A searcher whose model reads chunks of the passages."""

    def split_passages(self, passages: Sequence[str]) -> list[list[str]]:
        """Split passages into chunks: a list of at least one for each."""
        ...


def measure_cut_texts(encoder: object, tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Measure which share of a task's texts a model does not read to their end.

    Parameters
    ----------
    encoder : object
        What a cell is evaluated with.
    tables : mapping of str to Table
        The task's tables: columns ``text`` and ``text_…`` of strings. Of sentences that came as words, and of contexts to
        answer from, models read every piece.

    Returns
    -------
    dict
        Empty where no text is cut; else ``cut_share`` of the column that is cut most, ``cut_column`` (its table: passages)
        and ``max_length``. Of longer columns than `SAMPLE`, the share is a sample's: within three points in 95 % of samples.
    """
    reader = innermost(encoder)
    if not isinstance(reader, CuttingEncoder):
        return {}
    shares: dict[str, float] = {}
    for name, column in list_text_columns(tables):
        table, role = tables[name], find_role(name)
        rows = np.unique(np.linspace(0, len(table) - 1, min(SAMPLE, len(table))).astype(np.int64))
        texts = [str(text) for text in table[column].take(pa.array(rows)).to_pylist() if text]
        if role == "passage" and isinstance(encoder, PassageSplitter):
            texts = [chunk for chunks in encoder.split_passages(texts) for chunk in chunks]
        share = float(reader.cuts(texts, role).mean()) if texts else 0.0
        shares[name] = max(share, shares.get(name, 0.0))
    most = max(shares, key=lambda name: shares[name], default=None)
    if most is None or not shares[most]:
        return {}
    return {"cut_share": shares[most], "cut_column": most, "max_length": reader.max_length}
