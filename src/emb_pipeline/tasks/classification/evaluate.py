"""Classification: a probe on frozen vectors. Unit: the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.intervals.class_metrics import compute_class_metrics
from emb_pipeline.tasks.classification.answers import ClassAnswers, answer_class
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.swapped import SwappedTexts, read_swapped_predictions, swap_test_texts
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.classification.zero_shot import ZeroShot
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.metrics.class_results import build_class_predictions
from emb_pipeline.tasks.metrics.swap_scores import score_swapped
from emb_pipeline.tasks.probes.probe import ClassResponse, Probe, ProbeTraining, fit_probe
from emb_pipeline.tasks.probes.regression import Features
from emb_pipeline.tasks.probes.softmax import Coefficients
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.splits.example_folds import draw_folds, find_example_groups, find_fold_groups, find_tested
from emb_pipeline.tasks.splits.fold_vectors import FoldVectors, fit_for_requests
from emb_pipeline.tasks.splits.other_labels import FewerLabels, LearnedAgain


def evaluate_classification(
    task: ClassificationTask,
    encoder: VectorEmbedding,
    options: ClassificationOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by a probe on held-out texts.

    Each text is encoded once by a frozen encoder. One that is fitted on the task is fitted again for each fold, on its
    training part alone.

    Parameters
    ----------
    task : ClassificationTask
        Labelled texts.
    encoder : VectorEmbedding
        The embedding.
    options : ClassificationOptions
        Folds and probe, whether test texts are misspelt, and which of their words are exchanged.
    seed : int
        Seed of folds, inner folds and label shuffling.
    shuffle_labels : bool
        Train on permuted labels: a control, which must score like guessing by class frequency.

    Returns
    -------
    Evaluation
        Item scores ``accuracy`` (0 or 1), ``log_loss`` (nats), ``label`` and ``prediction`` (class codes in the order of
        ``task.classes``); and ``macro_f1``, the primary metric and those that the options name, whose item scores are
        pseudo-values (`intervals.class_metrics`). Besides them the primary metric from parts of the labels, from none where
        classes are described, and from resamples of them; and for each list of words that are exchanged, those of
        `emb_pipeline.tasks.metrics.swap_scores.score_swapped`.

    Raises
    ------
    DataError
        Fewer than two classes in a training part, or no usable split or folds.
    """
    with threadpool_limits(1):
        return _evaluate(task, encoder, options, seed=seed, shuffle_labels=shuffle_labels)


def create_classification_service(
    task: ClassificationTask, encoder: VectorEmbedding, options: ClassificationOptions, setting: Setting | None
) -> Service:
    """Encode one text, and find its class with a linear head."""
    fitted, requests = fit_for_requests(task, encoder, task.codes, options.latency_requests)
    shape = (fitted.dim, len(task.classes))
    head = LinearHead(np.random.default_rng(0).standard_normal(shape, dtype=np.float32), np.zeros(shape[1]))
    return Service(lambda text: head.log_probabilities(encode_unstored(fitted, text)), requests)


def score_predictions(
    task: ClassificationTask, predictions: Mapping[str, pa.Table], options: ClassificationOptions
) -> Evaluation:
    """Score what a fine-tuned model says of the test texts.

    Parameters
    ----------
    task : ClassificationTask
        The task that it was tuned on.
    predictions : mapping of str to Table
        ``predictions`` (unit_id, values: log probabilities of the classes) and ``costs``, of
        `emb_pipeline.tasks.fine_tuning`.
    options : ClassificationOptions
        The metrics.

    Returns
    -------
    Evaluation
        As of `evaluate_classification`, for the same units.
    """
    position_of = {name: position for position, name in enumerate(task.example_ids.tolist())}
    tested = np.array([position_of[name] for name in predictions["predictions"]["unit_id"].to_pylist()])
    logs = np.array(predictions["predictions"]["values"].to_pylist())
    order = np.argsort(tested)
    costs = predictions["costs"].to_pylist()[0]
    groups, swapped = find_example_groups(task), read_swapped_predictions(predictions, position_of)
    return _score_predictions(task, groups, tested[order], logs[order], options, swapped, fit_seconds=0.0, **costs)


