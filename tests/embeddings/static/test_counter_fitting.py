"""Word vectors repaired with synonyms and antonyms."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg
from scipy.stats import spearmanr

from emb_pipeline.embeddings.static.counter_fitting import counter_fit, counter_fit_vectors, retrofit, retrofit_vectors
from emb_pipeline.embeddings.static.options import (
    CounterFittedOptions,
    CounterFittingOptions,
    RetrofittedOptions,
    RetrofittingOptions,
)
from emb_pipeline.embeddings.static.word_vectors import WordVectors

ROOT = np.sqrt(0.5)


def words_of(**vectors: list[float]) -> WordVectors:
    return WordVectors(
        list(vectors), np.ones(len(vectors), dtype=np.int64), np.array(list(vectors.values()), dtype=np.float32), {"seed": 3}
    )


def cosine(words: WordVectors, first: str, second: str) -> float:
    a, b = (words.vectors[words.index[word]].astype(float) for word in (first, second))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def random_words(n: int, dim: int, seed: int = 0) -> WordVectors:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return WordVectors([f"w{i}" for i in range(n)], np.ones(n, dtype=np.int64), vectors)


def test_one_pass_of_retrofitting_by_hand() -> None:
    """good = ((4, 0) + (0, 4)) / 2 first; great then sees it there: ((0, 4) + (2, 2)) / 2."""
    words = words_of(good=[4, 0], great=[0, 4], stone=[5, 5])
    made = retrofit(words, [("good", "great")], options=RetrofittingOptions(iterations=1))
    np.testing.assert_array_equal(made.vectors, [[2, 2], [1, 3], [5, 5]])


def test_neighbors_weigh_as_they_are_told_and_the_own_vector_as_all_of_them() -> None:
    """(3 * (0, 4) + 1 * (4, 4)) / 4 = (1, 4), and half of that with half of (4, 0)."""
    words = words_of(good=[4, 0], great=[0, 4], fine=[4, 4])
    pairs = np.array([["good", "great"], ["good", "fine"], ["fine", "good"]])
    made = retrofit(words, pairs, options=RetrofittingOptions(iterations=1), weights=np.array([3, 0.5, 1]))
    np.testing.assert_allclose(made.vectors[0], [2.5, 2])
    faithful = retrofit(words, pairs[:1], options=RetrofittingOptions(iterations=1, faithfulness=3))
    np.testing.assert_allclose(faithful.vectors[0], [3, 1])


def test_many_passes_reach_the_solution_of_the_linear_system() -> None:
    """Where no word moves any more, 2 q_i - mean of its neighbours' q = q̂_i."""
    words, rng = random_words(40, 5), np.random.default_rng(1)
    pairs = [(f"w{a}", f"w{b}") for a, b in rng.integers(0, 30, (60, 2)) if a != b]
    links = sp.lil_array((40, 40))
    for first, second in pairs:
        links[int(first[1:]), int(second[1:])] = links[int(second[1:]), int(first[1:])] = 1
    degrees = np.asarray(links.sum(axis=1)).ravel()
    has = degrees > 0
    system = sp.diags_array(1.0 + has) - sp.diags_array(1 / np.where(has, degrees, 1)) @ links
    expected = scipy.sparse.linalg.spsolve(system.tocsc(), words.vectors.astype(float))
    made = retrofit(words, pairs, options=RetrofittingOptions(iterations=60))
    np.testing.assert_allclose(made.vectors, expected, atol=1e-6)
    ten = retrofit(words, pairs)
    assert np.abs(ten.vectors - expected).max() < 1e-3
    np.testing.assert_array_equal(made.vectors[~has], words.vectors[~has])


def test_one_step_from_antonyms_by_hand() -> None:
    """hot (1, 0) and cold (0.6, 0.8) have cosine 0.6. hot's gradient is 0.6 (1, 0) - (0.6, 0.8) = (0, -0.8): a step to
    (1, -0.08). cold's is 0.6 (0.6, 0.8) - (1, 0) = (-0.64, 0.48): a step to (0.536, 0.848). Both are then scaled."""
    words = words_of(hot=[1, 0], cold=[0.6, 0.8])
    made = counter_fit(words, [], [("hot", "cold")], options=CounterFittingOptions(iterations=1))
    hot, cold = np.array([1, -0.08]), np.array([0.536, 0.848])
    np.testing.assert_allclose(made.vectors, [hot / np.linalg.norm(hot), cold / np.linalg.norm(cold)], atol=1e-6)


