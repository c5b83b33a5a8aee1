"""Words in two dimensions: neighbours stay neighbours, a map is the same every time, and maps can be laid side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist

from emb_pipeline.diagnostics.options import DiagnosisOptions, MapOptions
from emb_pipeline.diagnostics.word_map import build_word_map, compute_coordinates, join_maps, turn_onto
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import Folders
from emb_pipeline.pipelines.diagnose.nodes import diagnose_vectors

GROUPS, SIZE = 8, 15


def _planted(seed: int = 0, noise: float = 0.4) -> WordVectors:
    """Eight groups of fifteen words around directions of their own, in turns, so that rank says nothing of the group."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(GROUPS, 20))
    vectors = np.tile(centers, (SIZE, 1)) + noise * rng.normal(size=(GROUPS * SIZE, 20))
    tokens = [f"g{row % GROUPS}_{row // GROUPS:02}" for row in range(GROUPS * SIZE)]
    return WordVectors(tokens, np.arange(len(tokens), 0, -1, dtype=np.int64), vectors.astype(np.float32))


def _kept(vectors: WordVectors, places: np.ndarray) -> float:
    """How often a word's nearest on the map is of its own group."""
    distances = np.square(places[:, None] - places[None]).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    groups = np.array([token[:2] for token in vectors.tokens])
    return float((groups[distances.argmin(axis=1)] == groups).mean())


@pytest.mark.slow
def test_words_of_a_planted_group_are_near_each_other_on_the_map() -> None:
    vectors = _planted()
    assert _kept(vectors, compute_coordinates(vectors)) > 0.95
    shuffled = WordVectors(vectors.tokens, vectors.counts, np.random.default_rng(1).permutation(vectors.vectors))
    assert _kept(shuffled, compute_coordinates(shuffled)) < 0.4


def test_the_length_of_a_vector_does_not_move_its_word() -> None:
    vectors = _planted()
    lengths = np.random.default_rng(2).uniform(0.1, 10, size=(len(vectors), 1)).astype(np.float32)
    longer = WordVectors(vectors.tokens, vectors.counts, vectors.vectors * lengths)
    assert _kept(longer, compute_coordinates(longer)) > 0.95


@pytest.mark.slow
def test_a_map_is_the_same_every_time() -> None:
    first, second = (build_word_map(_planted(), ["g1_00"], words=60, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_probe_words_and_their_neighbors_are_on_the_map_however_rare_and_the_commonest_fill_it() -> None:
    vectors = _planted()
    table = build_word_map(vectors, ["g3_14", "unheard", "g3_14"], words=30, k=5).set_index("word")
    assert len(table) == 30 and table.index[0] == "g3_14" and table["probe"].sum() == 1
    near = table[table["near"] == "g3_14"]
    assert len(near) == 5 and all(word.startswith("g3_") for word in near.index)
    filled = table[~table["probe"] & table["near"].isna()]
    assert filled["rank"].tolist() == sorted(filled["rank"]) and set(range(1, 20)) <= set(table["rank"])
    assert len(build_word_map(vectors, ["g3_14"], words=1, k=5)) == 6  # what is asked for is shown


def test_a_word_near_two_probe_words_belongs_to_the_nearer_one() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 0.5], [0.5, 1], [-1, 0], [0, -1]], dtype=np.float32)
    few = WordVectors(["right", "up", "rightish", "upish", "left", "down"], np.arange(6, 0, -1, dtype=np.int64), vectors)
    near = build_word_map(few, ["right", "up"], words=6, k=2).set_index("word")["near"]
    assert (near["rightish"], near["upish"]) == ("right", "up") and near[["left", "down"]].isna().all()


def test_neighbors_are_those_of_the_embedding_among_the_words_shown() -> None:
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.01]], dtype=np.float32)
    few = WordVectors(list("abcde"), np.arange(5, 0, -1, dtype=np.int64), vectors)
    table = build_word_map(few, [], words=4, k=2).set_index("word")
    assert table.loc["a", "nearest"] == ["b", "d"]
    assert table.loc["a", "distances"] == pytest.approx([1 - 1 / np.sqrt(1.01), 1 - 0.1 / np.sqrt(1.01)], abs=1e-6)


def test_what_a_map_keeps_is_counted_by_neighbors_on_both_sides() -> None:
    vectors = np.random.default_rng(6).normal(size=(40, 2)).astype(np.float32)
    table = build_word_map(
        WordVectors([f"w{row}" for row in range(40)], np.arange(40, 0, -1, dtype=np.int64), vectors), [], words=40, k=4
    )
    places = table[["x", "y"]].to_numpy()
    for row, nearest in enumerate(table["nearest"]):
        order = np.argsort(np.square(places - places[row]).sum(axis=1))[1:5]
        assert table["kept"][row] == len({f"w{other}" for other in order} & set(nearest)) / 4
    assert 0.3 < table["kept"].mean() < 1


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 12])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_few_words_and_few_dimensions_have_a_map_too(n: int, dim: int) -> None:
    vectors = np.random.default_rng(n).normal(size=(n, dim)).astype(np.float32)
    few = WordVectors([f"w{row}" for row in range(n)], np.arange(n, 0, -1, dtype=np.int64), vectors)
    table = build_word_map(few, ["w0"], words=1000)
    assert len(table) == n and np.isfinite(table[["x", "y"]].to_numpy(dtype=float)).all()


