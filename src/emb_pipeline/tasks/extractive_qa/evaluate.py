"""Extractive answering: a span of the context answers the question. Unit: the question; those on one context are a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector
from emb_pipeline.embeddings.protocols import Answerer, Setting, TaskWordEncoder, TokenEncoder, WordEncoder, token_dim_of
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.extractive_qa.options import ExtractiveOptions
from emb_pipeline.tasks.extractive_qa.task import ExtractiveTask
from emb_pipeline.tasks.metrics.answer_scores import answer_f1, exact_match
from emb_pipeline.tasks.probes.crf import TokenVectors, encode_sentences
from emb_pipeline.tasks.probes.span_probe import SpanExamples, UntrainedSpanProbe, fit_span_probe
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.tuned_predictions import read_predictions
from emb_pipeline.text.spans import compute_document_shares

Encoder = WordEncoder | TokenEncoder | TaskWordEncoder | Answerer


def evaluate_extractive_qa(
    task: ExtractiveTask, encoder: Encoder, options: ExtractiveOptions, *, seed: int, shuffle_labels: bool = False
) -> Evaluation:
    """Score an embedding by the answers that a small span head on its frozen token vectors finds.

    Parameters
    ----------
    task : ExtractiveTask
        Questions with contexts and answers.
    encoder : WordEncoder, TokenEncoder, TaskWordEncoder or Answerer
        The embedding; one that is fitted on the task is fitted on the words of its training questions and contexts. An
        answerer finds spans by itself, and nothing is trained.
    options : ExtractiveOptions
        The probe.
    seed : int
        Of the probe's start, its order of questions and dropout, and of label shuffling.
    shuffle_labels : bool
        Train and tune on the answer spans of other questions: a control.

    Returns
    -------
    Evaluation
        Item scores and summaries ``exact_match`` and ``answer_f1``.

    Raises
    ------
    ValueError
        ``shuffle_labels`` for an answerer, which learns from no labels.
    """
    test = np.flatnonzero(task.split == "test")
    with threadpool_limits(1):
        if isinstance(encoder, Answerer):
            if shuffle_labels:
                raise ValueError(f"{task.name}: an answerer learns from no labels, so there are none to shuffle")
            started = perf_counter()
            words = [task.words[task.context_of[row]].words for row in test]
            found = encoder.answer([task.question_words[row] for row in test], words)
            seconds = perf_counter() - started
            return score_answers(
                task,
                test,
                _list_answers(task, test, found),
                dim=0,
                encode_seconds=0.0,
                fit_seconds=seconds,
                bytes_per_item=0.0,
            )
        return _evaluate_vectors(task, encoder, options, test, seed=seed, shuffle_labels=shuffle_labels)


def create_answering_service(
    task: ExtractiveTask, encoder: Encoder, options: ExtractiveOptions, setting: Setting | None
) -> Service:
    """Encode one question and its context, and find the answer with a random span head of the same size."""
    tested = np.flatnonzero(task.split == "test")[: options.latency_requests]
    requests = [(task.words[task.context_of[row]].words, task.question_words[row]) for row in tested]
    if isinstance(encoder, Answerer):
        return Service(lambda words: encoder.answer([words[1]], [words[0]]), requests)
    fitted = _fit_encoder(task, encoder, np.flatnonzero(task.split != "test"))
    probe = UntrainedSpanProbe(token_dim_of(fitted), options)
    return Service(lambda words: probe.span(encode_sentences(fitted, words)), requests)


def score_predictions(task: ExtractiveTask, predictions: Mapping[str, pa.Table], options: BaseModel) -> Evaluation:
    """Score the spans that a fine-tuned model finds in the contexts of the test questions.

    Parameters
    ----------
    task : ExtractiveTask
        The task that it was tuned on.
    predictions : mapping of str to Table
        ``predictions`` (unit_id, values: first and last word) and ``costs``, of `emb_pipeline.tasks.tuned_predictions`.
    options : BaseModel
        Of the evaluation; the scores are the same whatever they say.
    """
    found = read_predictions(predictions, task.example_ids)
    answers = _list_answers(task, found.tested, np.array(found.values, dtype=np.int64))
    return score_answers(task, found.tested, answers, **found.costs)


def score_answers(task: ExtractiveTask, test: np.ndarray, answers: Sequence[str], **costs: Any) -> Evaluation:
    """Build the item scores of the answers to the test questions: ``exact_match``, ``answer_f1`` (`metrics.answer_scores`).

    Parameters
    ----------
    task : ExtractiveTask
        The task.
    test : ndarray of int
        Numbers of the questions.
    answers : sequence of str
        One for each of them.
    **costs
        The other fields of the evaluation.
    """
    pairs = [(answer, task.answers[row]) for answer, row in zip(answers, test.tolist(), strict=True)]
    values = {
        "exact_match": np.array([exact_match(*pair) for pair in pairs]),
        "answer_f1": np.array([answer_f1(*pair) for pair in pairs]),
    }
    groups = np.array([f"context {number}" for number in task.context_of[test].tolist()])
    item_scores = build_item_scores(task.example_ids[test], groups, values)
    return Evaluation(item_scores, {name: float(scores.mean()) for name, scores in values.items()}, **costs)


def find_held_out(task: ExtractiveTask, train: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Find the training questions of the split ``validation``, or on a share of the contexts: shape (n_train,), bool.

    Raises
    ------
    DataError
        The training questions are all on one context.
    """
    is_validation = task.split[train] == "validation"
    if is_validation.any():
        return np.asarray(is_validation)
    contexts = np.unique(task.context_of[train])
    if len(contexts) < 2:
        raise DataError(task.name, "all training questions are on one context", "add contexts")
    n_drawn = min(max(1, round(share * len(contexts))), len(contexts) - 1)
    return np.isin(task.context_of[train], rng.permutation(contexts)[:n_drawn])


