"""Namespaces of the steps of an embedding: ``--namespaces`` runs one, and Kedro-Viz draws it as one item."""

from __future__ import annotations

from emb_pipeline.experiment.facts import find_derivation
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.statistics.embedding_facts import CORRUPTION, FINE_TUNING, RESAMPLING

FINE_TUNED = "fine_tuned"
_GROUPS = {CORRUPTION: "corrupted", RESAMPLING: "resampled", FINE_TUNING: FINE_TUNED}
"""Group of each derivation that is no method's own."""


def find_group(cell: EmbeddingSpec) -> str | None:
    """Name the group that a variant of another embedding is drawn in; None for an embedding of its own."""
    derivation = find_derivation(cell)
    return None if derivation is None else _GROUPS.get(derivation, "derived")


def find_namespace(cell: EmbeddingSpec) -> str:
    """Name the namespace of an embedding's steps: ``domain.word2vec_100``, ``domain.corrupted.word2vec_100_typos_50``."""
    group = find_group(cell)
    return f"{cell.origin}.{group}.{cell.key}" if group else cell.name
