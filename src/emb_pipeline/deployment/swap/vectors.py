"""Vectors of a task's texts by the deployed embedding and by a candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings.encodings.vectors import encode_texts
from emb_pipeline.embeddings.kept_neighbors import Encoded
from emb_pipeline.embeddings.known_texts import find_known
from emb_pipeline.embeddings.marked import MarkedEncoder
from emb_pipeline.embeddings.protocols import (
    LabeledTaskEncoder,
    Role,
    Searcher,
    TextEncoder,
    Vectors,
    fit_on,
    list_remote_parts,
)
from emb_pipeline.embeddings.ranking import hashes
from emb_pipeline.embeddings.retrieval.vector_searcher import VectorIndex
from emb_pipeline.text.texts import Texts

MOST_TEXTS = 5000
"""Texts of a task without passages that are looked at."""


@dataclass(frozen=True, eq=False)
class BothEncoded:
    """The same texts, encoded by both.

    Attributes
    ----------
    texts, asked : Texts
        What is searched among, and for; of a task without passages, both are its texts.
    deployed, candidate : Encoded
        Vectors.
    is_known : ndarray of shape (n_texts,), bool
        Texts that both know something of.
    """

    texts: Texts
    asked: Texts
    deployed: Encoded
    candidate: Encoded
    is_known: np.ndarray


def encode_by_both(task: Any, bundle: Bundle, candidate: Any, *, seed: int = 0) -> BothEncoded | str:
    """Encode the texts of a task by the encoder of a bundle and by a candidate; or say why that cannot be.

    Vectors of passages that are in the bundle's index are not encoded again.

    Parameters
    ----------
    task : object
        The candidate's examples.
    bundle : Bundle
        What is deployed.
    candidate : TextEncoder, TaskEncoder or Searcher
        Fitted on the texts where it is one that is fitted.
    seed : int
        Of the choice of `MOST_TEXTS` texts, where a task without passages has more.
    """
    model, index = bundle.model, getattr(bundle.model, "index", None)
    deployed = index.encoder if isinstance(index, VectorIndex) else getattr(model, "encoder", None)
    if deployed is None:
        return "what is deployed has no vectors of texts"
    if list_remote_parts(deployed):
        return "the deployed encoder asks a service, which would want money"
    if isinstance(candidate, Searcher | LabeledTaskEncoder) or (
        not hasattr(candidate, "encode") and not hasattr(candidate, "fit")
    ):
        return "the candidate has no vectors of texts, or they depend on labels"
    deployed = deployed.base if isinstance(deployed, MarkedEncoder) else deployed
    is_searched = hasattr(task, "passages")
    texts: Texts | None = task.passages if is_searched else getattr(task, "texts", None)
    if not texts:
        return "the task has no texts"
    with threadpool_limits(1):
        fitted = fit_on(candidate, texts, "passage" if is_searched else "text")
        if is_searched:
            roles: tuple[Role, Role] = ("passage", "query")
            known_vectors = index if isinstance(index, VectorIndex) else None
            old = _encode(deployed, texts, roles[0], known_vectors), _encode(deployed, task.queries, roles[1])
            new = _encode(fitted, texts, roles[0]), _encode(fitted, task.queries, roles[1])
            asked = task.queries
        else:
            chosen = np.sort(np.random.default_rng(seed).permutation(len(texts))[:MOST_TEXTS])
            asked = texts = texts.take(chosen)
            old = (_encode(deployed, texts, "text"),) * 2
            new = (_encode(fitted, texts, "text"),) * 2
    is_known = find_known(deployed, texts, old[0]) & find_known(fitted, texts, new[0])
    return BothEncoded(texts, asked, Encoded(deployed, *old), Encoded(fitted, *new), is_known)


def _encode(encoder: TextEncoder, texts: Texts, role: Role, index: VectorIndex | None = None) -> Vectors:
    """Encode texts; those that are in an index have the vectors that are there."""
    if index is None:
        return encode_texts(encoder, texts, "texts", role)[0]
    row_of = {value: row for row, value in enumerate(index.passage_hashes.tolist())}
    rows = np.array([row_of.get(value, -1) for value in hashes(texts).tolist()])
    found = index.space.restore_passages(rows[rows >= 0])
    missing = np.flatnonzero(rows < 0)
    if not len(missing):
        return found
    encoded = encode_texts(encoder, texts.take(missing), "texts", role)[0]
    place = np.argsort(np.concatenate([np.flatnonzero(rows >= 0), missing]))
    if sp.issparse(encoded):
        return sp.csr_array(sp.vstack([found, encoded], format="csr"))[place]
    return np.concatenate([found, encoded])[place]
