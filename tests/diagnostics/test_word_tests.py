"""Similarity, analogies, antonyms and bias of word vectors, against gensim, scikit-learn and published procedures."""

from __future__ import annotations

import gzip
import json
import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath
from sklearn.metrics import roc_auc_score

from emb_pipeline.diagnostics.word_tests import (
    compute_area_under_curve,
    measure_analogies,
    measure_antonym_separation,
    measure_share_among_nearest,
    measure_word_similarity,
    run_weat,
)
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.readers.word_sets import WordSetSource, read_analogy_questions, read_scored_pairs


def _vectors(words: list[str], dim: int = 12, seed: int = 0) -> WordVectors:
    vectors = np.random.default_rng(seed).normal(size=(len(words), dim)).astype(np.float32)
    return WordVectors(words, np.ones(len(words), dtype=np.int64), vectors)


def _keyed(vectors: WordVectors) -> KeyedVectors:
    keyed = KeyedVectors(vectors.dim)
    keyed.add_vectors(list(vectors.tokens), vectors.vectors)
    return keyed


@pytest.mark.parametrize("name", ["wordsim353.tsv", "simlex999.txt"])
def test_word_similarity_is_that_of_gensim(name: str, tmp_path: Path) -> None:
    source = WordSetSource(package="gensim", files=f"test/test_data/{name}")
    pairs, scores = read_scored_pairs(source, tmp_path, tmp_path)
    vectors = _vectors(sorted({word for pair in pairs[::2] for word in pair}))
    found = measure_word_similarity(vectors, pairs, scores, rng=np.random.default_rng(0), n_resamples=200)
    _, expected, unknown = _keyed(vectors).evaluate_word_pairs(datapath(name), case_insensitive=True)
    assert found.value == pytest.approx(expected.statistic, abs=1e-6)
    assert found.known / found.total == pytest.approx(1 - unknown / 100) and found.low < found.value < found.high


@pytest.mark.slow
def test_analogies_are_those_of_gensim(tmp_path: Path) -> None:
    source = WordSetSource(package="gensim", files="test/test_data/questions-words.txt")
    questions = read_analogy_questions(source, tmp_path, tmp_path)[:3000]
    vectors = _vectors(sorted({word for question in questions[:800] for word in question}), dim=4)
    for first, second, third, fourth in questions[:200:2]:  # half of some are made solvable
        row = vectors.index[fourth]
        unit = [vectors.vectors[vectors.index[word]] for word in (first, second, third)]
        unit = [each / np.linalg.norm(each) for each in unit]
        vectors.vectors[row] = unit[1] - unit[0] + unit[2]
    found = measure_analogies(vectors, questions, rng=np.random.default_rng(0), n_resamples=100)
    (tmp_path / "questions.txt").write_text(": all\n" + "\n".join(" ".join(each) for each in questions))
    accuracy, sections = _keyed(vectors).evaluate_word_analogies(str(tmp_path / "questions.txt"), case_insensitive=True)
    n = len(sections[-1]["correct"]) + len(sections[-1]["incorrect"])
    assert (found.value, found.known, found.total) == (pytest.approx(accuracy), n, len(questions)) and accuracy > 0


def test_the_area_under_the_curve_is_scikit_learns_and_half_for_equals() -> None:
    rng = np.random.default_rng(1)
    positives, negatives = rng.normal(0.5, 1, 40).round(1), rng.normal(0, 1, 60).round(1)
    expected = roc_auc_score([1] * 40 + [0] * 60, np.concatenate([positives, negatives]))
    assert compute_area_under_curve(positives, negatives) == pytest.approx(expected)
    assert compute_area_under_curve(np.ones(3), np.ones(4)) == 0.5


def test_conflated_antonyms_are_below_half_and_among_the_nearest() -> None:
    words = [f"{side}{row}" for row in range(12) for side in ("hot", "cold", "warm")]
    vectors = _vectors(words, dim=30)
    for row in range(12):  # each cold is its hot with a little noise, each warm is anything
        noise = np.random.default_rng(row).normal(scale=0.1, size=30)
        vectors.vectors[vectors.index[f"cold{row}"]] = vectors.vectors[vectors.index[f"hot{row}"]] + noise
    antonyms = [(f"hot{row}", f"cold{row}") for row in range(12)] + [("hot1", "unknown")]
    synonyms = [(f"hot{row}", f"warm{row}") for row in range(12)]
    found = measure_antonym_separation(vectors, antonyms, synonyms, rng=np.random.default_rng(0), n_resamples=200)
    assert found.value < 0.05 and found.high < 0.5 and (found.known, found.total) == (24, 25)
    assert measure_share_among_nearest(vectors, antonyms, k=1).value == 1.0
    assert measure_share_among_nearest(vectors, synonyms, k=1).value < 0.2


