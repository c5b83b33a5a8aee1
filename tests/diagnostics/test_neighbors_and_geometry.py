"""Nearest words and the shape of the cloud, against gensim and brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from gensim.models import KeyedVectors
from scipy.stats import ortho_group, skew

from emb_pipeline.diagnostics.geometry import (
    compute_pip_loss,
    measure_anisotropy,
    measure_first_direction_share,
    measure_hubness,
)
from emb_pipeline.diagnostics.neighbors import draw_word_sample, find_nearest_words, measure_overlaps
from emb_pipeline.embeddings.static.word_vectors import WordVectors


def _random(n: int = 60, dim: int = 8, seed: int = 0, shift: float = 0.0) -> WordVectors:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32) + np.float32(shift)
    return WordVectors([f"w{row:02}" for row in range(n)], np.arange(n, 0, -1, dtype=np.int64), vectors)


def test_neighbors_are_those_of_gensim() -> None:
    vectors = _random()
    keyed = KeyedVectors(8)
    keyed.add_vectors(list(vectors.tokens), vectors.vectors)
    found = find_nearest_words(vectors, ["w03", "unknown", "w59", "w03"], k=5)
    assert found["word"].unique().tolist() == ["w03", "w59"]
    for word, rows in found.groupby("word"):
        expected = keyed.most_similar(word, topn=5)
        assert rows["neighbor"].tolist() == [name for name, _ in expected] and rows["rank"].tolist() == [1, 2, 3, 4, 5]
        np.testing.assert_allclose(rows["cosine"], [cosine for _, cosine in expected], atol=1e-6)


def test_only_the_commonest_words_are_neighbors_but_any_word_may_be_asked_for() -> None:
    found = find_nearest_words(_random(), ["w50"], k=20, commonest=10)
    assert sorted(found["neighbor"]) == [f"w{row:02}" for row in range(10)][: len(found)] or len(found) == 9
    assert set(found["neighbor"]) <= {f"w{row:02}" for row in range(10)}


def test_two_embeddings_get_the_same_sample_of_the_words_that_both_know() -> None:
    first, second = _random(seed=1), _random(n=40, seed=2)
    one, other = draw_word_sample(first, 1000, least=30), draw_word_sample(second, 1000, least=1)
    assert len(one) == 31 and [word for word in one if word in other] == [word for word in other if word in one]


def test_overlap_is_the_mean_of_jaccards_over_common_words() -> None:
    found = {
        "domain.a": {"dose": "drug pill", "acute": "sudden severe"},
        "domain.a_seed1": {"dose": "drug pill", "acute": "sudden short", "rare": "seldom often"},
        "generic.a": {"other": "word"},
    }
    rows = pd.DataFrame(
        [
            {"embedding": name, "word": word, "neighbor": each}
            for name, words in found.items()
            for word, names in words.items()
            for each in names.split()
        ]
    )
    table = measure_overlaps(rows, [("domain.a", "domain.a_seed1"), ("domain.a", "generic.a"), ("domain.a", "nobody")])
    assert table.to_dict("records") == [
        {"first": "domain.a", "second": "domain.a_seed1", "shared": pytest.approx((1 + 1 / 3) / 2), "words": 2}
    ]


def test_anisotropy_is_the_mean_cosine_of_all_pairs() -> None:
    vectors = _random(shift=0.7).vectors
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    assert measure_anisotropy(vectors) == pytest.approx(cosines[np.triu_indices(60, 1)].mean(), abs=1e-6)
    assert abs(measure_anisotropy(_random(n=2000).vectors)) < 0.01 < 0.3 < measure_anisotropy(vectors)


def test_hubs_are_counted_as_by_hand() -> None:
    vectors = np.array([[1, 0], [1, 0.1], [1, -0.1], [0.2, 1], [-1, 0.3]], dtype=np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T - 9 * np.eye(5)
    expected = np.bincount(cosines.argmax(axis=1), minlength=5)
    assert measure_hubness(vectors, k=1) == (pytest.approx(skew(expected)), pytest.approx(expected.max() / 5))


def test_one_direction_of_a_line_has_all_the_variance() -> None:
    line = np.outer(np.linspace(-1, 1, 50), np.ones(4))
    assert measure_first_direction_share(line) == pytest.approx(1.0)
    assert measure_first_direction_share(_random(n=5000, dim=4).vectors) == pytest.approx(0.25, abs=0.02)


def test_pip_loss_is_that_of_the_matrices_and_blind_to_rotation() -> None:
    first, second = _random(seed=1), _random(seed=2)
    e, f = first.vectors.astype(float), second.vectors.astype(float)
    expected = np.linalg.norm(e @ e.T - f @ f.T) / np.linalg.norm(f @ f.T)
    assert compute_pip_loss(first, second) == pytest.approx(expected)
    turned = (first.vectors @ ortho_group.rvs(8, random_state=0)).astype(np.float32)
    assert compute_pip_loss(WordVectors(first.tokens, first.counts, turned), first) == pytest.approx(0, abs=1e-3)


def test_pip_loss_is_summed_over_blocks_of_words_in_whatever_order_they_stand() -> None:
    large, small = _random(n=40_000, dim=6, seed=1), _random(n=40_000, dim=4, seed=2)
    order = np.random.default_rng(0).permutation(len(small))
    mixed = WordVectors([small.tokens[row] for row in order], small.counts, small.vectors[order])
    assert compute_pip_loss(mixed, large) == pytest.approx(compute_pip_loss(small, large), rel=1e-9)
    nothing = WordVectors([f"other{row}" for row in range(len(small))], small.counts, small.vectors)
    assert np.isnan(compute_pip_loss(nothing, large))
