"""All methods there are. To add one: a file in its family, a line in its file of `methods`, a line of YAML with its options.

Importing this module loads no library: an implementation is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from emb_pipeline.embeddings.method import Method
from emb_pipeline.embeddings.methods import columns, derived, models, recommenders, searches, sparse

_LINES = (*models.LINES, *sparse.LINES, *columns.LINES, *searches.LINES, *recommenders.LINES, *derived.LINES)
METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _LINES})


def method_named(name: str) -> Method:
    """Find the method of this name.

    Raises
    ------
    ValueError
        There is none; the message lists those there are.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; known: {', '.join(METHODS)}")
    return METHODS[name]