def _published(association: np.ndarray, size: int) -> tuple[float, float]:
    """Effect size and p as in the paper's equations, over all equal splits."""
    d = (association[:size].mean() - association[size:].mean()) / association.std(ddof=1)
    observed = association[:size].sum() - association[size:].sum()
    halves = [set(chosen) for chosen in combinations(range(2 * size), size)]
    values = [sum(a if i in half else -a for i, a in enumerate(association)) for half in halves]
    return float(d), float(np.mean([value >= observed - 1e-9 for value in values]))


def test_weat_is_the_papers_equations() -> None:
    words = {name: [f"{name}{i}" for i in range(4)] for name in "xyab"}
    vectors = _vectors([word for chosen in words.values() for word in chosen], seed=4)
    found = run_weat(vectors, words, rng=np.random.default_rng(0))
    unit = {word: row / np.linalg.norm(row) for word, row in zip(vectors.tokens, vectors.vectors.astype(float), strict=True)}
    association = np.array(
        [
            np.mean([unit[w] @ unit[a] for a in words["a"]]) - np.mean([unit[w] @ unit[b] for b in words["b"]])
            for w in words["x"] + words["y"]
        ]
    )
    d, p = _published(association, 4)
    assert (found.value, found.p) == (pytest.approx(d), pytest.approx(p))


def test_a_random_p_is_close_to_the_exact_one_and_never_zero() -> None:
    words = {name: [f"{name}{i}" for i in range(9)] for name in "xyab"}
    vectors = _vectors([word for chosen in words.values() for word in chosen], seed=5)
    found = run_weat(vectors, words, rng=np.random.default_rng(0), n_permutations=4000)
    assert 1 / 4001 <= found.p <= 1 and found.known == found.total == 36


def test_lists_with_too_few_known_words_say_nothing() -> None:
    words = {"x": ["x0", "x1"], "y": ["y0", "nobody"], "a": ["a0", "a1"], "b": ["b0", "b1"]}
    found = run_weat(_vectors(["x0", "x1", "y0", "a0", "a1", "b0", "b1"]), words, rng=np.random.default_rng(0))
    assert np.isnan(found.value) and (found.known, found.total) == (7, 8)


@pytest.mark.skipif("EMB_PIPELINE_MIRROR" not in os.environ, reason="needs the published GloVe sample")
def test_the_published_bias_shows_in_the_published_vectors() -> None:
    """Math/Arts and male/female: d is 1.06 in GloVe 840B. The sample has 50 dimensions and 19 of the 32 words."""
    folder = Path(os.environ["EMB_PIPELINE_MIRROR"]) / "word_intrinsic"
    with gzip.open(folder / "glove_sample/glove50_4k.txt.gz", "rt", encoding="utf-8") as lines:
        next(lines)
        rows = [line.rstrip().split(" ") for line in lines]
    tokens = [row[0] for row in rows]
    vectors = WordVectors(tokens, np.ones(len(rows), dtype=np.int64), np.array([row[1:] for row in rows], dtype=np.float32))
    lists = json.loads((folder / "weat/weat7.jsonl").read_text())
    words = {
        name: [word.lower() for word in lists[key]["examples"]]
        for name, key in {"x": "targ1", "y": "targ2", "a": "attr1", "b": "attr2"}.items()
    }
    found = run_weat(vectors, words, rng=np.random.default_rng(0))
    assert (found.known, found.total) == (19, 32) and found.value > 1


def test_a_term_between_tabs_may_have_several_words(tmp_path: Path) -> None:
    (tmp_path / "terms.tsv").write_text("Zofran\tipecac syrup\t294.25\ncough\tfever\t10\n")
    pairs, scores = read_scored_pairs(WordSetSource(path="terms.tsv"), tmp_path, tmp_path)
    assert pairs == [("zofran", "ipecac syrup"), ("cough", "fever")] and scores == [294.25, 10.0]


def test_a_line_that_is_no_pair_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("# comment\nold\tnew\t1.5\nold young\n")
    with pytest.raises(DataError, match=r"pairs.tsv, line 3: 'old young' is not two words and a number"):
        read_scored_pairs(WordSetSource(path="pairs.tsv"), tmp_path, tmp_path)
    (tmp_path / "bad.txt").write_text(": section\na b c\n")
    with pytest.raises(DataError, match=r"bad.txt, line 2: 'a b c' is not four words"):
        read_analogy_questions(WordSetSource(path="bad.txt"), tmp_path, tmp_path)