def test_one_step_from_synonyms_by_hand() -> None:
    """The same pair pulled together: (1, 0.08), and (0.6, 0.8) + 0.1 (0.64, -0.48). Each keeps its length: 1 and 3."""
    words = words_of(big=[1, 0], large=[1.8, 2.4])
    made = counter_fit(words, [("big", "large")], [], options=CounterFittingOptions(iterations=1))
    big, large = np.array([1, 0.08]), np.array([0.664, 0.752])
    np.testing.assert_allclose(made.vectors[0], big / np.linalg.norm(big), atol=1e-6)
    np.testing.assert_allclose(made.vectors[1], 3 * large / np.linalg.norm(large), atol=1e-6)


def test_a_word_of_several_pairs_takes_the_mean_of_its_gradients() -> None:
    """hot is pushed by (0, -0.8) from cold and by (0, 0.8) from icy, its mirror image: it stays, by symmetry."""
    words = words_of(hot=[1, 0], cold=[0.6, 0.8], icy=[0.6, -0.8])
    made = counter_fit(words, [], [("hot", "cold"), ("icy", "hot")], options=CounterFittingOptions(iterations=1))
    np.testing.assert_allclose(made.vectors[0], [1, 0], atol=1e-7)
    cold = np.array([0.536, 0.848])  # one pair: the whole step
    np.testing.assert_allclose(made.vectors[1], cold / np.linalg.norm(cold), atol=1e-6)


def test_pairs_beyond_their_margins_have_no_gradient() -> None:
    apart = words_of(hot=[1, 0], cold=[-0.1, 1])  # cosine below 0: distance above delta 1
    np.testing.assert_array_equal(counter_fit(apart, [], [("hot", "cold")]).vectors, apart.vectors)
    near = words_of(big=[1, 0], large=[0.8, 0.6])
    options = CounterFittingOptions(synonym_distance=0.3)  # their distance is 0.2
    np.testing.assert_array_equal(counter_fit(near, [("big", "large")], [], options=options).vectors, near.vectors)


def test_near_words_follow_one_that_is_pushed_away() -> None:
    """warm is no antonym of cold, but so near to hot that it follows; with weight 0 it stays."""
    words = words_of(hot=[1, 0, 0.1], cold=[0.6, 0.8, 0], warm=[1, 0, 0], stone=[0, 0, 1])
    options = CounterFittingOptions(iterations=2)
    made = counter_fit(words, [], [("hot", "cold")], options=options)
    assert cosine(made, "warm", "cold") < cosine(words, "warm", "cold") - 0.01
    np.testing.assert_array_equal(made.vectors[3], words.vectors[3])
    alone = counter_fit(words, [], [("hot", "cold")], options=options.model_copy(update={"neighbor_weight": 0.0}))
    np.testing.assert_array_equal(alone.vectors[2:], words.vectors[2:])


