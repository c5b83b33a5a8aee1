"""Classification: a probe on frozen vectors. Unit: the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings.encodings.vectors import encode_unstored
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import Setting, VectorEmbedding, Vectors, learns_from_labels
from emb_pipeline.statistics.intervals.class_metrics import OF_PREDICTIONS, OF_PROBABILITIES, compute_class_metrics
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.probe import ClassResponse
from emb_pipeline.tasks.classification.swapped import SwappedTexts, read_swapped_predictions, swap_test_texts
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.classification.zero_shot import ZeroShot
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.fold_probing import FoldPlan, Supervision, probe_folds
from emb_pipeline.tasks.metrics.class_results import build_class_predictions
from emb_pipeline.tasks.metrics.swap_scores import score_swapped
from emb_pipeline.tasks.probes.probe import Probe
from emb_pipeline.tasks.probes.softmax import Coefficients
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.splits.example_folds import find_example_groups
from emb_pipeline.tasks.splits.fold_vectors import FoldVectors, fit_for_requests
from emb_pipeline.tasks.splits.other_labels import AnswerScoring
from emb_pipeline.tasks.tuned_predictions import read_predictions


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
    plan = FoldPlan.draw(task, options, seed=seed)
    swapped = swap_test_texts(task.texts, plan.tested, options.word_swaps, task.name)
    zero_shot = None
    if options.class_descriptions and not shuffle_labels and not learns_from_labels(encoder):
        zero_shot = ZeroShot(task, options.class_descriptions)

    def visit(probe: Probe[Coefficients], test: np.ndarray, of_test: Vectors, vectors: FoldVectors) -> None:
        if zero_shot is not None:
            zero_shot.note(test, of_test, vectors)
        for each in swapped:
            if len(places := each.find(test)):
                each.predicted[places] = probe.answer(vectors.encode(each.texts.take(places))).argmax(axis=1)

    metric = _find_primary(options)
    supervision = Supervision(
        task.codes,
        lambda rows: ClassResponse(task.codes[rows], task.classes, options),
        score_class_answers(metric, task.codes[plan.tested]),
        per_class=options.labels_per_class,
        details={"classes": task.classes.tolist()},
        visit=visit,
    )
    probed = probe_folds(task, encoder, options, plan, supervision, seed=seed, shuffle_labels=shuffle_labels)
    scored = _score_predictions(task, plan.groups, plan.tested, probed.answers, options, swapped, **probed.fields)
    if zero_shot is None:
        return probed.add_curve(scored)
    unit_ids, group_ids = task.example_ids[plan.tested], task.example_ids[plan.groups[plan.tested]]
    without = {metric: zero_shot.score(plan.tested, metric)}
    return probed.add_curve(scored, build_item_scores(unit_ids, group_ids, without, label_fraction=0.0))


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
        `emb_pipeline.tasks.tuned_predictions`.
    options : ClassificationOptions
        The metrics.

    Returns
    -------
    Evaluation
        As of `evaluate_classification`, for the same units.
    """
    found, swapped = read_predictions(predictions, task.example_ids), read_swapped_predictions(predictions, task.example_ids)
    groups = find_example_groups(task)
    return _score_predictions(task, groups, found.tested, np.array(found.values), options, swapped, **found.costs)


ALWAYS = ("accuracy", "macro_f1", "log_loss")
"""Metrics that every classification is scored by; others where they are asked for."""


def score_class_answers(metric: str, labels: np.ndarray) -> AnswerScoring:
    """Choose how log probabilities are scored by a metric: as they are where it needs them, else as classes.

    Parameters
    ----------
    metric : str
        Of `emb_pipeline.statistics.intervals.class_metrics`.
    labels : ndarray of shape (n_units,)
        Class codes of the test units.
    """
    if metric in OF_PROBABILITIES:
        return AnswerScoring(metric, lambda logs: logs.astype(np.float32), partial(OF_PROBABILITIES[metric], labels))
    return AnswerScoring(metric, lambda logs: logs.argmax(axis=1).astype(np.int32), partial(OF_PREDICTIONS[metric], labels))


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
