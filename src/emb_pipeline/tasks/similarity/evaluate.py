"""Similarity: the closeness of two texts' vectors against the score that people gave. Unit: the pair."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from emb_pipeline.embeddings.encodings.vectors import encode_unstored, score_pairs
from emb_pipeline.embeddings.protocols import Setting, TaskEncoder, TextEncoder, similarity_of
from emb_pipeline.statistics.intervals.pseudo_values import compute_pearson, compute_spearman
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.pairs.encode import encode_pairs
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.tasks.splits.pair_groups import name_pair_groups


def evaluate_similarity(
    task: SimilarityTask,
    encoder: TextEncoder | TaskEncoder,
    options: EvaluationOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Correlate the closeness of vectors, usually their cosines, with people's scores.

    Each distinct text is encoded once. An embedding that is fitted on a task's texts (TF-IDF) is fitted on all of them: no
    score is looked at, but its document frequencies are those of the pairs.

    Parameters
    ----------
    task : SimilarityTask
        Scored pairs.
    encoder : TextEncoder or TaskEncoder
        The embedding.
    options : EvaluationOptions
        None so far.
    seed : int
        Nothing is drawn.
    shuffle_labels : bool
        Refused: nothing is trained on the scores.

    Returns
    -------
    Evaluation
        Item scores ``spearman`` and ``pearson``: pseudo-values whose means are the correlations
        (`intervals.pseudo_values`). A pair with a text without vector has cosine 0. Pairs of the same two
        texts are one group, and so are those of one of the task's own groups. Where pairs share texts and the task has no
        groups, the group of a pair is named by its two texts (`intervals.dyadic`).

    Raises
    ------
    ValueError
        ``shuffle_labels``.
    """
    if shuffle_labels:
        raise ValueError(f"{task.name}: no model is trained on a similarity task, so there are no labels to shuffle")
    encoded = encode_pairs(task, encoder)
    started = perf_counter()
    scores = encoded.compute_closeness()
    values = {"spearman": compute_spearman(scores, task.scores), "pearson": compute_pearson(scores, task.scores)}
    return Evaluation(
        item_scores=build_item_scores(task.pair_ids, name_pair_groups(task), values),
        metrics={metric: float(pseudo_values.mean()) for metric, pseudo_values in values.items()},
        dim=encoded.dim,
        encode_seconds=encoded.encode_seconds,
        fit_seconds=perf_counter() - started,
        bytes_per_item=encoded.bytes_per_item,
        details={"n_pairs": len(task.pair_ids), "n_texts": len(task.texts)},
    )


def create_similarity_service(
    task: SimilarityTask, encoder: TextEncoder | TaskEncoder, options: EvaluationOptions, setting: Setting | None
) -> Service:
    """Encode the two texts of one pair, and compare them by the embedding's own measure."""
    fitted = encoder.fit(task.texts) if isinstance(encoder, TaskEncoder) else encoder
    pairs = zip(task.first[: options.latency_requests], task.second[: options.latency_requests], strict=True)

    measure = similarity_of(fitted)

    def answer(pair: tuple[str, str]) -> np.ndarray:
        first, second = (encode_unstored(fitted, text) for text in pair)
        return score_pairs(first, second, measure)

    return Service(answer, [(task.texts[a], task.texts[b]) for a, b in pairs])
