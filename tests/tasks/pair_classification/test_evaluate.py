"""Pair classification: rankings and thresholds of pairs, by hand and against planted truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.tasks.pair_classification.evaluate import build_pair_features, evaluate_pair_classification
from emb_pipeline.tasks.pair_classification.options import PairOptions
from emb_pipeline.tasks.pair_classification.task import PairClassificationTask
from emb_pipeline.tasks.pair_classification.thresholds import choose_thresholds
from emb_pipeline.tasks.splits.pair_groups import find_fold_groups_of_pairs
from emb_pipeline.text.texts import Texts

SIMILARITY, FEATURES = PairOptions(), PairOptions(probe="features")


class Rows:
    """Vectors that were made beforehand, by the number in a text."""

    def __init__(self, matrix: np.ndarray) -> None:
        self._matrix, self.dim = matrix.astype(np.float32), matrix.shape[1]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return self._matrix[[int(text.rpartition(" ")[2]) for text in texts]]


def make_task(codes: np.ndarray, split: np.ndarray | None = None, **further: object) -> PairClassificationTask:
    """Pair ``i`` is of the texts ``i`` and ``n + i``."""
    n = len(codes)
    texts = Texts([f"text {number}" for number in range(2 * n)])
    ids = np.array([f"p{number}" for number in range(n)])
    places = {"first": np.arange(n), "second": np.arange(n, 2 * n), **further}
    return PairClassificationTask("same", ids, texts, codes=codes, split=split, **places)


def on_a_circle(cosines: np.ndarray) -> Rows:
    """Vectors of which pair ``i`` has this cosine."""
    angles = np.arccos(cosines)
    first = np.tile([1.0, 0.0], (len(cosines), 1))
    return Rows(np.vstack([first, np.column_stack([np.cos(angles), np.sin(angles)])]))


def test_a_ranking_and_thresholds_worked_out_by_hand() -> None:
    """The training pairs say: from .65 on for accuracy; the test pairs .9 + .6 - .7 + .1 - are judged by that."""
    codes = np.array([1, 1, 0, 0, 1, 1, 0, 0])
    cosines = np.array([0.9, 0.8, 0.5, 0.4, 0.9, 0.6, 0.7, 0.1])
    found = evaluate_pair_classification(
        make_task(codes, np.repeat(["train", "test"], 4)), on_a_circle(cosines), SIMILARITY, seed=0
    )
    assert found.details["thresholds"][0] == pytest.approx({"accuracy": 0.65, "f1": 0.65}, abs=1e-5)
    assert found.metrics == pytest.approx({"ap": (1 + 2 / 3) / 2, "accuracy": 0.5, "pair_f1": 0.5, "auroc": 0.75}, abs=1e-6)
    assert found.details["chosen_on_tested"]["accuracy"] == pytest.approx(0.75)
    means = found.item_scores.to_pandas().groupby("metric")["value"].mean().to_dict()
    assert means == pytest.approx(found.metrics)


def test_thresholds_may_call_all_pairs_positive_or_none_and_never_cut_equal_scores() -> None:
    positive = np.array([True] * 9 + [False])
    assert choose_thresholds(np.arange(10.0), positive) == (-np.inf, -np.inf)
    assert choose_thresholds(np.zeros(10), ~positive) == (np.inf, -np.inf)
    tied = choose_thresholds(np.array([1.0, 1.0, 0.0]), np.array([True, False, False]))
    assert tied[1] == 0.5 and tied[0] in (0.5, np.inf)


def test_a_threshold_of_training_pairs_is_not_better_than_chance_where_labels_are_random() -> None:
    """Chosen on the tested pairs, as some libraries do, it is: the best of many cuts."""
    accuracies, chosen_on_tested = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        task = make_task(rng.integers(0, 2, size=120), np.where(np.arange(120) < 60, "train", "test"))
        found = evaluate_pair_classification(task, on_a_circle(rng.uniform(-1, 1, size=120)), SIMILARITY, seed=0)
        accuracies.append(found.metrics["accuracy"])
        chosen_on_tested.append(found.details["chosen_on_tested"]["accuracy"])
    assert np.mean(accuracies) == pytest.approx(0.5, abs=0.03)
    assert np.mean(chosen_on_tested) > 0.55


def planted(seed: int, n: int = 400) -> tuple[PairClassificationTask, Rows]:
    """Texts mean the same where their signs agree in the first of ten dimensions, which cosines hardly show."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(2 * n, 10))
    codes = (matrix[:n, 0] * matrix[n:, 0] > 0).astype(np.int64)
    return make_task(codes, np.where(np.arange(n) < n // 2, "train", "test")), Rows(matrix)


def test_a_probe_of_the_features_learns_which_dimension_counts() -> None:
    task, encoder = planted(1)
    by_similarity = evaluate_pair_classification(task, encoder, SIMILARITY, seed=0).metrics
    learned = evaluate_pair_classification(task, encoder, FEATURES, seed=0).metrics
    assert learned["auroc"] > 0.9 and learned["accuracy"] > 0.8 > by_similarity["auroc"] + 0.1


def test_the_probe_of_the_features_agrees_with_scikit_learn() -> None:
    task, encoder = planted(2)
    found = evaluate_pair_classification(task, encoder, FEATURES, seed=0)
    vectors = encoder.encode(list(task.texts))
    features = np.hstack([np.abs(vectors[:400] - vectors[400:]), vectors[:400] * vectors[400:]])
    scaler = StandardScaler().fit(features[:200])  # of two classes, each has half of the weights: C counts twice
    model = LogisticRegression(C=found.details["folds"][0]["c"] * 2, max_iter=5000, tol=1e-8)
    model.fit(scaler.transform(features[:200]), task.codes[:200])
    odds = model.decision_function(scaler.transform(features[200:]))
    assert found.metrics["auroc"] == pytest.approx(roc_auc_score(task.codes[200:], odds), abs=2e-3)


def test_a_probe_learns_nothing_of_random_labels_with_folds() -> None:
    areas = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        task = make_task(rng.integers(0, 2, size=120))
        areas.append(
            evaluate_pair_classification(task, Rows(rng.normal(size=(240, 6))), FEATURES, seed=seed).metrics["auroc"]
        )
    assert np.mean(areas) == pytest.approx(0.5, abs=0.06)


def test_features_of_sparse_vectors_are_those_of_dense_ones() -> None:
    rng = np.random.default_rng(3)
    first, second = (rng.normal(size=(5, 8)) * (rng.random((5, 8)) < 0.4) for _ in range(2))
    sparse = build_pair_features(*(sp.csr_array(each.astype(np.float32)) for each in (first, second)))
    assert sp.issparse(sparse) and sparse.toarray() == pytest.approx(build_pair_features(first, second))


def test_pairs_that_share_a_text_stay_in_one_fold_unless_that_ties_all_together() -> None:
    codes = np.array([0, 1] * 20)
    shared = make_task(codes, first=np.r_[0, 0, 2, np.arange(3, 40)], second=np.r_[40, 41, 41, np.arange(43, 80)])
    assert find_fold_groups_of_pairs(shared)[:4].tolist() == [0, 0, 0, 3]
    star = make_task(codes, first=np.zeros(40, dtype=np.int64), second=np.r_[40:79, 40])
    assert find_fold_groups_of_pairs(star).tolist() == [*range(39), 0]
    grouped = make_task(codes, groups=np.array(["a", "b"] * 20))
    assert len(set(find_fold_groups_of_pairs(grouped).tolist())) == 2


def test_pairs_that_share_a_text_are_named_by_both_so_that_intervals_know() -> None:
    codes = np.array([0, 1] * 20)
    task = make_task(codes, first=np.r_[0, 0, np.arange(2, 40)])
    groups = evaluate_pair_classification(task, on_a_circle(np.linspace(-1, 1, 40)), SIMILARITY, seed=0).item_scores
    assert {name.count("\t") for name in groups["group_id"].to_pylist()} == {1}


def test_tf_idf_takes_part_and_its_labels_cannot_be_shuffled() -> None:
    rng, words = np.random.default_rng(5), np.array("sand tide moss bark owl gull fern wave reef dune".split())
    firsts = [rng.choice(words, size=3, replace=False) for _ in range(80)]
    seconds = [rng.permutation(row) if number % 2 else rng.choice(words, size=3) for number, row in enumerate(firsts)]
    texts = Texts([f"{' '.join(row)} {number}" for number, row in enumerate([*firsts, *seconds])])
    task = make_task(np.array([0, 1] * 40))
    task = PairClassificationTask("same", task.pair_ids, texts, task.first, task.second, task.codes)
    assert evaluate_pair_classification(task, Tfidf(), SIMILARITY, seed=0).metrics["ap"] > 0.9
    assert evaluate_pair_classification(task, Tfidf(), FEATURES, seed=0).metrics["ap"] > 0.7
    with pytest.raises(ValueError, match="none to shuffle"):
        evaluate_pair_classification(task, Tfidf(), SIMILARITY, seed=0, shuffle_labels=True)
