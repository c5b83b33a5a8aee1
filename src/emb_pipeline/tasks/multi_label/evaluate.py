"""Multi-label classification: a probe on frozen vectors gives each text its labels. Unit: the text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from emb_pipeline.embeddings.encodings.vectors import encode_unstored
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import Setting, VectorEmbedding
from emb_pipeline.statistics.intervals.pseudo_values import PseudoValues, compute_ratio
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.fold_probing import FoldPlan, Supervision, probe_folds
from emb_pipeline.tasks.metrics.class_results import build_label_predictions
from emb_pipeline.tasks.multi_label.options import MultiLabelOptions
from emb_pipeline.tasks.multi_label.probe import LabelSetResponse, count_agreement
from emb_pipeline.tasks.multi_label.task import MultiLabelTask
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.splits.example_folds import find_example_groups
from emb_pipeline.tasks.splits.fold_vectors import fit_for_requests
from emb_pipeline.tasks.splits.other_labels import AnswerScoring
from emb_pipeline.tasks.tuned_predictions import read_predictions


def evaluate_multi_label(
    task: MultiLabelTask,
    encoder: VectorEmbedding,
    options: MultiLabelOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by the labels that a probe gives held-out texts.

    Each text is encoded once by a frozen encoder. One that is fitted on the task is fitted again for each fold, on its
    training texts alone.

    Parameters
    ----------
    task : MultiLabelTask
        Texts with their labels.
    encoder : VectorEmbedding
        The embedding.
    options : MultiLabelOptions
        Folds, probe and threshold, and whether test texts are misspelt.
    seed : int
        Seed of folds, inner folds and label shuffling.
    shuffle_labels : bool
        Train on the label sets of other texts: a control.

    Returns
    -------
    Evaluation
        See `score_label_sets`. Besides them the primary metric from parts of the labels, and from resamples of them.

    Raises
    ------
    DataError
        A training part without any label, or no usable split or folds.
    """
    plan = FoldPlan.draw(task, options, seed=seed)
    metric = options.primary_metric or next(iter(METRICS))
    supervision = Supervision(
        task.codes,
        lambda rows: LabelSetResponse(task.targets[rows], options),
        AnswerScoring(
            metric, lambda margins: margins.astype(np.float32), partial(METRICS[metric], task.targets[plan.tested])
        ),
        details={"labels": task.labels},
    )
    probed = probe_folds(task, encoder, options, plan, supervision, seed=seed, shuffle_labels=shuffle_labels)
    return probed.add_curve(score_label_sets(task, plan.groups, plan.tested, probed.answers, **probed.fields))


def create_labeling_service(
    task: MultiLabelTask, encoder: VectorEmbedding, options: MultiLabelOptions, setting: Setting | None
) -> Service:
    """Encode one text, and find its labels with a linear head."""
    fitted, requests = fit_for_requests(task, encoder, task.codes, options.latency_requests)
    shape = (fitted.dim, len(task.labels))
    head = LinearHead(np.random.default_rng(0).standard_normal(shape, dtype=np.float32), np.zeros(shape[1]))
    return Service(lambda text: head.label_log_probabilities(encode_unstored(fitted, text)), requests)


def score_predictions(task: MultiLabelTask, predictions: Mapping[str, pa.Table], options: MultiLabelOptions) -> Evaluation:
    """Score what a fine-tuned model says of the test texts.

    Parameters
    ----------
    task : MultiLabelTask
        The task that it was tuned on.
    predictions : mapping of str to Table
        ``predictions`` (unit_id, values: margins of the labels, see `score_label_sets`) and ``costs``, of
        `emb_pipeline.tasks.tuned_predictions`.
    options : MultiLabelOptions
        Of the evaluation; the scores are the same whatever they say.

    Returns
    -------
    Evaluation
        As of `evaluate_multi_label`, for the same units.
    """
    found = read_predictions(predictions, task.example_ids)
    return score_label_sets(task, find_example_groups(task), found.tested, np.array(found.values), **found.costs)


def score_label_sets(
    task: MultiLabelTask, groups: np.ndarray, tested: np.ndarray, margins: np.ndarray, **costs: Any
) -> Evaluation:
    """Build the item scores of the labels that are given to the test texts.

    Parameters
    ----------
    task : MultiLabelTask
        The task.
    groups : ndarray of shape (n_examples,)
        Position of the first of the texts that each is resampled with.
    tested : ndarray of shape (n_tested,)
        Positions of the test texts.
    margins : ndarray of shape (n_tested, n_labels)
        Log probability of each label, less the logarithm of the threshold: from 0 on a text is given the label.
    **costs
        The other fields of the evaluation.

    Returns
    -------
    Evaluation
        The metrics of `METRICS`. Item scores of F1 are pseudo-values whose mean is the figure
        (`intervals.pseudo_values.compute_ratio`).
    """
    targets, unit_ids = task.targets[tested], task.example_ids[tested]
    values = {name: compute(targets, margins) for name, compute in METRICS.items()}
    weights = {"micro_f1": count_agreement(targets, margins >= 0)[1]}
    return Evaluation(
        build_item_scores(unit_ids, task.example_ids[groups[tested]], values, weights=weights),
        {name: float(scores.mean()) for name, scores in values.items()},
        predictions=build_label_predictions(unit_ids, task.labels, targets, margins >= 0),
        **costs,
    )


def compute_micro_f1(targets: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Pseudo-values of micro-F1, the F1 of all pairs of a text and a label together: shape (n_rows,)."""
    return compute_ratio(*count_agreement(targets, predicted))


def compute_macro_f1(targets: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Pseudo-values of macro-F1, the mean of the F1 of each label that some row has: shape (n_rows,).

    The influence of a row is the mean of its influences on each label's F1, a ratio of sums.
    """
    tested = targets.any(axis=0)
    if not tested.any():
        return np.zeros(len(targets))
    targets, predicted = targets[:, tested], predicted[:, tested]
    numerator, denominator = 2.0 * (targets & predicted), targets.astype(np.float64) + predicted
    ratio = numerator.sum(axis=0) / denominator.sum(axis=0)
    made = ratio + (numerator - ratio * denominator) / denominator.mean(axis=0)
    return PseudoValues.keep_within(made.mean(axis=1), (0.0, 1.0))


def compute_ranking_precision(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Label ranking average precision of each row [1]_: shape (n_rows,).

    For each right label it is the share of right ones among those that score as high, averaged; 1 for a row without labels.
    Labels with equal scores share the lowest place.

    References
    ----------
    .. [1] Tsoumakas, Katakis & Vlahavas (2010), Mining Multi-label Data, §7.
    """
    places = rankdata(-scores, method="max", axis=1)
    among_right = rankdata(np.where(targets, -scores, np.inf), method="max", axis=1)
    n_right = targets.sum(axis=1)
    precision = np.where(targets, among_right / places, 0.0).sum(axis=1) / np.maximum(n_right, 1)
    return np.where((n_right == 0) | (n_right == targets.shape[1]), 1.0, precision)


METRICS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "micro_f1": lambda targets, margins: compute_micro_f1(targets, margins >= 0),
    "macro_f1": lambda targets, margins: compute_macro_f1(targets, margins >= 0),
    "lrap": compute_ranking_precision,
    "subset_accuracy": lambda targets, margins: (targets == (margins >= 0)).all(axis=1).astype(np.float64),
}
"""Item scores of each metric, the primary one first, from targets and margins."""
