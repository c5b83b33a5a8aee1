"""Pair classification: the closeness of two texts' vectors, and a threshold. Unit: the pair."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.protocols import TaskEncoder, TextEncoder, Vectors
from emb_pipeline.statistics.intervals.class_metrics import compute_area_under_roc, compute_average_precision
from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.probe import fit_probe
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.pair_classification.options import PairOptions
from emb_pipeline.tasks.pair_classification.task import PairClassificationTask
from emb_pipeline.tasks.pair_classification.thresholds import choose_thresholds
from emb_pipeline.tasks.pairs.encode import encode_pairs
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.splits.example_folds import Fold, draw_folds, find_tested
from emb_pipeline.tasks.splits.pair_groups import find_fold_groups_of_pairs, name_pair_groups


def evaluate_pair_classification(
    task: PairClassificationTask,
    encoder: TextEncoder | TaskEncoder,
    options: PairOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score how well the closeness of vectors tells positive pairs from negative ones.

    Each distinct text is encoded once. An embedding that is fitted on a task's texts (TF-IDF) is fitted on all of them: no
    label is looked at, but its document frequencies are those of the pairs.

    Parameters
    ----------
    task : PairClassificationTask
        Labeled pairs.
    encoder : TextEncoder or TaskEncoder
        The embedding.
    options : PairOptions
        Folds, and what a pair is scored by.
    seed : int
        Seed of folds and inner folds.
    shuffle_labels : bool
        Refused: the scores by similarity know no label.

    Returns
    -------
    Evaluation
        Item scores ``ap`` (average precision), ``auroc`` and ``pair_f1``: pseudo-values whose means are the metrics; and
        ``accuracy`` (0 or 1). Accuracy and F1 each have the threshold that is best on the training pairs.
        With ``probe: features`` both call a pair positive from a probability of one half on, and with folds, average
        precision and AUROC are those of each fold, averaged by the number of its test pairs, since each fold has a probe of
        its own.
        Groups of pairs are those of a similarity (`emb_pipeline.tasks.similarity.evaluate`).

    Notes
    -----
    mteb chooses both thresholds on the pairs that it scores. Its figures are kept in ``details``, under
    ``chosen_on_tested``: they are never below those of a threshold that has not seen these pairs.

    Raises
    ------
    DataError
        No usable split or folds.
    ValueError
        ``shuffle_labels``.
    """
    if shuffle_labels:
        raise ValueError(f"{task.name}: pairs are scored without their labels, so there are none to shuffle")
    encoded = encode_pairs(task, encoder)
    started = perf_counter()
    kept = find_fold_groups_of_pairs(task)
    folds = draw_folds(task, kept, n_folds=options.folds, seed=seed)
    details: dict[str, Any] = {"n_pairs": len(task.pair_ids), "n_texts": len(task.texts), "probe": options.probe}
    if options.probe == "similarity":
        scores = encoded.compute_closeness()
        thresholds = [choose_thresholds(scores[train], task.codes[train] == 1) for train, _ in folds]
        ranked = [find_tested(folds)]
    else:
        with threadpool_limits(1):
            scores, details["folds"] = _learn(
                task, folds, build_pair_features(encoded.first, encoded.second), kept, options, seed
            )
        thresholds, ranked = [(0.0, 0.0)] * len(folds), [test for _, test in folds]
    values, weights = _score(task, folds, scores, thresholds, ranked)
    tested = find_tested(folds)
    on_tested = choose_thresholds(scores[tested], task.codes[tested] == 1)
    best, _ = _score(task, [(tested, tested)], scores, [on_tested], [tested])
    details["thresholds"] = [{"accuracy": accuracy, "f1": f1} for accuracy, f1 in thresholds]
    details["chosen_on_tested"] = {name: float(best[name].mean()) for name in ("accuracy", "pair_f1")}
    return Evaluation(
        item_scores=build_item_scores(task.pair_ids[tested], name_pair_groups(task)[tested], values, weights=weights),
        metrics={metric: float(pseudo_values.mean()) for metric, pseudo_values in values.items()},
        dim=encoded.dim,
        encode_seconds=encoded.encode_seconds,
        fit_seconds=perf_counter() - started,
        bytes_per_item=encoded.bytes_per_item,
        details=details,
    )


def build_pair_features(first: Vectors, second: Vectors) -> Vectors:
    """Build |u - v| and u * v of each pair of rows, next to each other: shape (n_pairs, 2 * dim), float32."""
    if sp.issparse(first):
        return sp.csr_array(sp.hstack([abs(first - second), first.multiply(second)]), dtype=np.float32)
    return np.hstack([np.abs(first - second), first * second]).astype(np.float32)


def _learn(
    task: PairClassificationTask, folds: list[Fold], features: Vectors, kept: np.ndarray, options: PairOptions, seed: int
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Find the log odds of each tested pair by a probe that its fold's training pairs teach."""
    shared = options.model_dump(include=set(ClassificationOptions.model_fields) - {"primary_metric"})
    of_probe, odds, probes = ClassificationOptions(**shared), np.zeros(len(task.codes)), []
    for train, test in folds:
        probe = fit_probe(features[train], task.codes[train], 2, kept[train], of_probe, seed=seed)
        logs = probe.answer(features[test])
        odds[test] = logs[:, 1] - logs[:, 0]
        probes.append(probe.details)
    return odds, probes


def _score(
    task: PairClassificationTask,
    folds: list[Fold],
    scores: np.ndarray,
    thresholds: list[tuple[float, float]],
    ranked: list[np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Score the tested pairs, in their order; ``ranked`` are those whose scores are of one scale."""
    tested, is_positive, n = find_tested(folds), task.codes == 1, len(task.codes)
    precision, area, called, of_f1 = np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for (_, test), (for_accuracy, for_f1) in zip(folds, thresholds, strict=True):
        called[test], of_f1[test] = scores[test] >= for_accuracy, scores[test] >= for_f1
    for part in ranked:
        precision[part] = compute_average_precision(is_positive[part], scores[part])
        area[part] = compute_area_under_roc(is_positive[part], scores[part])
    denominators = of_f1[tested] * 1.0 + is_positive[tested]
    values = {
        "ap": precision[tested],
        "accuracy": (called == is_positive)[tested].astype(np.float64),
        "pair_f1": compute_ratio(2.0 * (of_f1 & is_positive)[tested], denominators),
        "auroc": area[tested],
    }
    return values, {"pair_f1": denominators}
