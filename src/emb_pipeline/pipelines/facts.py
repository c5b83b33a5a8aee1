"""Facts of each embedding, from its specification: nothing that a table or figure shows is read out of a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from emb_pipeline.embeddings.options import ReducedOptions
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.experiment.schema import Resample, Spoiling
from emb_pipeline.statistics.score_tables import framed

FINE_TUNING, SPOILING, RESAMPLING = "fine_tuning", "spoiling", "resampling"
FACTS = {
    "embedding": "string",
    "origin": "string",
    "key": "string",
    "family": "string",
    "base": "string",
    "derivation": "string",
    "corruption": "string",
    "corruption_level": "float64",
    "curve": "string",
    "shuffled_labels": "bool",
}
"""``key``: the name below the origin. ``family``: the embedding that this one repeats with another seed, or its own name.
``base`` and ``derivation``: the embedding that this one was made from, or like, and how; both missing for one of the grid
itself. ``corruption`` and its level (0 to 1): what was done to its training text. ``curve``: those with the same one are one
embedding in several dimensions. ``shuffled_labels``: whether probes learn from permuted labels."""


def embedding_facts(cells: Iterable[EmbeddingSpec]) -> pd.DataFrame:
    """Tell for each embedding what it was made from and how, with the columns of FACTS."""
    return framed([_facts(cell) for cell in cells], FACTS)


def add_origins(table: pd.DataFrame, cells: Iterable[EmbeddingSpec]) -> pd.DataFrame:
    """Add a column with the origin of each row's embedding."""
    known = {cell.name: cell.origin for cell in cells}
    return table.assign(origin=table["embedding"].map(known).astype("string"))


def cells_of(embeddings: Mapping[str, Any]) -> list[EmbeddingSpec]:
    """All embeddings of the grid, from the parameters of a run: validated where no node of the run has taken them alone."""
    return [EmbeddingSpec.model_validate(cell) for group in embeddings.values() for cell in group.values()]


def are_trained_on_a_corpus(cells: Iterable[EmbeddingSpec]) -> list[EmbeddingSpec]:
    """Embeddings that a corpus alone determines: neither tuned, nor trained on changed text, nor made from another one."""
    return [cell for cell in cells if METHODS[cell.method].source == "corpus" and derivation_of(cell) is None]


def matched_pairs(cells: Iterable[EmbeddingSpec]) -> list[tuple[str, str]]:
    """Pairs of one method and dimension, trained on the domain and on the generic corpus as they are; seeds are one."""
    of = {(cell.origin, cell.method, cell.dim): cell.name for cell in are_trained_on_a_corpus(cells) if is_first(cell)}
    pairs = [(name, of.get(("generic", method, dim))) for (origin, method, dim), name in of.items() if origin == "domain"]
    return [(name, twin) for name, twin in pairs if twin is not None]


def pretrained_languages(cells: Iterable[EmbeddingSpec], measured: pd.DataFrame) -> dict[str, str]:
    """The languages of the pretrained model that each embedding is, or is made from: empty where its card names none.

    Embeddings that have learnt from the user's own text alone are left out. ``measured`` is the table of cells.
    """
    named = measured.dropna(subset="languages").drop_duplicates("embedding").set_index("embedding")["languages"].to_dict()
    known = {cell.name: cell for cell in cells}
    found = {}
    for cell in known.values():
        root = cell
        while root.base in known:
            root = known[root.base]
        if METHODS[root.method].source == "pretrained":
            found[cell.name] = str(named.get(cell.name, named.get(root.name, "")))
    return found


def is_first(cell: EmbeddingSpec) -> bool:
    """Whether it repeats no other embedding with a seed of its own."""
    return cell.repeats is None


def derivation_of(cell: EmbeddingSpec) -> str | None:
    """How an embedding was made from another one, or like it from changed text; None for one of the grid itself."""
    if isinstance(cell.changed_text, Spoiling):
        return SPOILING
    if isinstance(cell.changed_text, Resample):
        return RESAMPLING
    if cell.base is None:
        return None
    if cell.tuned_on:
        return FINE_TUNING
    derivation = METHODS[cell.method].derivation
    return derivation.name if derivation else cell.method


def _facts(cell: EmbeddingSpec) -> dict[str, object]:
    changed = cell.changed_text
    return {
        "embedding": cell.name,
        "origin": cell.origin,
        "key": cell.key,
        "family": cell.family,
        "base": changed.of if changed else cell.base,
        "derivation": derivation_of(cell),
        "corruption": changed.kind if isinstance(changed, Spoiling) else None,
        "corruption_level": changed.dose if isinstance(changed, Spoiling) else None,
        "curve": _curve(cell),
        "shuffled_labels": cell.shuffle_labels,
    }


def _curve(cell: EmbeddingSpec) -> str | None:
    """The name of the line that it is a point of, where dimensions are drawn."""
    if isinstance(cell.options, ReducedOptions):
        bits = "" if cell.options.precision == "float32" else f", {cell.options.precision}"
        return f"{cell.base} by {cell.options.by}{bits}"
    is_chosen = METHODS[cell.method].has_dim and METHODS[cell.method].source in ("corpus", "task")
    return f"{cell.origin} {cell.method}" if is_chosen and derivation_of(cell) is None else None
