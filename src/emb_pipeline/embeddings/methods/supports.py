"""Values that the lines of several families share: uses of an embedding, and the fields of methods with word vectors."""

from __future__ import annotations

from typing import Any

from emb_pipeline.embeddings.method import Support

TEXTS: frozenset[Support] = frozenset({"texts"})
COLUMNS: frozenset[Support] = frozenset({"columns"})
TOKENS: frozenset[Support] = frozenset({"tokens"})
SEARCH: frozenset[Support] = frozenset({"search"})
ANSWERS: frozenset[Support] = frozenset({"answers"})
USER_ATTRIBUTES: frozenset[Support] = frozenset({"user_attributes"})
ITEM_ATTRIBUTES: frozenset[Support] = frozenset({"item_attributes"})
INTERACTIONS: frozenset[Support] = frozenset({"interactions"})
BOTH = TEXTS | TOKENS
WORD_VECTORS: dict[str, Any] = {
    "supports": BOTH,
    "build": "static.pooling:build_pooled_encoder",
    "artifact": "vectors",
    "export": "static.pooling:PooledEncoder",
}
