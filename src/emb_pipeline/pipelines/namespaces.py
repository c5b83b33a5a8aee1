"""Namespaces of the steps of an embedding: ``--namespaces`` runs one, and Kedro-Viz draws it as one item."""

from __future__ import annotations

from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.experiment.schema import Corruption, Resample


def find_group(cell: EmbeddingSpec) -> str | None:
    """Name the group that a variant of another embedding is drawn in; None for an embedding of its own."""
    if cell.tuned_on:
        return "fine_tuned"
    if isinstance(cell.changed_text, Corruption):
        return "corrupted"
    if isinstance(cell.changed_text, Resample):
        return "resampled"
    return "derived" if cell.made_from else None


def find_namespace(cell: EmbeddingSpec) -> str:
    """Name the namespace of an embedding's steps: ``domain.word2vec_100``, ``domain.corrupted.word2vec_100_typos_50``."""
    group = find_group(cell)
    return f"{cell.origin}.{group}.{cell.key}" if group else cell.name
