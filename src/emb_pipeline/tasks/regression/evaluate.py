"""Regression: a ridge probe on frozen vectors. Unit: the document."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.vectors import encode_unstored
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import Setting, VectorEmbedding, Vectors
from emb_pipeline.statistics.intervals.pseudo_values import compute_determination, compute_root_mean, compute_spearman
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.probes.number_probe import NumberProbe, NumberProbeTraining
from emb_pipeline.tasks.probes.regression import Features
from emb_pipeline.tasks.regression.options import RegressionOptions
from emb_pipeline.tasks.regression.task import RegressionTask
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.splits.example_folds import Fold, draw_folds, find_example_groups, find_fold_groups, find_tested
from emb_pipeline.tasks.splits.fold_vectors import FoldVectors, fit_for_requests
from emb_pipeline.tasks.splits.other_labels import FewerLabels, LearnedAgain

DECIMALS = 6
"""Predictions are ranked to this precision, in deviations of the targets: what is below is rounding."""


def evaluate_regression(
    task: RegressionTask,
    encoder: VectorEmbedding,
    options: RegressionOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by the numbers that a ridge probe predicts for held-out texts.

    Each text is encoded once by a frozen encoder. One that is fitted on the task is fitted again for each fold, on its
    training texts alone.

    Parameters
    ----------
    task : RegressionTask
        Texts with a number.
    encoder : VectorEmbedding
        The embedding.
    options : RegressionOptions
        Folds and probe, and whether test texts are misspelt.
    seed : int
        Seed of folds, inner folds and label shuffling.
    shuffle_labels : bool
        Train on permuted numbers: a control, whose predictions must not correlate with the right ones.

    Returns
    -------
    Evaluation
        Item scores ``spearman``, ``rmse`` and ``r2``: pseudo-values whose means are the metrics
        (`emb_pipeline.statistics.intervals.pseudo_values`); and ``mae``. Besides them the primary metric from parts of the
        labels, and from resamples of them.

    Notes
    -----
    With folds, Spearman's ρ is that of each fold's test texts, averaged by their number. Over all folds together it would
    be biased: a probe that knows nothing predicts the mean of its training part, which is low where the held-out numbers
    are high.

    Raises
    ------
    DataError
        No usable split or folds.
    """
    with threadpool_limits(1):
        return _evaluate(task, encoder, options, seed=seed, shuffle_labels=shuffle_labels)


def create_regression_service(
    task: RegressionTask, encoder: VectorEmbedding, options: RegressionOptions, setting: Setting | None
) -> Service:
    """Encode one text, and find its number with a linear head."""
    fitted, requests = fit_for_requests(task, encoder, task.targets, options.latency_requests)
    head = LinearHead(np.random.default_rng(0).standard_normal((fitted.dim, 1), dtype=np.float32), np.zeros(1))
    return Service(lambda text: head.scores(encode_unstored(fitted, text)), requests)


