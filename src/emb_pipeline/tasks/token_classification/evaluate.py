"""Token classification: a probe on frozen token vectors finds the tag of each word. Unit: the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from emb_pipeline.embeddings.protocols import TaskWordEncoder, TokenEncoder, WordEncoder
from emb_pipeline.statistics.intervals.pseudo_values import PseudoValues, compute_ratio
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.metrics.class_results import build_entity_predictions
from emb_pipeline.tasks.probes.crf import find_tokens_of_sentences
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.sequence_labeling import evaluate as tagging
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.token_classification.task import TokenClassificationTask


def evaluate_token_classification(
    task: TokenClassificationTask,
    encoder: WordEncoder | TokenEncoder | TaskWordEncoder,
    options: SequenceLabelingOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by the tags that a conditional random field on its token vectors gives words.

    See `emb_pipeline.tasks.sequence_labeling.evaluate.evaluate_tags` and `score_tags`.
    """
    return tagging.evaluate_tags(task, encoder, options, TAGS, seed=seed, shuffle_labels=shuffle_labels)


def score_predictions(task: TokenClassificationTask, predictions: Mapping[str, pa.Table], options: BaseModel) -> Evaluation:
    """Score the tags that a fine-tuned model gives the test sentences."""
    return tagging.score_predictions(task, predictions, options, TAGS)


def score_tags(task: TokenClassificationTask, test: np.ndarray, predicted: np.ndarray, **costs: Any) -> Evaluation:
    """Build the item scores of the tags that were found for the words of the test sentences.

    Parameters
    ----------
    task : TokenClassificationTask
        The task.
    test : ndarray of int
        Numbers of the sentences.
    predicted : ndarray of shape (n_tokens,), int64
        Codes of the tags found for their words.
    **costs
        The other fields of the evaluation.

    Returns
    -------
    Evaluation
        ``accuracy``, the share of words whose tag is right; ``accuracy_seen`` and ``accuracy_unseen`` of words that the
        training part, in any case, does and does not have; and ``macro_f1``, the mean of F1 = 2 TP / (labeled + predicted)
        over the tags that the test part has. Item scores are pseudo-values whose means are these figures, so that whole
        sentences are resampled.
    """
    tokens, starts = find_tokens_of_sentences(task.starts, test)
    gold, seen = task.codes[tokens], task.is_seen[tokens]
    right = predicted == gold
    counts = {"accuracy": (_per_sentence(right, starts), _per_sentence(np.ones(len(gold)), starts))}
    for name, part in (("seen", seen), ("unseen", ~seen)):
        if part.any():
            counts[f"accuracy_{name}"] = _per_sentence(right & part, starts), _per_sentence(part, starts)
    values = {name: compute_ratio(*parts) for name, parts in counts.items()}
    values["macro_f1"] = _compute_macro_f1(gold, predicted, starts)
    item_scores = build_item_scores(
        task.example_ids[test],
        task.example_ids[task.groups[test]],
        values,
        weights={name: below for name, (_, below) in counts.items()},
    )
    sentences = np.repeat(np.arange(len(test)), np.diff(starts))
    places = np.arange(len(gold)) - starts[sentences]
    rows = zip(*(each.tolist() for each in (sentences, places, places + 1, gold, predicted)), strict=True)
    return Evaluation(
        item_scores,
        {name: float(scores.mean()) for name, scores in values.items()},
        predictions=build_entity_predictions(task.example_ids[test].tolist(), task.labels, list(rows)),
        **costs,
    )


def _score_sentences(task: Any, gold: np.ndarray, found: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Compute pseudo-values of accuracy: shape (n_sentences,)."""
    return compute_ratio(_per_sentence(gold == found, starts), np.diff(starts))


TAGS = tagging.TagScoring("accuracy", _score_sentences, score_tags)


def _compute_macro_f1(gold: np.ndarray, predicted: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Compute pseudo-values of the mean F1 of the tags that are labeled: a mean of ratios has the mean of their values."""
    of_tags = [
        compute_ratio(
            _per_sentence(2 * ((gold == tag) & (predicted == tag)), starts),
            _per_sentence((gold == tag).astype(int) + (predicted == tag), starts),
        )
        for tag in np.unique(gold)
    ]
    return PseudoValues.keep_within(np.mean(of_tags, axis=0), (0.0, 1.0))


def _per_sentence(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum values of tokens over their sentences, none of which is empty: shape (n_sentences,)."""
    return np.add.reduceat(values.astype(np.float64), starts[:-1])
