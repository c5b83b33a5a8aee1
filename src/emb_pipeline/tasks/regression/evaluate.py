"""Regression: a ridge probe on frozen vectors. Unit: the document."""

from __future__ import annotations

import numpy as np

from emb_pipeline.embeddings.encodings.vectors import encode_unstored
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import Setting, VectorEmbedding
from emb_pipeline.statistics.intervals.pseudo_values import compute_determination, compute_root_mean, compute_spearman
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.fold_probing import FoldPlan, Supervision, probe_folds
from emb_pipeline.tasks.regression.options import RegressionOptions
from emb_pipeline.tasks.regression.probe import NumberResponse
from emb_pipeline.tasks.regression.task import RegressionTask
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.splits.fold_vectors import fit_for_requests
from emb_pipeline.tasks.splits.other_labels import AnswerScoring

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
    plan = FoldPlan.draw(task, options, seed=seed)
    metric = options.primary_metric or "spearman"
    supervision = Supervision(
        task.targets,
        lambda rows: NumberResponse(task.targets[rows], task.codes[rows]),
        AnswerScoring(metric, np.asarray, lambda predicted: _score_numbers(task, plan, predicted)[metric]),
    )
    probed = probe_folds(task, encoder, options, plan, supervision, seed=seed, shuffle_labels=shuffle_labels)
    values = _score_numbers(task, plan, probed.answers)
    unit_ids, group_ids = task.example_ids[plan.tested], task.example_ids[plan.groups[plan.tested]]
    scored = Evaluation(
        item_scores=build_item_scores(unit_ids, group_ids, values),
        metrics={name: float(pseudo_values.mean()) for name, pseudo_values in values.items()},
        **probed.fields,
    )
    return probed.add_curve(scored)


def create_regression_service(
    task: RegressionTask, encoder: VectorEmbedding, options: RegressionOptions, setting: Setting | None
) -> Service:
    """Encode one text, and find its number with a linear head."""
    fitted, requests = fit_for_requests(task, encoder, task.targets, options.latency_requests)
    head = LinearHead(np.random.default_rng(0).standard_normal((fitted.dim, 1), dtype=np.float32), np.zeros(1))
    return Service(lambda text: head.scores(encode_unstored(fitted, text)), requests)


def _score_numbers(task: RegressionTask, plan: FoldPlan, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Score the numbers that are predicted for the tested examples, in their order."""
    spearman, targets = np.zeros(len(plan.tested)), task.targets[plan.tested]
    for _, test in plan.folds:
        places = np.searchsorted(plan.tested, test)
        ranked = np.round(predicted[places] / (targets.std() or 1.0), DECIMALS)
        spearman[places] = compute_spearman(ranked, targets[places])
    errors = predicted - targets
    return {
        "spearman": spearman,
        "rmse": compute_root_mean(np.square(errors)),
        "mae": np.abs(errors),
        "r2": compute_determination(np.square(errors), targets),
    }
