"""A sample of the texts of one source: drawn by hash, of texts that are nearly the same one alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from emb_pipeline.text.hashing import hash_text
from emb_pipeline.text.near_duplicates import cluster_pairs, find_near_pairs, group_equal_texts
from emb_pipeline.text.seen import compute_largest_cluster
from emb_pipeline.text.texts import TokenIds

MOST_TEXTS = 1000
"""Texts of a sample."""
LONGEST = 10_000
"""Characters of a text that are looked at, on all sides."""
_CANDIDATES = 3
"""Texts that are looked at for each one that is drawn: some are nearly the same as others."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Some texts of a source.

    Attributes
    ----------
    name : str
        Of the source, for people.
    ids, texts : list of str
        What was drawn, in the order of their hashes; no two are of one group, or nearly the same.
    n_texts, n_distinct : int
        Texts of the source, and different ones.
    """

    name: str
    ids: list[str]
    texts: list[str]
    n_texts: int
    n_distinct: int


def draw_sample(
    name: str, texts: Iterable[tuple[str, str]], groups: Mapping[str, str] | None = None, *, most: int = MOST_TEXTS
) -> Sample:
    """Draw a sample of texts by hash: equal texts, equal sample, in any order and on every machine.

    Parameters
    ----------
    name : str
        Of the source.
    texts : iterable of (str, str)
        Id and text of each; they are streamed.
    groups : mapping of str to str, optional
        Group of an id, such as the document that a sentence is of: one text of a group is drawn.
    most : int
        Texts to draw.
    """
    drawn: dict[int, tuple[str, str]] = {}
    seen: set[int] = set()
    n_texts, room = 0, 4 * _CANDIDATES * most
    for text_id, text in texts:
        n_texts += 1
        key = hash_text(text)
        if key not in seen:
            seen.add(key)
            drawn[key] = (text_id, text[:LONGEST])
            if len(drawn) > room:
                drawn = {each: drawn[each] for each in sorted(drawn)[: _CANDIDATES * most]}
    rows = [drawn[key] for key in sorted(drawn)[: _CANDIDATES * most]]
    tokens = TokenIds.of(text for _, text in rows)
    clusters = group_texts(tokens, None if groups is None else [groups.get(each, each) for each, _ in rows])
    kept = np.sort(np.unique(clusters, return_index=True)[1])[:most].tolist()
    return Sample(name, [rows[row][0] for row in kept], [rows[row][1] for row in kept], n_texts, len(seen))


def group_texts(tokens: TokenIds, groups: Iterable[str] | None = None) -> np.ndarray:
    """Group texts that are nearly the same, or of one named group: shape (n_texts,), int64."""
    equal = group_equal_texts(tokens)
    if groups is not None and len(equal):
        named = len(equal) + np.unique(np.array(list(groups), dtype=str), return_inverse=True)[1]
        edges = np.tile(np.arange(len(equal)), 2), np.concatenate([equal, named])
        n_nodes = int(named.max()) + 1
        tied = coo_array((np.ones(len(edges[0]), dtype=np.int8), edges), shape=(n_nodes, n_nodes))
        _, firsts, places = np.unique(
            connected_components(tied, directed=False)[1][: len(equal)], return_index=True, return_inverse=True
        )
        equal = firsts[places]
    return cluster_pairs(find_near_pairs(tokens), equal, compute_largest_cluster(len(equal)))
