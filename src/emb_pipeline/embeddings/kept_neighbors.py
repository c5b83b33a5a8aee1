"""The share of nearest texts that two embeddings have in common: what changes for whoever looks at a result list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emb_pipeline.embeddings.encodings.vectors import SearchSpace
from emb_pipeline.embeddings.protocols import Vectors
from emb_pipeline.embeddings.ranking import TieOrder, hashes
from emb_pipeline.embeddings.retrieval.exact_search import find_top_k
from emb_pipeline.text.texts import Texts


@dataclass(frozen=True, eq=False)
class Encoded:
    """Vectors of the texts of a task by one encoder.

    Attributes
    ----------
    encoder : object
        Says which measure its vectors were made for.
    texts : ndarray or csr_array of shape (n_texts, dim)
        Vectors of the texts that are looked among.
    asked : ndarray or csr_array of shape (n_asked, dim)
        Vectors of the texts whose neighbors are looked for.
    """

    encoder: Any
    texts: Vectors
    asked: Vectors


def measure_kept_neighbors(
    before: Encoded, after: Encoded, texts: Texts, asked: Texts, k: int, own: np.ndarray | None = None
) -> np.ndarray:
    """Measure which share of the ``k`` nearest texts by one encoder are among those by another one.

    Parameters
    ----------
    before, after : Encoded
        Vectors of the same texts, by both.
    texts : Texts of length n_texts
        What is looked among.
    asked : Texts of length n_asked
        Whose neighbors.
    k : int
        Neighbors of each.
    own : ndarray of shape (n_asked,), int, optional
        The row of each asked text among the texts: a text is no neighbor of its own.

    Returns
    -------
    ndarray of shape (n_asked,)
        From 0 to 1; by chance it would be ``k / n_texts``.
    """
    ties = TieOrder(hashes(asked), hashes(texts))
    first, second = (_find_neighbors(each, k, ties, own) for each in (before, after))
    return np.array([len(np.intersect1d(a, b)) / k for a, b in zip(first, second, strict=True)])


def _find_neighbors(encoded: Encoded, k: int, ties: TieOrder, own: np.ndarray | None) -> np.ndarray:
    space = SearchSpace.of(encoded.texts, encoded.encoder)
    found = find_top_k(space.prepare_queries(encoded.asked), space.passages, k + (own is not None), ties=ties)
    if own is None:
        return found
    is_own = found == own[:, None]
    is_own[~is_own.any(axis=1), -1] = True
    return np.asarray(found[~is_own].reshape(len(found), k))