def _evaluate_vectors(
    task: ExtractiveTask,
    encoder: WordEncoder | TokenEncoder | TaskWordEncoder,
    options: ExtractiveOptions,
    test: np.ndarray,
    *,
    seed: int,
    shuffle_labels: bool,
) -> Evaluation:
    train = np.flatnonzero(task.split != "test")
    rng = np.random.default_rng(seed)
    vectors, encode_seconds = _encode_tokens(task, encoder, train)
    started = perf_counter()
    spans, wanted = task.spans.copy(), task.answers
    if shuffle_labels:
        spans[train] = _move_spans(task, train, spans[rng.permutation(train)])
        wanted = [[answer] for answer in _list_answers(task, np.arange(len(spans)), spans)]
    examples = SpanExamples(vectors, task.context_of, _weigh_words(task, train), spans)
    held_out = find_held_out(task, train, options.validation_share, rng)

    def quality(rows: np.ndarray, found: np.ndarray) -> float:
        pairs = zip(_list_answers(task, rows, found), rows.tolist(), strict=True)
        return float(np.mean([answer_f1(answer, wanted[row]) for answer, row in pairs]))

    probe = fit_span_probe(examples, train[~held_out], train[held_out], quality, options, seed=seed)
    found = probe.spans(examples, test)
    return score_answers(
        task,
        test,
        _list_answers(task, test, found),
        dim=int(vectors.rows.shape[1]),
        encode_seconds=encode_seconds,
        fit_seconds=perf_counter() - started,
        tune_seconds=probe.tune_seconds,
        bytes_per_item=bytes_per_vector(vectors.rows),
        details={
            "probe": probe.details,
            "n_train": int((~held_out).sum()),
            "n_validation": int(held_out.sum()),
            "n_test": len(test),
            "shuffled_labels": shuffle_labels,
        },
    )


def _encode_tokens(
    task: ExtractiveTask, encoder: WordEncoder | TokenEncoder | TaskWordEncoder, train: np.ndarray
) -> tuple[TokenVectors, float]:
    """Compute vectors of the words of all contexts, then of all questions, and the seconds that they took.

    A context is encoded once, whatever the number of questions about it; without context, so is each distinct word.
    """
    started = perf_counter()
    vectors = encode_sentences(_fit_encoder(task, encoder, train), _list_sentences(task), task.name)
    return vectors, perf_counter() - started


def _fit_encoder(
    task: ExtractiveTask, encoder: WordEncoder | TokenEncoder | TaskWordEncoder, train: np.ndarray
) -> WordEncoder | TokenEncoder:
    """Fit the encoder on the words of the training questions and contexts if it is one that is fitted."""
    if not isinstance(encoder, TaskWordEncoder):
        return encoder
    sentences = _list_sentences(task)
    seen = [*np.unique(task.context_of[train]), *(len(task.contexts) + train)]
    return encoder.fit_words(list(dict.fromkeys(word for row in seen for word in sentences[row])))


def _list_sentences(task: ExtractiveTask) -> list[list[str]]:
    """List the words of all contexts, then of all questions."""
    return [*(placed.words for placed in task.words), *task.question_words]


def _weigh_words(task: ExtractiveTask, train: np.ndarray) -> np.ndarray:
    """Compute ``-ln`` of the share of training contexts that hold each word of all contexts: shape (n_words,), float32."""
    contexts = [task.words[number].words for number in np.unique(task.context_of[train]).tolist()]
    shares = compute_document_shares(contexts)
    unseen = 1 / (len(contexts) + 1)
    return np.array(
        [-np.log(shares.get(word.casefold(), unseen)) for placed in task.words for word in placed.words], dtype=np.float32
    )


def _move_spans(task: ExtractiveTask, rows: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Move spans of other questions to the left where a context is too short for them."""
    last = np.array([len(task.words[number].words) - 1 for number in task.context_of[rows]])
    lengths = np.minimum(spans[:, 1] - spans[:, 0], last)
    first = np.minimum(spans[:, 0], last - lengths)
    return np.stack([first, first + lengths], axis=1)


def _list_answers(task: ExtractiveTask, rows: np.ndarray, spans: np.ndarray) -> list[str]:
    numbers = task.context_of[rows].tolist()
    return [task.words[number].cut_between(*span) for number, span in zip(numbers, spans.tolist(), strict=True)]
