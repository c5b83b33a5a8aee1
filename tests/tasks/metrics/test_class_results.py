"""Predictions are kept for each item, and each class has its precision, recall and F1."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest
from seqeval.metrics import classification_report
from sklearn.metrics import precision_recall_fscore_support

from emb_pipeline.datasets.tables import TableDataset
from emb_pipeline.embeddings.sparse.word_counts import OneHot
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.metrics.class_results import build_class_predictions, compute_class_results, count_confusions
from emb_pipeline.tasks.sequence_labeling.entities import score_entities
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask
from emb_pipeline.text.tagging import convert_to_iob2


def test_classes_have_scikit_learns_precision_recall_and_f1() -> None:
    rng = np.random.default_rng(0)
    label, logs = rng.integers(0, 4, 60), np.log(rng.dirichlet(np.ones(4), 60))
    ids, names = np.arange(60).astype(str), ["<b>", "A & B", "c", "d"]
    table = (
        compute_class_results(build_class_predictions(ids, names, label, logs), "t", "e")
        .to_pandas()
        .set_index("class")
        .loc[names]
    )
    expected = precision_recall_fscore_support(label, logs.argmax(axis=1), labels=range(4))
    np.testing.assert_allclose(table[["precision", "recall", "f1"]].to_numpy().T, expected[:3])
    assert table["n"].tolist() == expected[3].tolist() and table["n_predicted"].sum() == 60


def test_a_class_that_is_never_predicted_has_no_precision_and_one_that_never_occurs_no_recall() -> None:
    logs = np.log(np.array([[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.2, 0.2, 0.6]]))
    table = build_class_predictions(np.array(["x", "y", "z"]), ["a", "b", "c"], np.array([0, 1, 0]), logs)
    assert table["probability"].to_pylist() == pytest.approx([0.9, 0.8, 0.6])
    assert table["probability_of_label"].to_pylist() == pytest.approx([0.9, 0.1, 0.2])
    rows = {row["class"]: row for row in compute_class_results(table, "t", "e").to_pylist()}
    assert (rows["a"]["recall"], rows["a"]["precision"], rows["a"]["f1"]) == (0.5, 0.5, 0.5)
    assert (rows["b"]["precision"], rows["b"]["recall"]) == (None, 0.0)
    assert (rows["c"]["precision"], rows["c"]["recall"]) == (0.0, None)
    pairs = {(row["label"], row["predicted"]): row["n"] for row in count_confusions(table, "t", "e").to_pylist()}
    assert pairs == {("a", "a"): 1, ("b", "a"): 1, ("a", "c"): 1}


@pytest.mark.slow
def test_every_text_of_drawn_folds_is_predicted_once_by_a_probe_that_did_not_learn_from_it(
    topics: ClassificationTask, tmp_path: object
) -> None:
    found = evaluate_classification(topics, OneHot(), ClassificationOptions(folds=3, label_draws=0), seed=0)
    assert found.predictions is not None
    assert sorted(found.predictions["unit_id"].to_pylist()) == sorted(topics.example_ids.tolist())
    right = np.array(found.predictions["label"].to_pylist()) == np.array(found.predictions["predicted"].to_pylist())
    assert right.mean() == pytest.approx(found.metrics["accuracy"])
    dataset = TableDataset(filepath=f"{tmp_path}/predicted.parquet")
    dataset.save(found.predictions)
    loaded = dataset.load()
    assert isinstance(loaded, pa.Table) and loaded.to_pylist() == found.predictions.to_pylist()


def test_entities_have_seqevals_scores_by_type_and_their_spans() -> None:
    gold = [["B-X", "I-X", "O", "B-Y"], ["O", "B-Y"], ["B-X", "O"]]
    found = [["B-X", "I-X", "O", "B-X"], ["B-Y", "O"], ["B-X", "O"]]
    sentences = [[f"w{i}" for i in range(len(tags))] for tags in gold]
    task = SequenceLabelingTask(
        "t",
        np.array(["learnt", "a", "b", "c"]),
        [sentences[0], *sentences],
        [convert_to_iob2(tags) for tags in [gold[0], *gold]],
        np.array(["train", "test", "test", "test"]),
    )
    codes = np.array([task.labels.index(tag) for tags in found for tag in tags])
    scored = score_entities(task, np.array([1, 2, 3]), codes, dim=1, encode_seconds=0, fit_seconds=0, bytes_per_item=0)
    assert scored.predictions is not None
    rows = [tuple(row.values())[:5] for row in scored.predictions.to_pylist()]
    assert rows == [
        ("a", 0, 2, "X", "X"),
        ("a", 3, 4, "Y", "X"),
        ("b", 0, 1, None, "Y"),
        ("b", 1, 2, "Y", None),
        ("c", 0, 1, "X", "X"),
    ]
    expected = classification_report(gold, found, output_dict=True, zero_division=0)
    for row in compute_class_results(scored.predictions, "t", "e").to_pylist():
        of_type = expected[row["class"]]
        assert (row["precision"] or 0, row["recall"], row["f1"], row["n"]) == pytest.approx(
            (of_type["precision"], of_type["recall"], of_type["f1-score"], of_type["support"])
        )


def test_recall_has_wilsons_interval_and_predictions_their_confidence() -> None:
    logs = np.log([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6]])
    table = build_class_predictions(np.array(["a", "b", "c", "d"]), ["heart", "skin"], np.array([0, 0, 0, 1]), logs)
    rows = {row["class"]: row for row in compute_class_results(table, "t", "e").to_pylist()}
    known = proportion_interval(2, 3)
    assert (rows["heart"]["recall_low"], rows["heart"]["recall_high"]) == pytest.approx(known, abs=1e-4)
    assert rows["heart"]["confidence"] == pytest.approx(0.8)  # of two predictions, both right
    assert rows["skin"]["confidence"] == pytest.approx(0.7) and rows["skin"]["precision"] == 0.5


def proportion_interval(hits: int, n: int) -> tuple[float, float]:
    found = binomtest(hits, n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)
