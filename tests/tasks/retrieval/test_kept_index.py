"""A kept index with mapped queries: a rotation costs nothing, noise does."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import ortho_group

from emb_pipeline.embeddings.kept_neighbors import Encoded
from emb_pipeline.tasks.retrieval.kept_index import KeptIndex, measure_kept_index
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts

COSINE = SimpleNamespace(similarity="cosine")
N_QUERIES, N_PASSAGES, DIM = 40, 400, 8


def _measure(noise: float, *, shared: bool = False) -> KeptIndex:
    """Query i is answered by passage i, which is near it; the candidate sees rotated vectors, and noise."""
    rng = np.random.default_rng(3)
    passages = rng.normal(size=(N_PASSAGES, DIM))
    queries = passages[:N_QUERIES] + 0.1 * rng.normal(size=(N_QUERIES, DIM))
    rotation = ortho_group.rvs(DIM, random_state=1)
    names = np.array([str(number) for number in range(N_PASSAGES)])
    task = RetrievalTask(
        "search",
        names[:N_QUERIES],
        Texts([f"query {name}" for name in names[:N_QUERIES]]),
        names,
        Texts(["the same passage"] * N_PASSAGES if shared else [f"passage {name}" for name in names]),
        sp.csr_array(np.eye(N_QUERIES, N_PASSAGES, dtype=np.float32)),
    )
    old = Encoded(COSINE, *(each.astype(np.float32) for each in (passages, queries)))
    new = Encoded(
        COSINE,
        *((each @ rotation + noise * rng.normal(size=each.shape)).astype(np.float32) for each in (passages, queries)),
    )
    found = measure_kept_index(task, old, new, RetrievalOptions(), "ndcg@10")
    if isinstance(found, str):
        raise AssertionError(found)
    return found


def test_a_rotation_is_undone_exactly() -> None:
    found = _measure(0.0)
    assert found.deployed.mean() > 0.9
    np.testing.assert_allclose(found.candidate, found.deployed)
    assert {(each.name, each.n_pairs) for each in found.mapped} >= {("procrustes", 30), ("ridge", 100)}
    for each in found.mapped + found.mixed:
        if each.n_pairs > 10 and each.name == "procrustes":
            np.testing.assert_allclose(each.values, found.deployed)


def test_noise_makes_the_loss_grow_and_pairs_make_it_smaller() -> None:
    losses = {}
    for noise in (0.0, 0.2, 0.5):
        found = _measure(noise)
        losses[noise] = {each.n_pairs: found.deployed.mean() - each.values.mean() for each in found.mapped}
    assert abs(losses[0.0][100]) < 0.005 < losses[0.5][100] and losses[0.2][100] < losses[0.5][100]
    assert losses[0.2][10] > losses[0.2][100]


def test_with_more_passages_encoded_again_a_mixed_index_comes_nearer_to_the_candidate() -> None:
    found = _measure(0.3)
    shares = {each.share: each.values.mean() for each in found.mixed if each.name == "ridge"}
    assert list(shares) == [0.0, 0.25, 0.5, 0.75]
    assert abs(found.candidate.mean() - shares[0.75]) < abs(found.candidate.mean() - shares[0.0])


def test_no_map_is_fitted_on_a_copy_of_an_answer() -> None:
    with pytest.raises(AssertionError, match="here are 0"):
        _measure(0.0, shared=True)
