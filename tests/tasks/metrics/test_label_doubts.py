"""Confident learning: the confident joint by hand, and planted errors that are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.statistics.label_errors import LABEL_ERRORS, agree_on_label_errors
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.metrics.class_results import build_class_predictions, build_entity_predictions
from emb_pipeline.tasks.metrics.label_doubts import LABEL_DOUBTS, find_confident_classes, list_label_doubts
from emb_pipeline.text.texts import Texts


def test_the_confident_joint_by_hand() -> None:
    """Thresholds are the mean own probabilities of each label: (.9 + .7 + .2) / 3 = .6, (.8 + .4) / 2 = .6, and .5."""
    label = np.array([0, 0, 0, 1, 1, 2])
    probabilities = np.array(
        [
            [0.90, 0.05, 0.05],  # confident of its label
            [0.70, 0.20, 0.10],  # of its label
            [0.20, 0.75, 0.05],  # of class 1: off the diagonal
            [0.10, 0.80, 0.10],  # of its label
            [0.55, 0.40, 0.05],  # most probable is 0, but .55 is below its threshold of .6: of none
            [0.30, 0.20, 0.50],  # of its label
        ]
    )
    found = find_confident_classes(label, probabilities)
    assert found.tolist() == [0, 0, 1, 1, -1, 2]
    joint = np.zeros((3, 3), dtype=int)
    np.add.at(joint, (label[found >= 0], found[found >= 0]), 1)
    assert joint.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_a_class_below_its_threshold_leaves_the_text_to_the_next_one() -> None:
    label = np.array([0, 0, 1])
    probabilities = np.array([[0.95, 0.05], [0.90, 0.10], [0.60, 0.40]])
    assert find_confident_classes(label, probabilities).tolist() == [0, -1, 1]


def test_predictions_know_the_likely_class_and_entities_have_none() -> None:
    logs = np.log([[0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.3, 0.7]])
    table = build_class_predictions(np.array(["a", "b", "c", "d"]), ["heart", "skin"], np.array([0, 0, 1, 1]), logs)
    doubts = list_label_doubts(table, "t", "e")
    assert doubts.schema.equals(LABEL_DOUBTS)
    (row,) = doubts.to_pylist()
    assert (row["unit_id"], row["label"], row["likely"]) == ("c", "skin", "heart")
    assert row["probability_of_likely"] == pytest.approx(0.95) and row["probability_of_label"] == pytest.approx(0.05)
    entities = build_entity_predictions(["s"], ["PER"], [(0, 0, 1, 0, None)])
    assert list_label_doubts(entities, "t", "e").num_rows == 0


def doubts_of(*votes: tuple[str, str, str, float]) -> pd.DataFrame:
    rows = [
        {"task": "t", "embedding": name, "unit_id": unit, "label": "a", "likely": likely}
        | {"probability_of_label": 1 - sure, "probability_of_likely": sure}
        for name, unit, likely, sure in votes
    ]
    return pd.DataFrame(rows, columns=LABEL_DOUBTS.names)


def test_more_than_half_must_agree_on_the_class() -> None:
    doubts = doubts_of(
        *(("x", "all", "b", 0.9), ("y", "all", "b", 0.8), ("z", "all", "b", 0.7)),
        *(("x", "two", "c", 0.99), ("y", "two", "c", 0.99)),
        *(("x", "apart", "b", 0.9), ("y", "apart", "c", 0.9)),
        ("control", "apart", "b", 0.9),
    )
    found = agree_on_label_errors(doubts, {"t": ["x", "y", "z"]})
    assert found.dtypes.astype(str).to_dict() == LABEL_ERRORS
    assert found[["unit_id", "likely", "votes", "voters"]].to_numpy().tolist() == [["all", "b", 3, 3], ["two", "c", 2, 3]]
    assert found["confidence"].tolist() == pytest.approx([0.8, 0.99])
    assert agree_on_label_errors(doubts[:0], {"t": ["x", "y", "z"]}).empty


class Noisy:
    """Vectors of three classes: the true one, through noise of this embedding's own."""

    dim = 8

    def __init__(self, seed: int, noise: float) -> None:
        rng = np.random.default_rng(99)
        self.seed, self.noise, self.centers = seed, noise, rng.normal(size=(3, self.dim))

    def encode(self, texts: list[str]) -> np.ndarray:
        rows = [
            self.centers[int(text.split()[1])]
            + self.noise * np.random.default_rng([self.seed, int(text.split()[0])]).normal(size=self.dim)
            for text in texts
        ]
        return np.array(rows, dtype=np.float32)


@pytest.mark.slow
def test_planted_errors_are_found_and_scores_without_them_are_nearer_to_the_truth() -> None:
    """A tenth of 600 labels are wrong. Five embeddings of different quality vote, by folds."""
    rng, n = np.random.default_rng(1), 600
    true = rng.integers(0, 3, n)
    flipped = rng.random(n) < 0.1
    given = np.where(flipped, (true + rng.integers(1, 3, n)) % 3, true)
    names = np.array([f"e{i}" for i in range(n)])
    texts = Texts([f"{i} {code}" for i, code in enumerate(true)])
    task = ClassificationTask("t", names, texts, np.array(["a", "b", "c"])[given])
    options = ClassificationOptions(label_draws=0, training_draws=0, folds=3)
    doubts, right, right_of_truth = [], {}, {}
    for seed, noise in enumerate((0.8, 1.0, 1.2, 1.4, 1.6)):
        found = evaluate_classification(task, Noisy(seed, noise), options, seed=0)
        assert found.predictions is not None
        name = f"domain.{seed}"
        doubts.append(list_label_doubts(found.predictions, "t", name))
        predicted = np.array(found.predictions["predicted"].to_pylist())
        right[name] = predicted == np.array(["a", "b", "c"])[given]
        right_of_truth[name] = (predicted == np.array(["a", "b", "c"])[true]).mean()
    listed = agree_on_label_errors(pa.concat_tables(doubts).to_pandas(), {"t": list(right)})
    on_list = np.isin(names, listed["unit_id"])
    precision, recall = (on_list & flipped).sum() / on_list.sum(), (on_list & flipped).sum() / flipped.sum()
    assert precision > 0.9 and recall > 0.7
    likely = dict(zip(listed["unit_id"], listed["likely"], strict=True))
    corrected = [likely[unit] == "abc"[code] for unit, code in zip(names, true, strict=True) if unit in likely]
    assert np.mean(corrected) > 0.9
    for name, hits in right.items():
        assert abs(hits[~on_list].mean() - right_of_truth[name]) < abs(hits.mean() - right_of_truth[name])
    order = sorted(right, key=lambda name: -right_of_truth[name])
    assert sorted(right, key=lambda name: -right[name][~on_list].mean()) == order