def _evaluate(
    task: RegressionTask,
    encoder: VectorEmbedding,
    options: RegressionOptions,
    *,
    seed: int,
    shuffle_labels: bool,
) -> Evaluation:
    groups, kept = find_example_groups(task), find_fold_groups(task, options)
    folds = draw_folds(task, kept, n_folds=options.folds, seed=seed)
    vectors = FoldVectors(task, encoder, typos=options.typos)
    rng = np.random.default_rng(seed)
    predicted = np.zeros(len(task.targets))
    probes: list[dict[str, Any]] = []

    def train_probe(of_rows: Vectors, rows: np.ndarray, order: np.ndarray | None = None) -> NumberProbeTraining:
        of_labels = rows if order is None else rows[order]
        targets, codes = task.targets[of_labels], task.codes[of_labels]
        return NumberProbeTraining(of_rows, targets, codes, kept[rows], options, seed=seed)

    def score_part(of_part: Vectors, part: np.ndarray, of_test: Vectors, test: np.ndarray) -> np.ndarray:
        """Predict the numbers of test texts by a probe that is tuned and fitted on a part of the labels."""
        return train_probe(of_part, part).probe().predict(of_test)

    metric, gather = options.primary_metric or "spearman", partial(_NumberAnswers, task, folds, options)
    n_classes, n_draws = int(task.codes.max()) + 1, 0 if shuffle_labels else options.label_draws
    fewer = FewerLabels(
        task,
        vectors,
        folds,
        options,
        score_part,
        metric=metric,
        n_classes=n_classes,
        n_draws=n_draws,
        labels=task.targets,
        gather=gather,
    )
    again = LearnedAgain(metric, groups, folds, 0 if shuffle_labels else options.training_draws, gather)
    fit_seconds = tune_seconds = 0.0
    for number, (train, test) in enumerate(folds):
        order = rng.permutation(len(train)) if shuffle_labels else None
        of_train, of_test = vectors.of_fold(train, test, task.targets[train if order is None else train[order]])
        started = perf_counter()
        training = train_probe(of_train, train, order)
        probe = training.probe()
        predicted[test] = probe.predict(of_test)
        fit_seconds += perf_counter() - started
        tune_seconds += probe.tune_seconds
        probes.append(probe.details)
        fewer.score(number, of_train, of_test)
        again.score(number, partial(_predict_on_resample, training, probe, training.coordinates(of_test)))
    fewer.finish()
    again.finish()
    tested = find_tested(folds)
    values = _score_numbers(task, folds, predicted[tested])
    scored = Evaluation(
        item_scores=build_item_scores(task.example_ids[tested], task.example_ids[groups[tested]], values),
        metrics={metric: float(pseudo_values.mean()) for metric, pseudo_values in values.items()},
        dim=vectors.dim,
        encode_seconds=vectors.seconds,
        fit_seconds=fit_seconds,
        tune_seconds=tune_seconds,
        bytes_per_item=vectors.bytes_per_item,
        details={
            "folds": probes,
            "shuffled_labels": shuffle_labels,
            "n_train": [len(train) for train, _ in folds],
            "n_test": [len(test) for _, test in folds],
            **again.details,
        },
        label_draws=fewer.drawn.draws(),
        training_draws=again.drawn.table(task.example_ids[tested]),
    )
    parts = fewer.item_scores(task.example_ids, task.example_ids[groups])
    return replace(scored, item_scores=pa.concat_tables([scored.item_scores, *parts]))


class _NumberAnswers:
    """Numbers that several probes predict for the test texts."""

    def __init__(self, task: RegressionTask, folds: list[Fold], options: RegressionOptions, n_draws: int) -> None:
        self._task, self._folds, self._metric = task, folds, options.primary_metric or "spearman"
        self._predicted = np.zeros((n_draws, len(find_tested(folds))))

    def note(self, draw: int, units: np.ndarray, predicted: np.ndarray) -> None:
        """Note what a probe predicts for some of them."""
        self._predicted[draw, units] = predicted

    def score(self) -> np.ndarray:
        """Compute the metric's value of each text, for each probe: shape (n_draws, n_units)."""
        scored = [_score_numbers(self._task, self._folds, each)[self._metric] for each in self._predicted]
        return np.array(scored, dtype=np.float64).reshape(self._predicted.shape)


def _score_numbers(task: RegressionTask, folds: list[Fold], predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Score the numbers that are predicted for the tested examples, in their order."""
    tested = find_tested(folds)
    spearman, targets = np.zeros(len(tested)), task.targets[tested]
    for _, test in folds:
        places = np.searchsorted(tested, test)
        ranked = np.round(predicted[places] / (targets.std() or 1.0), DECIMALS)
        spearman[places] = compute_spearman(ranked, targets[places])
    errors = predicted - targets
    return {
        "spearman": spearman,
        "rmse": compute_root_mean(np.square(errors)),
        "mae": np.abs(errors),
        "r2": compute_determination(np.square(errors), targets),
    }


def _predict_on_resample(
    training: NumberProbeTraining, probe: NumberProbe, coordinates: Features, rows: np.ndarray
) -> np.ndarray:
    return probe.to_numbers(training.on_resample(rows, probe), coordinates)
