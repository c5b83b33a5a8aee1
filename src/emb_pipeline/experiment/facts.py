"""Facts of each embedding, from its specification: nothing that a table or figure shows is read out of a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.experiment.schema import Corruption, Resample
from emb_pipeline.statistics.embedding_facts import (
    BASES_SEPARATOR,
    CORRUPTION,
    EMBEDDING_FACTS,
    FINE_TUNING,
    RESAMPLING,
    VARIANT,
)
from emb_pipeline.statistics.score_tables import make_table


def list_embeddings(embeddings: Mapping[str, Any]) -> list[EmbeddingSpec]:
    """List all embeddings of the grid, validated, from the parameters of a run."""
    return [EmbeddingSpec.model_validate(cell) for group in embeddings.values() for cell in group.values()]


def build_embedding_facts(cells: Iterable[EmbeddingSpec]) -> pd.DataFrame:
    """Build the table of embeddings, what each is and what it was made from, with the columns of `EMBEDDING_FACTS`."""
    by_name = {cell.name: cell for cell in cells}
    rows = [{**_describe(cell), "can_be_exported": _is_exportable(cell, by_name)} for cell in by_name.values()]
    return make_table(rows, EMBEDDING_FACTS)


def find_derivation(cell: EmbeddingSpec) -> str | None:
    """Find how an embedding was made from another one, or like it from changed text; None for one of the grid itself."""
    if isinstance(cell.changed_text, Corruption):
        return CORRUPTION
    if isinstance(cell.changed_text, Resample):
        return RESAMPLING
    if not cell.made_from:
        return VARIANT if cell.variant else None
    if cell.tuned_on:
        return FINE_TUNING
    derivation = METHODS[cell.method].derivation
    return derivation.name if derivation else cell.method


def identify_cell(cell: EmbeddingSpec) -> dict[str, Any]:
    """Give the columns that identify an embedding on the leaderboard."""
    return {
        "embedding": cell.name,
        "origin": cell.origin,
        "method": cell.method,
        "dim": cell.dim,
        "tuned": cell.tuned_on is not None,
        "seed": cell.seed,
    }


def _describe(cell: EmbeddingSpec) -> dict[str, object]:
    changed, method = cell.changed_text, METHODS[cell.method]
    made_from = (changed.of,) if changed else cell.made_from or ((cell.variant.of,) if cell.variant else ())
    return {
        "embedding": cell.name,
        "origin": cell.origin,
        "key": cell.key,
        "family": cell.family,
        "base": made_from[0] if made_from else None,
        "bases": BASES_SEPARATOR.join(made_from) or None,
        "derivation": find_derivation(cell),
        "corruption": changed.kind if isinstance(changed, Corruption) else None,
        "corruption_level": changed.level if isinstance(changed, Corruption) else None,
        "curve": _find_curve(cell),
        "shuffled_labels": cell.shuffle_labels,
        "method": cell.method,
        "dim": cell.dim,
        "source": method.source,
        "tuned_on": cell.tuned_on,
        "is_reduced": bool(method.derivation and method.derivation.resizes),
        "gives_text_vectors": "texts" in method.supports,
    }


def _is_exportable(cell: EmbeddingSpec, by_name: Mapping[str, EmbeddingSpec]) -> bool:
    """Tell whether an embedding, and all that it is evaluated with, has a form outside a run."""
    bases = [by_name[name] for name in cell.bases if name in by_name]
    return bool(METHODS[cell.method].export) and all(_is_exportable(base, by_name) for base in bases)


def _find_curve(cell: EmbeddingSpec) -> str | None:
    """Find the name of the line that an embedding is a point of, where dimensions are drawn."""
    if isinstance(cell.options, ReducedOptions):
        bits = "" if cell.options.precision == "float32" else f", {cell.options.precision}"
        return f"{cell.bases[0]} by {cell.options.by}{bits}"
    is_chosen = METHODS[cell.method].has_dim and METHODS[cell.method].source in ("corpus", "task")
    if not is_chosen or find_derivation(cell) not in (None, VARIANT):
        return None
    changed = cell.variant.options if cell.variant else {}
    return ", ".join([f"{cell.origin} {cell.method}", *(f"{name} {value}" for name, value in changed.items())])
