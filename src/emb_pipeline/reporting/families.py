"""Families of embeddings: what a table folds under its best row."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.reporting.rows import CHANGED_TEXT, CONTROL, VARIANT


def group_variants(leaderboard: pd.DataFrame) -> dict[str, str]:
    """Find the family of each embedding.

    Seeds, dimensions, bits, variants of an option, and copies from changed text belong to the embedding that they repeat.
    All controls are one family. What was fine-tuned, distilled or fused is a choice of its own.

    Parameters
    ----------
    leaderboard : DataFrame
        The report's table, or any rows with its columns of facts.

    Returns
    -------
    dict of str to str
        For each embedding the name of its family.
    """
    facts = {str(row["embedding"]): row for row in leaderboard.drop_duplicates("embedding").to_dict("records")}
    return {name: _name_family(row, facts) for name, row in facts.items()}


def _name_family(row: Mapping[Hashable, Any], facts: Mapping[str, Mapping[Hashable, Any]]) -> str:
    while _is_variant(row) and str(row["base"]) in facts:
        row = facts[str(row["base"])]
    if row["origin"] == CONTROL:
        return CONTROL
    return str(row["curve"]) if _is_text(row["curve"]) else str(row["family"])


def _is_variant(row: Mapping[Hashable, Any]) -> bool:
    if not _is_text(row["base"]):
        return False
    derivation = METHODS[row["method"]].derivation if row["method"] in METHODS else None
    return row["derivation"] in CHANGED_TEXT | {VARIANT} or (derivation is not None and derivation.resizes)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