def test_words_that_point_nowhere_are_not_on_the_map() -> None:
    vectors = _planted()
    hollow = vectors.vectors.copy()
    hollow[[0, 5]] = 0
    table = build_word_map(WordVectors(vectors.tokens, vectors.counts, hollow), ["g0_00"], words=20)
    assert len(table) == 20 and not {"g0_00", "g5_00"} & set(table["word"]) and table["near"].isna().all()


def _map(words: str, places: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"word": words.split(), "x": places[:, 0], "y": places[:, 1]})


@pytest.mark.parametrize("mirror", [1, -1])
def test_a_turned_moved_and_mirrored_map_comes_back_and_takes_its_other_words_along(mirror: int) -> None:
    places = np.random.default_rng(4).normal(size=(5, 2))
    sine, cosine = np.sin(2.1), np.cos(2.1)
    moved = places @ np.array([[cosine, sine], [-sine, cosine]]) @ np.diag([1, mirror]) + [3, -8]
    found = turn_onto(_map("a b c d", places[:4]), _map("e d c b a", moved[::-1]))
    assert found["word"].tolist() == list("edcba")
    np.testing.assert_allclose(found[["x", "y"]].to_numpy(), places[::-1], atol=1e-9)


def test_a_map_is_not_stretched_and_without_common_words_stays_as_it_is() -> None:
    rng = np.random.default_rng(5)
    fixed, moved = _map("a b c d", 3 * rng.normal(size=(4, 2))), _map("a b c e", rng.normal(size=(4, 2)))
    np.testing.assert_allclose(pdist(turn_onto(fixed, moved)[["x", "y"]]), pdist(moved[["x", "y"]]))
    strange = _map("f g h a", rng.normal(size=(4, 2)))
    pd.testing.assert_frame_equal(turn_onto(fixed, strange), strange)


def test_maps_side_by_side_are_turned_onto_the_first_and_name_neighbors_by_their_rows() -> None:
    first = build_word_map(_planted(), ["g1_00"], words=60, k=3)
    quarter_turn = first.assign(x=first["y"] + 5, y=-first["x"])
    maps = [first.assign(embedding="domain.w_8"), quarter_turn[::-1].assign(embedding="generic.w_8")]
    together = join_maps(pd.concat(maps, ignore_index=True))
    np.testing.assert_allclose(together.loc[59::-1, ["x", "y"]], together.loc[60:, ["x", "y"]], atol=1e-9)
    np.testing.assert_array_equal(together.loc[:59, ["x", "y"]], first[["x", "y"]])
    for row, name in enumerate(together["embedding"]):
        ids = together.loc[row, "neighbors"]["ids"]
        assert together.loc[ids, "word"].str.cat(sep=", ") == together.loc[row, "nearest"]
        assert set(together.loc[ids, "embedding"]) == {name} and len(ids) == 3


def test_no_map_at_all_is_a_table_without_rows() -> None:
    columns = ["embedding", "word", "x", "y", "kept", "probe", "near", "rank", "nearest", "distances"]
    assert join_maps(pd.DataFrame(columns=columns)).columns.tolist() == [*columns[:-1], "neighbors"]


def _drawn(**choice: object) -> list[str]:
    trained = {"corpus_fingerprint": "feed"}
    vectors = {
        f"vectors_domain.{key}": WordVectors(few.tokens, few.counts, few.vectors, provenance)
        for few in [_planted()]
        for key, provenance in (("loaded_20", {}), ("word2vec_20", trained), ("glove_20", trained))
    }
    cells = {
        name.replace("vectors_", "cell_"): {
            "origin": "domain",
            "key": name.partition(".")[2],
            "method": "glove",
            "options": {},
        }
        for name in vectors
    }
    folders = Folders(**dict.fromkeys(Folders.model_fields, Path()))
    tables = diagnose_vectors(DiagnosisOptions(map=MapOptions(**choice), sample=0), folders, 0, **vectors, **cells)
    return tables["word_map"]["embedding"].unique().to_pylist()


@pytest.mark.slow
def test_the_first_embedding_of_a_corpus_is_drawn_or_those_that_are_named_or_none() -> None:
    assert _drawn(words=20) == ["domain.word2vec_20"]
    assert _drawn(words=20, embeddings=("domain.glove_20", "domain.loaded_20")) == ["domain.loaded_20", "domain.glove_20"]
    assert _drawn(words=20, embeddings=("generic.glove_20",)) == [] == _drawn(words=0)
