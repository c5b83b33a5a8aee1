"""Bits of vectors: their distances, and what is found among the nearest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from emb_pipeline.efficiency.sign_bits import SignBits, build_index
from emb_pipeline.embeddings.compress.options import Precision
from emb_pipeline.embeddings.encodings.vectors import unit_length
from emb_pipeline.embeddings.retrieval.exact_search import find_top_k


@pytest.mark.parametrize("dim", [1, 7, 8, 63, 64, 65, 100, 192, 193, 256, 384])
def test_distances_are_those_of_scipy(dim: int) -> None:
    signs = np.random.default_rng(dim).random((40, dim)) < 0.5
    signs[1] = ~signs[0]  # as far apart as can be: no count runs over
    index = build_index(signs)
    distances, rows = index.search(np.packbits(signs, axis=1), 40)
    found = np.take_along_axis(distances, np.argsort(rows, axis=1), axis=1)
    np.testing.assert_array_equal(found, np.rint(cdist(signs, signs, "hamming") * dim))


@pytest.mark.parametrize(("dim", "n_vectors", "n"), [(4, 900, 10), (64, 900, 40), (384, 5000, 200), (8, 900, 899)])
def test_of_equal_distances_the_first_rows_are_taken(dim: int, n_vectors: int, n: int) -> None:
    rng = np.random.default_rng(n)
    signs, queries = rng.random((n_vectors, dim)) < 0.5, rng.random((6, dim)) < 0.5
    _, rows = build_index(signs).search(np.packbits(queries, axis=1), n)
    distances = np.rint(cdist(queries, signs, "hamming") * dim)
    assert all(len(np.unique(of_query)) < n_vectors / 8 for of_query in distances)  # ties there are
    wanted = np.argsort(distances, axis=1, kind="stable")[:, :n]
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.sort(wanted, axis=1))


@pytest.mark.parametrize("dim", [8, 50, 100, 130])
def test_with_all_as_candidates_the_search_is_the_exact_one_with_its_ties(dim: int) -> None:
    # Eighths: their products are exact, so equal vectors score alike on every processor, in any order of sums.
    passages, queries = (np.round(8 * each) / 8 for each in clustered(dim))
    passages = np.concatenate([passages, passages[::-1], np.zeros((2, dim), dtype=np.float32)])  # each vector twice
    found = SignBits.of(passages).find_nearest(queries, 11, len(passages))
    np.testing.assert_array_equal(found, find_top_k(queries, passages, 11))


@pytest.mark.parametrize(("precision", "least"), [("float32", 1.0), ("float16", 0.99), ("int8", 0.95)])
def test_more_candidates_find_more_and_what_is_stored_says_how_much_can_be_found(precision: Precision, least: float) -> None:
    passages, queries = clustered(60)
    wanted = find_top_k(queries, passages, 10)
    index = SignBits.of(passages, precision)
    few, some, all_of_them = (share(index.find_nearest(queries, 10, n), wanted) for n in (10, 40, 500))
    assert 0.1 < few < some < all_of_them
    assert all_of_them >= least


def test_numbers_that_lie_to_one_side_need_their_mean_taken_off() -> None:
    passages, queries = clustered(60, offset=4.0)
    wanted = find_top_k(queries, passages, 10)
    centred = SignBits.of(passages)
    assert share(centred.find_nearest(queries, 10, 40), wanted) > 0.5
    plain = SignBits(build_index(passages > 0), np.zeros(60, dtype=np.float32), centred.stored, centred.quantisation)
    assert share(plain.find_nearest(queries, 10, 40), wanted) < 0.3


def test_a_filter_leaves_out_all_others_and_candidates_are_taken_within_it() -> None:
    passages, queries = clustered(60)
    inside = np.arange(500) % 10 == 3
    index = SignBits.of(passages)
    rows = np.flatnonzero(inside)
    np.testing.assert_array_equal(index.find_nearest(queries, 5, 50, inside), rows[find_top_k(queries, passages[rows], 5)])
    few = index.find_nearest(queries, 5, 10, inside)
    assert inside[few].all() and (few >= 0).all()


def test_where_there_are_fewer_than_asked_for_the_rest_is_none() -> None:
    passages, queries = clustered(60)
    found = SignBits.of(passages).find_nearest(queries[:1], 5, 10, np.arange(500) < 3)
    assert sorted(found[0][:3].tolist()) == [0, 1, 2] and found[0][3:].tolist() == [-1, -1]


@pytest.mark.parametrize(("precision", "stored"), [("float32", 400), ("float16", 200), ("int8", 100)])
def test_bytes_of_the_bits_and_of_what_is_stored_are_separate(precision: Precision, stored: int) -> None:
    passages, _ = clustered(100)
    index = SignBits.of(passages, precision)
    assert index.index_bytes == 500 * 13 + 100 * 4  # 100 bits fill 13 bytes for each passage, and one mean
    assert index.bytes_per_item == stored


def clustered(dim: int, offset: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """500 unit vectors around 25 centres, to one side of the origin, and 38 queries near some of them."""
    rng = np.random.default_rng(dim)
    vectors = np.repeat(rng.normal(size=(25, dim)), 20, axis=0) + rng.normal(size=(500, dim)) + offset
    queries = vectors[::13][:38] + 0.5 * rng.normal(size=(38, dim))
    return unit_length(vectors.astype(np.float32)), unit_length(queries.astype(np.float32))


def share(found: np.ndarray, wanted: np.ndarray) -> float:
    """Of the wanted rows, those that were found."""
    return float(np.mean([len(set(rows) & set(of)) / len(of) for rows, of in zip(found, wanted, strict=True)]))
