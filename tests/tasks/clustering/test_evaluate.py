"""Clustering: k-means against classes, held against scikit-learn and against planted truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn import metrics as sklearn_metrics

from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.intervals.cluster_metrics import compute_adjusted_rand, compute_v_measure
from emb_pipeline.statistics.intervals.extra_variance import estimate_training_variance
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.clustering.evaluate import evaluate_clustering
from emb_pipeline.tasks.clustering.options import ClusteringOptions
from emb_pipeline.tasks.clustering.reader import ClusteringReader
from emb_pipeline.text.texts import Texts

QUICK = ClusteringOptions(restarts=3)
BOTH = ((compute_v_measure, sklearn_metrics.v_measure_score), (compute_adjusted_rand, sklearn_metrics.adjusted_rand_score))


class Planted:
    """Vectors around the center of a text's class, by the number in the text."""

    dim = 5

    def __init__(self, codes: np.ndarray, distance: float) -> None:
        rng = np.random.default_rng(0)
        self._matrix = (distance * np.eye(5)[codes] + rng.normal(size=(len(codes), 5))).astype(np.float32)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return self._matrix[[int(text.rpartition(" ")[2]) for text in texts]]


def make_task(codes: np.ndarray, split: np.ndarray | None = None) -> ClassificationTask:
    n = len(codes)
    texts = Texts([f"text {number}" for number in range(n)])
    return ClassificationTask("topics", np.array([f"e{number}" for number in range(n)]), texts, codes.astype(str), split)


@pytest.mark.parametrize(("ours", "theirs"), BOTH)
def test_the_mean_of_pseudo_values_is_the_value_of_scikit_learn(ours: object, theirs: object) -> None:
    rng = np.random.default_rng(1)
    for n, n_classes, n_clusters in ((30, 2, 2), (200, 5, 3), (50, 1, 1), (50, 1, 4), (40, 40, 4)):
        classes, clusters = rng.integers(n_classes, size=n), rng.integers(n_clusters, size=n)
        clusters[: n // 2] = classes[: n // 2] % n_clusters
        assert ours(classes, clusters).mean() == pytest.approx(theirs(classes, clusters), abs=1e-9)  # type: ignore[operator]


@pytest.mark.parametrize(("ours", "theirs"), BOTH)
def test_the_deviation_of_pseudo_values_is_that_of_the_metric_over_fresh_samples(ours: object, theirs: object) -> None:
    rng = np.random.default_rng(2)
    values, told = [], []
    for _ in range(300):
        classes = rng.integers(4, size=400)
        clusters = np.where(rng.random(400) < 0.7, classes, rng.integers(4, size=400))
        found = ours(classes, clusters)  # type: ignore[operator]
        values.append(found.mean())
        told.append(found.std() / np.sqrt(400))
    assert np.mean(told) == pytest.approx(np.std(values), rel=0.15)


def test_planted_classes_are_found_and_classes_without_a_trace_are_not() -> None:
    codes = np.arange(200) % 4
    task = make_task(codes)
    far = evaluate_clustering(task, Planted(codes, 20.0), ClusteringOptions(restarts=10), seed=0)
    assert max(far.details["restarts"]["v_measure"]) > 0.99 and far.metrics["v_measure"] > 0.8
    nothing = evaluate_clustering(task, Planted(codes, 0.0), QUICK, seed=0)
    assert nothing.metrics["v_measure"] < 0.08 and abs(nothing.metrics["ari"]) < 0.04 and abs(nothing.metrics["ami"]) < 0.04


def test_scores_are_means_over_starts_and_units() -> None:
    codes = np.arange(90) % 3
    found = evaluate_clustering(make_task(codes), Planted(codes, 2.0), QUICK, seed=0)
    starts = found.details["restarts"]
    assert len(starts["ari"]) == 3 and np.mean(starts["ari"]) == pytest.approx(found.metrics["ari"])
    means = found.item_scores.to_pandas().groupby("metric")["value"].mean().to_dict()
    assert means == pytest.approx({name: found.metrics[name] for name in ("v_measure", "ari")})


def test_the_luck_of_the_starts_is_in_the_variance_of_a_score() -> None:
    codes = np.arange(150) % 5
    task, planted = make_task(codes), Planted(codes, 4.0)
    told, values = [], []
    for seed in range(0, 400, 10):
        found = evaluate_clustering(task, planted, ClusteringOptions(restarts=10), seed=seed)
        draws = found.training_draws.to_pandas()
        of_metric = np.stack(draws.loc[draws["metric"] == "v_measure", "values"].to_list(), axis=1)[:, :, None]
        told.append(estimate_training_variance(of_metric, np.arange(150), 150).covariance[0, 0])
        values.append(found.metrics["v_measure"])
    assert np.sqrt(np.mean(told)) == pytest.approx(np.std(values, ddof=1), rel=0.25)
    once = evaluate_clustering(task, planted, ClusteringOptions(restarts=1), seed=0)
    assert once.training_draws.num_rows == 0


def test_the_test_part_alone_is_clustered_where_there_is_one() -> None:
    codes = np.arange(80) % 2
    task = make_task(codes, np.where(np.arange(80) < 50, "train", "test"))
    found = evaluate_clustering(task, Planted(codes, 20.0), QUICK, seed=0)
    assert found.item_scores["unit_id"].to_pylist()[:30] == [f"e{number}" for number in range(50, 80)]
    one = make_task(codes, np.where(codes == 0, "train", "test"))
    with pytest.raises(DataError, match="are of one class; check the label column and the splits"):
        evaluate_clustering(one, Planted(codes, 1.0), QUICK, seed=0)


def test_sparse_vectors_are_clustered_and_there_are_no_labels_to_shuffle() -> None:
    words = [["sand tide shell gull", "moss bark fern owl"][number % 2] + f" {number}" for number in range(40)]
    task = ClassificationTask("t", np.arange(40).astype(str), Texts(words), np.array(["sea", "wood"] * 20))
    assert evaluate_clustering(task, Tfidf(), QUICK, seed=0).metrics["v_measure"] > 0.9
    with pytest.raises(ValueError, match="none to shuffle"):
        evaluate_clustering(task, Tfidf(), QUICK, seed=0, shuffle_labels=True)


def test_columns_are_refused_and_without_them_the_file_is_read(tmp_path: Path) -> None:
    rows = [f"text {number},{'ab'[number % 2]},{number}" for number in range(12)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label,size", *rows]))
    reader = ClusteringReader()
    source = {"reader": "csv", "path": "t.csv", "text": "text", "label": "label"}
    kind = TypeAdapter(reader.source_type)
    with pytest.raises(DataError, match="leave 'features' out"):
        reader.read(kind.validate_python({**source, "features": {"numeric": ["size"]}}), tmp_path, tmp_path, "t")
    assert reader.read(kind.validate_python(source), tmp_path, tmp_path, "t")["examples"].num_rows == 12
