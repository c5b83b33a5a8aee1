"""Clustering: k-means on frozen vectors against the classes of the texts. Unit: the document."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector, encode_texts, encode_unstored, unit_length
from emb_pipeline.embeddings.protocols import Setting, TaskEncoder, TextEncoder, similarity_of
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.intervals.cluster_metrics import compute_adjusted_rand, compute_v_measure
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.clustering.options import ClusteringOptions
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.scores import MEASURED_DRAWS, build_item_scores
from emb_pipeline.tasks.splits.example_folds import find_example_groups
from emb_pipeline.tasks.splits.training_draws import TrainingDraws


def evaluate_clustering(
    task: ClassificationTask,
    encoder: TextEncoder | TaskEncoder,
    options: ClusteringOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Cluster texts by their vectors, and compare the clusters with the classes.

    There are as many clusters as classes. Of an official split the test part alone is clustered. Rows have length 1 where
    the embedding is compared by cosines. An embedding that is fitted on a task's texts (TF-IDF) is fitted on those that are
    clustered: no class is looked at.

    Parameters
    ----------
    task : ClassificationTask
        Texts with a class.
    encoder : TextEncoder or TaskEncoder
        The embedding.
    options : ClusteringOptions
        Restarts, and how long each may take.
    seed : int
        Seed of the first centers.
    shuffle_labels : bool
        Refused: nothing is trained on the classes.

    Returns
    -------
    Evaluation
        Item scores ``v_measure`` and ``ari``: pseudo-values whose means are the metrics, each the mean over the restarts.
        ``ami``, the adjusted mutual information, has a value alone. ``training_draws`` holds the luck of the starts, so that
        intervals say how far the agreement would move with other texts in these clusters, and with other starts.

    Raises
    ------
    DataError
        The clustered texts are of one class.
    ValueError
        ``shuffle_labels``.
    """
    if shuffle_labels:
        raise ValueError(f"{task.name}: no model is trained on the classes of a clustering, so there are none to shuffle")
    rows = np.arange(len(task.codes)) if task.split is None else np.flatnonzero(task.split == "test")
    texts, codes = task.texts.take(rows), task.codes[rows]
    n_classes = len(np.unique(codes))
    if n_classes < 2:
        raise DataError(task.name, "the texts that are clustered are of one class", "check the label column and the splits")
    with EncodingClock() as clock:
        fitted = encoder.fit(texts) if isinstance(encoder, TaskEncoder) else encoder
        vectors, _ = encode_texts(fitted, texts, task.name)
    started = perf_counter()
    points = unit_length(vectors) if similarity_of(fitted) == "cosine" else vectors
    if sp.issparse(points):  # what the library takes
        points = sp.csr_array((points.data, points.indices.astype(np.int32), points.indptr.astype(np.int32)), points.shape)
    found = []
    with threadpool_limits(1):
        for restart in range(options.restarts):
            model = KMeans(n_classes, n_init=1, max_iter=options.max_iterations, random_state=seed + restart)
            found.append(model.fit_predict(points))
    by_start = {
        "v_measure": np.array([compute_v_measure(codes, clusters) for clusters in found]),
        "ari": np.array([compute_adjusted_rand(codes, clusters) for clusters in found]),
    }
    values = {metric: scores.mean(axis=0) for metric, scores in by_start.items()}
    groups = find_example_groups(task)
    return Evaluation(
        item_scores=build_item_scores(task.example_ids[rows], task.example_ids[groups[rows]], values),
        metrics={
            **{metric: float(scores.mean()) for metric, scores in values.items()},
            "ami": float(np.mean([adjusted_mutual_info_score(codes, clusters) for clusters in found])),
        },
        dim=int(vectors.shape[1]),
        encode_seconds=clock.seconds,
        fit_seconds=perf_counter() - started,
        bytes_per_item=bytes_per_vector(vectors, fitted),
        training_draws=build_start_draws(by_start, task.example_ids[rows]),
        details={
            "n_clusters": n_classes,
            "restarts": {metric: scores.mean(axis=1).tolist() for metric, scores in by_start.items()},
        },
    )


def build_start_draws(by_start: Mapping[str, np.ndarray], unit_ids: np.ndarray) -> pa.Table:
    """Build draws whose variance is that of a mean over the starts.

    Parameters
    ----------
    by_start : mapping of str to ndarray of shape (n_starts, n_units)
        Item scores of each start, by metric.
    unit_ids : ndarray of shape (n_units,)
        Names of the units.

    Returns
    -------
    Table of schema MEASURED_DRAWS
        A draw per start, at 1/√n_starts of its distance from the mean; empty with one start, of which nothing is known.
    """
    tables = []
    for metric, scores in by_start.items():
        if len(scores) > 1:
            mean = scores.mean(axis=0)
            drawn = mean + (scores - mean) / np.sqrt(len(scores))
            tables.append(TrainingDraws(metric, np.zeros((len(scores), 0), np.int64), drawn).table(unit_ids))
    return pa.concat_tables([MEASURED_DRAWS.empty_table(), *tables])


def create_clustering_service(
    task: ClassificationTask, encoder: TextEncoder | TaskEncoder, options: ClusteringOptions, setting: Setting | None
) -> Service:
    """Encode one text, and find the nearest of as many centers as there are classes."""
    rows = np.arange(len(task.codes)) if task.split is None else np.flatnonzero(task.split == "test")
    texts = task.texts.take(rows)
    fitted = encoder.fit(texts) if isinstance(encoder, TaskEncoder) else encoder
    centers = unit_length(np.random.default_rng(0).standard_normal((len(task.classes), fitted.dim), dtype=np.float32))
    requests = list(texts.take(np.arange(min(options.latency_requests, len(rows)))))
    return Service(lambda text: np.asarray(encode_unstored(fitted, text) @ centers.T).argmax(axis=1), requests)
