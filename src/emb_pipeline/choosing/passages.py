"""Embeddings that may search a part of the passages in a round."""

from __future__ import annotations

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import EmbeddingSpec


def can_search_a_part(embedding: EmbeddingSpec) -> bool:
    """Tell whether an embedding scores no lower among a part of the passages than among all.

    It does where the score of a passage does not depend on the others: further passages then only come before the relevant
    ones, or after them. What is fitted on the passages themselves (inverse document frequencies) scores them in another way
    among a part. What fuses or reranks other searches may lose a rival of a relevant passage with its candidates.
    """
    return METHODS[embedding.method].source != "task" and not embedding.bases