def test_a_step_is_that_of_a_plain_loop_over_all_pairs() -> None:
    """Twenty steps against the algorithm written out pair by pair, on vectors with many near words."""
    rng = np.random.default_rng(4)
    vectors = (rng.normal(size=(6, 8)).repeat(5, axis=0) + 0.25 * rng.normal(size=(30, 8))).astype(np.float32)
    words = WordVectors([f"w{i}" for i in range(30)], np.ones(30, dtype=np.int64), vectors)
    antonyms = [("w0", "w1"), ("w5", "w7"), ("w0", "w3"), ("w11", "w12")]
    synonyms = [("w0", "w8"), ("w2", "w20"), ("w12", "w11"), ("w6", "w28")]
    made = counter_fit(words, synonyms, antonyms)

    def numbers(pairs: list[tuple[str, str]]) -> list[tuple[int, int]]:
        return [(int(a[1:]), int(b[1:])) for a, b in pairs] + [(int(b[1:]), int(a[1:])) for a, b in pairs]

    repelled, attracted = numbers(antonyms), [pair for pair in numbers(synonyms) if set(pair) != {11, 12}]
    unit = vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    first = 1 - unit @ unit.T
    near = [(i, j) for i in range(30) for j in range(30) if i != j and first[i, j] <= 0.2 and (i, j) not in repelled]
    assert len(near) > 40
    for _ in range(20):
        sums, times = np.zeros_like(unit), np.zeros(30)
        distance = 1 - unit @ unit.T
        for pairs, sign, active in (
            (repelled, 0.1, distance < 1),
            (attracted, -0.1, distance > 0),
            (near, -0.1, distance > first + 1e-9),
        ):
            for i, j in pairs:
                if active[i, j]:
                    sums[i] += sign * ((1 - distance[i, j]) * unit[i] - unit[j])
                    times[i] += 1
        unit = unit + sums / np.maximum(times, 1)[:, None]
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    found = made.vectors / np.linalg.norm(made.vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(found, unit, atol=1e-6)


def test_antonyms_part_synonyms_meet_and_far_words_keep_their_vectors() -> None:
    words = random_words(500, 20)
    antonyms, synonyms = ([(f"w{i}", f"w{i + 1}") for i in range(start, start + 60, 2)] for start in (0, 100))
    made = counter_fit(words, synonyms, antonyms)
    before, after = ([cosine(each, *pair) for pair in antonyms] for each in (words, made))
    assert max(after) < 0.1 and np.mean(after) < np.mean(before)
    before, after = ([cosine(each, *pair) for pair in synonyms] for each in (words, made))
    assert (np.array(after) > before).all() and np.mean(after) > 0.9
    np.testing.assert_array_equal(made.vectors[200:], words.vectors[200:])
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), np.linalg.norm(words.vectors, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(counter_fit(words, synonyms, antonyms).vectors, made.vectors)


def test_pairs_are_counted_by_what_became_of_them() -> None:
    words = words_of(hot=[1, 0], cold=[0.6, 0.8], warm=[1, 0.5], nothing=[0, 0])
    synonyms = [("hot", "warm"), ("warm", "hot"), ("hot", "tepid"), ("hot", "hot"), ("cold", "hot"), ("hot", "nothing")]
    made = counter_fit(words, synonyms, np.array([["hot", "cold"]]))
    record = made.provenance["repaired"]
    assert record["pairs"] == {
        "synonyms": {
            "given": 6, "used": 1, "with_unknown_word": 2, "of_one_word": 1, "given_again": 1, "also_antonyms": 1
        },
        "antonyms": {"given": 1, "used": 1, "with_unknown_word": 0, "of_one_word": 0, "given_again": 0},
    }  # fmt: skip
    assert made.provenance["seed"] == 3 and record["by"] == "counter_fitting" and record["moved_words"] == 3
    assert record["options"]["antonym_distance"] == 1.0 and "repaired" not in words.provenance
    np.testing.assert_array_equal(made.vectors[3], [0, 0])


def test_near_pairs_are_all_found_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from emb_pipeline.embeddings.static import counter_fitting

    monkeypatch.setattr(counter_fitting, "_BLOCK_BYTES", 1000)
    vectors = random_words(80, 3).vectors.astype(float)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = np.argwhere(np.triu(1 - units @ units.T <= 0.2, 1))
    assert len(expected) > 100
    found, n_found = counter_fitting._near_pairs(units, 0.2)
    np.testing.assert_array_equal(found[np.lexsort(found.T[::-1])], expected)
    assert n_found == len(expected)


def test_of_too_many_near_pairs_those_of_the_nearest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from emb_pipeline.embeddings.static import counter_fitting

    monkeypatch.setattr(counter_fitting, "_BLOCK_BYTES", 1000)
    monkeypatch.setattr(counter_fitting, "MOST_NEIGHBORS", 160)  # of 80 words: two each
    words = random_words(80, 3)
    units = words.vectors / np.linalg.norm(words.vectors, axis=1, keepdims=True)
    cosines = units @ units.T
    np.fill_diagonal(cosines, -1)
    expected = {
        (min(row, other), max(row, other))
        for row in range(80)
        for other in np.argsort(-cosines[row])[:2].tolist()
        if cosines[row, other] >= 0.8
    }
    found, n_found = counter_fitting._near_pairs(units, 0.2)
    assert {tuple(pair) for pair in found.tolist()} == expected and len(found) == len(expected)
    assert n_found == (np.triu(cosines >= 0.8, 1)).sum() > 160
    made = counter_fit(words, [], [(words.tokens[0], words.tokens[1])])
    repaired = made.provenance["repaired"]
    assert repaired["near_pairs_found"] == n_found and len(expected) - 1 <= repaired["near_pairs"] <= len(expected)


@pytest.mark.slow
@pytest.mark.skipif("EMB_PIPELINE_MIRROR" not in os.environ, reason="needs the published GloVe sample and word pairs")
def test_published_vectors_agree_more_with_people_and_tell_unseen_antonyms_from_synonyms() -> None:
    """SimLex-999 is .41 before and .58 after in the paper; the sample has 50 dimensions and a third of the pairs."""
    folder = Path(os.environ["EMB_PIPELINE_MIRROR"]) / "word_intrinsic"
    with gzip.open(folder / "glove_sample/glove50_4k.txt.gz", "rt", encoding="utf-8") as lines:
        next(lines)
        rows = [line.rstrip().split(" ") for line in lines]
    tokens = [row[0] for row in rows]
    words = WordVectors(tokens, np.ones(len(rows), dtype=np.int64), np.array([row[1:] for row in rows], dtype=np.float32))

    def pairs(part: str, label: str) -> list[tuple[str, str]]:
        read = [
            line.split()
            for kind in ("adjective", "noun", "verb")
            for line in (folder / f"antonym_synonym/{kind}-pairs.{part}").read_text().splitlines()
        ]
        return [(row[0], row[1]) for row in read if row and row[2] == label]

    synonyms, antonyms = pairs("train", "0"), pairs("train", "1")
    made = counter_fit(words, synonyms, antonyms)
    given = {frozenset(pair) for pair in synonyms + antonyms}
    simlex = [line.split() for line in (folder / "similarity/SimLex-999/SimLex-999.txt").read_text().splitlines()]
    known = [(a, b, float(score)) for a, b, score, *_ in simlex if a in words and b in words]

    def agreement(vectors: WordVectors) -> float:
        return float(spearmanr([cosine(vectors, a, b) for a, b, _ in known], [score for *_, score in known])[0])

    def share_in_order(vectors: WordVectors) -> float:
        """Of all (unseen synonyms, unseen antonyms), those where the synonyms are nearer."""
        unseen = (
            [pair for pair in pairs("test", label) if set(pair) <= vectors.index.keys() and frozenset(pair) not in given]
            for label in ("0", "1")
        )
        near, apart = (np.array([cosine(vectors, *pair) for pair in part]) for part in unseen)
        return float((near[:, None] > apart).mean())

    assert len(known) == 321 and agreement(made) > agreement(words) + 0.1
    assert abs(share_in_order(words) - 0.5) < 0.02 and share_in_order(made) > 0.6


def test_bad_input_is_named() -> None:
    words = words_of(hot=[1, 0], cold=[0.6, 0.8])
    with pytest.raises(ValueError, match="none of 2 pairs is of two different words among the 2"):
        counter_fit(words, [("Hot", "Cold")], [("hot", "hot")])
    with pytest.raises(ValueError, match="none of 0 pairs"):
        retrofit(words, [])
    with pytest.raises(ValueError, match=r"synonyms have the shape \(1, 3\)"):
        retrofit(words, [("hot", "warm", "cold")])
    with pytest.raises(ValueError, match="give one above 0 for each of the 1 synonyms"):
        retrofit(words, [("hot", "cold")], weights=np.array([0.0]))


def test_the_pairs_of_the_options_are_what_vectors_are_repaired_with() -> None:
    words = words_of(hot=[1.0, 0.1], cold=[1.0, 0.2], warm=[0.0, 1.0])
    apart = counter_fit_vectors(words, CounterFittedOptions(antonyms=(("hot", "cold"),), synonyms=(("hot", "warm"),)))
    assert apart.vectors[0] @ apart.vectors[1] < words.vectors[0] @ words.vectors[1]
    together = retrofit_vectors(words, RetrofittedOptions(synonyms=(("hot", "warm"),)))
    np.testing.assert_array_equal(together.vectors[1], words.vectors[1])
    assert together.provenance["repaired"]["by"] == "retrofitting"