def _evaluate(
    task: ClassificationTask,
    encoder: VectorEmbedding,
    options: ClassificationOptions,
    *,
    seed: int,
    shuffle_labels: bool,
) -> Evaluation:
    groups, kept = find_example_groups(task), find_fold_groups(task, options)
    folds = draw_folds(task, kept, n_folds=options.folds, seed=seed)
    vectors = FoldVectors(task, encoder, typos=options.typos)
    tested = find_tested(folds)
    swapped = swap_test_texts(task.texts, tested, options.word_swaps, task.name)
    zero_shot = None
    if options.class_descriptions and not shuffle_labels and not vectors.learns_from_labels:
        zero_shot = ZeroShot(task, options.class_descriptions)
    rng = np.random.default_rng(seed)
    logs = np.zeros((len(task.codes), len(task.classes)))
    probes: list[dict[str, Any]] = []
    n_classes, n_draws = len(task.classes), 0 if shuffle_labels else options.label_draws
    metric, label = _find_primary(options), task.codes[tested]
    gather = partial(ClassAnswers, label, metric, n_classes)

    def score_part(of_part: Vectors, part: np.ndarray, of_test: Vectors, test: np.ndarray) -> np.ndarray:
        """Give the log probabilities of a probe that is tuned and fitted on a part of the labels."""
        codes = task.codes[part]
        if len(np.unique(codes)) < 2:
            return answer_class(int(codes[0]), len(test), n_classes)
        fitted = fit_probe(of_part, codes, task.classes, kept[part], options, seed=seed)
        return fitted.log_probabilities(of_test)

    fewer = FewerLabels(
        task,
        vectors,
        folds,
        options,
        score_part,
        metric=metric,
        n_classes=n_classes,
        n_draws=n_draws,
        labels=task.codes,
        gather=gather,
        per_class=options.labels_per_class,
    )
    n_again = 0 if shuffle_labels or vectors.learns_from_labels else options.training_draws
    again = LearnedAgain(metric, groups, folds, n_again, gather)
    fit_seconds = tune_seconds = 0.0
    for number, (train, test) in enumerate(folds):
        codes = rng.permutation(task.codes[train]) if shuffle_labels else task.codes[train]
        if len(np.unique(codes)) < 2:
            raise DataError(task.name, "a training part has examples of one class alone", "add examples or check the labels")
        of_train, of_test = vectors.of_fold(train, test, codes)
        started = perf_counter()
        training = ProbeTraining(of_train, ClassResponse(codes, task.classes, options), kept[train], options, seed=seed)
        probe = training.probe()
        logs[test] = probe.log_probabilities(of_test)
        fit_seconds += perf_counter() - started
        tune_seconds += probe.tune_seconds
        probes.append(probe.details)
        if zero_shot is not None:
            zero_shot.note(test, of_test, vectors)
        for each in swapped:
            places = each.find(test)
            if len(places):
                each.predicted[places] = probe.log_probabilities(vectors.encode(each.texts.take(places))).argmax(axis=1)
        fewer.score(number, of_train, of_test)
        again.score(number, partial(_answer_on_resample, training, probe, training.coordinates(of_test)))
    fewer.finish()
    again.finish()
    scored = _score_predictions(
        task,
        groups,
        tested,
        logs[tested],
        options,
        swapped,
        dim=vectors.dim,
        encode_seconds=vectors.seconds,
        fit_seconds=fit_seconds,
        tune_seconds=tune_seconds,
        bytes_per_item=vectors.bytes_per_item,
        details={
            "folds": probes,
            "classes": task.classes.tolist(),
            "shuffled_labels": shuffle_labels,
            "n_train": [len(train) for train, _ in folds],
            "n_test": [len(test) for _, test in folds],
            **again.details,
        },
        label_draws=fewer.drawn.draws(),
        training_draws=again.drawn.table(task.example_ids[tested]),
    )
    parts = fewer.item_scores(task.example_ids, task.example_ids[groups])
    if zero_shot is not None:
        without = {metric: zero_shot.score(tested, metric)}
        parts.append(
            build_item_scores(task.example_ids[tested], task.example_ids[groups[tested]], without, label_fraction=0.0)
        )
    return replace(scored, item_scores=pa.concat_tables([scored.item_scores, *parts]))


def _answer_on_resample(
    training: ProbeTraining[Coefficients], probe: Probe[Coefficients], coordinates: Features, rows: np.ndarray
) -> np.ndarray:
    return training.on_resample(rows, probe).log_probabilities(coordinates)


ALWAYS = ("accuracy", "macro_f1", "log_loss")
"""Metrics that every classification is scored by; others where they are asked for."""


def _find_primary(options: ClassificationOptions) -> str:
    return options.primary_metric or ALWAYS[0]


def _score_predictions(
    task: ClassificationTask,
    groups: np.ndarray,
    tested: np.ndarray,
    logs: np.ndarray,
    options: ClassificationOptions,
    swapped: Sequence[SwappedTexts],
    **costs_and_details: Any,
) -> Evaluation:
    label, names = task.codes[tested], list(dict.fromkeys([*ALWAYS, _find_primary(options), *options.metrics]))
    values, predicted = compute_class_metrics(names, label, logs), logs.argmax(axis=1)
    metrics = {name: float(scores.mean()) for name, scores in values.items()}
    weights: dict[str, np.ndarray] = {}
    for each in swapped:
        sides, says = np.full(len(task.codes), "", dtype="U6"), np.full(len(task.codes), -1)
        sides[each.rows], says[each.rows] = each.sides, each.predicted
        found = score_swapped(each.name, label, predicted, groups[tested], says[tested], sides[tested])
        values, weights, metrics = {**values, **found.values}, weights | found.weights, metrics | found.metrics
    codes = {"label": label, "prediction": predicted}
    unit_ids, group_ids = task.example_ids[tested], task.example_ids[groups[tested]]
    return Evaluation(
        item_scores=build_item_scores(unit_ids, group_ids, values | codes, weights=weights),
        metrics=metrics,
        predictions=build_class_predictions(task.example_ids[tested], task.classes.tolist(), label, logs),
        **costs_and_details,
    )
