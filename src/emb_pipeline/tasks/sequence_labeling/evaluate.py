"""Sequence labeling: a probe on frozen token vectors finds the tags of sentences. Unit: the sentence.

How these are scored is a `TagScoring`: here by the entities that they mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector
from emb_pipeline.embeddings.protocols import Setting, TaskWordEncoder, TokenEncoder, WordEncoder, token_dim_of
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.probes.crf import (
    FORBIDDEN,
    CrfCoefficients,
    TokenVectors,
    encode_sentences,
    find_tokens_of_sentences,
)
from emb_pipeline.tasks.probes.crf_probe import CrfProbe, fit_crf_probe, fit_on_resample
from emb_pipeline.tasks.sequence_labeling.entities import f1_of_sentences, score_entities
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask
from emb_pipeline.tasks.splits.label_draws import LabelDraws, explain_too_few_labels
from emb_pipeline.tasks.splits.training_draws import TrainingDraws
from emb_pipeline.tasks.tuned_predictions import read_predictions

FEWEST_HELD_OUT = 100
"""Sentences that tell penalties apart by more than luck; also the fewest that a learning curve starts with."""
FEW_SENTENCES = 1_000
"""Training sentences up to which probes learn from resamples of them unless an option says otherwise."""
TRAINING_DRAWS = 5
"""Resamples then."""


@dataclass(frozen=True)
class TagScoring:
    """A way to score the tags of sentences.

    Attributes
    ----------
    metric : str
        The metric that penalties are chosen by, and that learning curves show.
    score_sentences : callable
        Its pseudo-values, of shape (n_sentences,): of the task, the right and the found tag codes of all tokens, and where
        each sentence starts among them.
    build_evaluation : callable
        All scores of test sentences, with signature and result of `score_entities`.
    """

    metric: str
    score_sentences: Callable[[SequenceLabelingTask, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    build_evaluation: Callable[..., Evaluation]


ENTITIES = TagScoring("f1", f1_of_sentences, score_entities)


def evaluate_sequence_labeling(
    task: SequenceLabelingTask,
    encoder: WordEncoder | TokenEncoder | TaskWordEncoder,
    options: SequenceLabelingOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by the entities that a conditional random field on its token vectors finds.

    See `evaluate_tags` and `score_entities`.
    """
    return evaluate_tags(task, encoder, options, ENTITIES, seed=seed, shuffle_labels=shuffle_labels)


def evaluate_tags(
    task: SequenceLabelingTask,
    encoder: WordEncoder | TokenEncoder | TaskWordEncoder,
    options: SequenceLabelingOptions,
    scoring: TagScoring,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by the tags that a conditional random field on its token vectors finds.

    Parameters
    ----------
    task : SequenceLabelingTask
        Tagged sentences.
    encoder : WordEncoder, TokenEncoder or TaskWordEncoder
        The embedding. One that is fitted on the task is fitted on the words of the training sentences.
    options : SequenceLabelingOptions
        The probe.
    scoring : TagScoring
        How tags are scored.
    seed : int
        Seed of the sentences that choose the penalty (where no split ``validation`` does), of the parts of the training
        sentences for the learning curve, and of label shuffling.
    shuffle_labels : bool
        Train on permuted tags: a control.

    Returns
    -------
    Evaluation
        As `scoring` builds it. Besides, its metric from parts of the training sentences, and from resamples of them.
    """
    with threadpool_limits(1):
        train, test = np.flatnonzero(task.split != "test"), np.flatnonzero(task.split == "test")
        vectors, encode_seconds = encode_tokens(task, encoder, train)
        tokens, starts = find_tokens_of_sentences(task.starts, train)
        codes = task.codes[tokens]
        rng = np.random.default_rng(seed)
        if shuffle_labels:
            codes = task.repair(rng.permutation(codes), starts)
        task.require_learnable(codes)
        started = perf_counter()
        probe = _fit_probe(task, vectors, train, codes, options, scoring, rng)
        predicted = probe.decode(vectors.of_sentences(test))
        fit_seconds = perf_counter() - started
        n_draws = 0 if shuffle_labels else options.label_draws
        fewer = _score_parts(task, encoder, vectors, train, test, options, scoring, n_draws=n_draws, seed=seed)
        started = perf_counter()
        n_resamples = 0 if shuffle_labels else _count_resamples(options, train)
        again = _score_resamples(task, vectors, train, test, probe, options, scoring, n_resamples)
        draws_seconds = perf_counter() - started
    scored = scoring.build_evaluation(
        task,
        test,
        predicted,
        dim=int(vectors.rows.shape[1]),
        encode_seconds=encode_seconds,
        fit_seconds=fit_seconds,
        tune_seconds=probe.tune_seconds,
        bytes_per_item=bytes_per_vector(vectors.rows),
        details={
            "probe": probe.details,
            "tags": task.labels,
            "n_train": len(train),
            "n_test": len(test),
            "shuffled_labels": shuffle_labels,
            **({"training_draws": {"n": len(again.scores), "seconds": draws_seconds}} if len(again.scores) else {}),
        },
        label_draws=fewer.draws(),
        training_draws=again.table(task.example_ids[test]),
    )
    parts = fewer.item_scores(task.example_ids[test], task.example_ids[task.groups[test]])
    return replace(scored, item_scores=pa.concat_tables([scored.item_scores, *parts]))


def create_tagging_service(
    task: SequenceLabelingTask,
    encoder: WordEncoder | TokenEncoder | TaskWordEncoder,
    options: SequenceLabelingOptions,
    setting: Setting | None,
) -> Service:
    """Encode the tokens of one sentence, and find its tags with a random field of the same size."""
    tested = np.flatnonzero(task.split == "test")[: options.latency_requests]
    encode = token_encoder(task, encoder, np.flatnonzero(task.split != "test"))
    n_tags, rng = len(task.labels), np.random.default_rng(0)
    weights = rng.standard_normal((token_dim_of(encode), 2 * options.window + 1, n_tags), dtype=np.float32)
    steps = np.where(task.allowed, 0.0, FORBIDDEN).astype(np.float32)
    field = CrfCoefficients(weights, np.zeros(n_tags, dtype=np.float32), steps)
    return Service(lambda tokens: field.decode(encode_sentences(encode, [tokens])), [task.sentences[row] for row in tested])


def score_predictions(
    task: SequenceLabelingTask, predictions: Mapping[str, pa.Table], options: BaseModel, scoring: TagScoring = ENTITIES
) -> Evaluation:
    """Score the tags that a fine-tuned model gives the test sentences.

    Parameters
    ----------
    task : SequenceLabelingTask
        The task that it was tuned on.
    predictions : mapping of str to Table
        ``predictions`` (unit_id, values: tag codes) and ``costs``, of `emb_pipeline.tasks.tuned_predictions`.
    options : BaseModel
        Of the evaluation; the scores are the same whatever they say.
    scoring : TagScoring
        How tags are scored.
    """
    found = read_predictions(predictions, task.example_ids)
    codes = np.concatenate([np.array(row, dtype=np.int64) for row in found.values])
    return scoring.build_evaluation(task, found.tested, codes, **found.costs)


def encode_tokens(
    task: SequenceLabelingTask, encoder: WordEncoder | TokenEncoder | TaskWordEncoder, train: np.ndarray
) -> tuple[TokenVectors, float]:
    """Encode all tokens, and give the seconds that it took. Without context, each distinct token is encoded once."""
    started = perf_counter()
    vectors = encode_sentences(token_encoder(task, encoder, train), task.sentences, task.name)
    return vectors, perf_counter() - started


def token_encoder(
    task: SequenceLabelingTask, encoder: WordEncoder | TokenEncoder | TaskWordEncoder, train: np.ndarray
) -> WordEncoder | TokenEncoder:
    """Fit the encoder on the words of the training sentences if it is one that is fitted."""
    if isinstance(encoder, TaskWordEncoder):
        return encoder.fit_words(list(dict.fromkeys(token for row in train for token in task.sentences[row])))
    return encoder


def _fit_probe(
    task: SequenceLabelingTask,
    vectors: TokenVectors,
    train: np.ndarray,
    codes: np.ndarray,
    options: SequenceLabelingOptions,
    scoring: TagScoring,
    rng: np.random.Generator,
) -> CrfProbe:
    """Fit the probe of some sentences, whose tokens have these tags."""
    _, starts = find_tokens_of_sentences(task.starts, train)

    def quality(sentences: np.ndarray, found: np.ndarray) -> np.ndarray:
        part_tokens, part_starts = find_tokens_of_sentences(starts, sentences)
        return scoring.score_sentences(task, codes[part_tokens], found, part_starts)

    rounds = _find_held_out(task, train, options, rng)
    return fit_crf_probe(vectors.of_sentences(train), codes, task.allowed, rounds, quality, options)


def _score_parts(
    task: SequenceLabelingTask,
    encoder: WordEncoder | TokenEncoder | TaskWordEncoder,
    vectors: TokenVectors,
    train: np.ndarray,
    test: np.ndarray,
    options: SequenceLabelingOptions,
    scoring: TagScoring,
    *,
    n_draws: int | None,
    seed: int,
) -> LabelDraws:
    """Score probes that are tuned and fitted on parts of the training sentences, the validation split among them."""
    drawn = LabelDraws.plan(
        options.primary_metric or scoring.metric,
        n_labels=len(train),
        n_classes=len(task.types),
        n_units=len(test),
        n_draws=n_draws,
        wanted=options.label_counts,
        fewest=FEWEST_HELD_OUT,
    )
    tokens, _ = find_tokens_of_sentences(task.starts, test)
    for (row, draw), part in drawn.parts(_find_strata(task, train)):
        sentences = train[part]
        of_part = vectors
        if isinstance(encoder, TaskWordEncoder) and not options.unlabeled_texts:
            with explain_too_few_labels(task.name, len(part)):
                of_part, _ = encode_tokens(task, encoder, sentences)
        codes = task.codes[find_tokens_of_sentences(task.starts, sentences)[0]]
        found = np.zeros(len(tokens), dtype=np.int64)
        if codes.any():
            probe = _fit_probe(task, of_part, sentences, codes, options, scoring, np.random.default_rng(seed))
            found = probe.decode(of_part.of_sentences(test))
        drawn.scores[row][draw] = _score_primary(task, test, found, options, scoring)
    return drawn


def _score_resamples(
    task: SequenceLabelingTask,
    vectors: TokenVectors,
    train: np.ndarray,
    test: np.ndarray,
    probe: CrfProbe,
    options: SequenceLabelingOptions,
    scoring: TagScoring,
    n_draws: int,
) -> TrainingDraws:
    """Score probes that are fitted on resamples of the training sentences, with the penalty of all of them."""
    metric = options.primary_metric or scoring.metric
    drawn = TrainingDraws.plan(metric, learnt=train, groups=task.groups, n_units=len(test), n_draws=n_draws)
    of_test = vectors.of_sentences(test)
    for draw, rows in drawn.resamples(train):
        sentences = train[rows]
        codes = task.codes[find_tokens_of_sentences(task.starts, sentences)[0]]
        fitted = fit_on_resample(probe, vectors.of_sentences(sentences), codes, task.allowed, options)
        drawn.scores[draw] = _score_primary(task, test, fitted.decode(of_test), options, scoring)
    return drawn


def _score_primary(
    task: SequenceLabelingTask, test: np.ndarray, found: np.ndarray, options: SequenceLabelingOptions, scoring: TagScoring
) -> np.ndarray:
    """Score the tags found for the test sentences by the primary metric: shape (n_sentences,)."""
    metric = options.primary_metric or scoring.metric
    if metric == scoring.metric:
        tokens, starts = find_tokens_of_sentences(task.starts, test)
        return scoring.score_sentences(task, task.codes[tokens], found, starts)
    costs = {"dim": 0, "encode_seconds": 0.0, "fit_seconds": 0.0, "bytes_per_item": 0.0}
    item_scores = scoring.build_evaluation(task, test, found, **costs).item_scores
    values = item_scores.filter(pc.equal(item_scores["metric"], metric))["value"].to_numpy()
    if not len(values):
        known = item_scores["metric"].unique().to_pylist()
        reason = f"{metric!r} is no metric that this task's examples have"
        raise DataError(f"{task.name}: primary_metric", reason, suggest(metric, known))
    return np.asarray(values)


def _count_resamples(options: SequenceLabelingOptions, train: np.ndarray) -> int:
    if options.training_draws is not None:
        return options.training_draws
    return TRAINING_DRAWS if len(train) <= FEW_SENTENCES else 0


def _find_strata(task: SequenceLabelingTask, sentences: np.ndarray) -> np.ndarray:
    """Find a number for each sentence: the same for those of one split and stratum."""
    numbers: dict[tuple[str, frozenset[str]], int] = {}
    kinds = [(str(task.split[row]), task.find_stratum(task.tags[row])) for row in sentences]
    return np.array([numbers.setdefault(kind, len(numbers)) for kind in kinds], dtype=np.int64)


def _find_held_out(
    task: SequenceLabelingTask, train: np.ndarray, options: SequenceLabelingOptions, rng: np.random.Generator
) -> list[np.ndarray]:
    """Find the training sentences that choose the penalty; equal ones stay together.

    A part of them, or, where that would be too few to tell penalties apart, all in turn. A split ``validation`` that is
    there as a whole chooses alone, whatever its size.
    """
    is_validation = task.split[train] == "validation"
    enough = min(FEWEST_HELD_OUT, int((task.split == "validation").sum()))
    if 0 < enough <= is_validation.sum() < len(train):
        return [np.asarray(is_validation)]
    _, group = np.unique(task.groups[train], return_inverse=True)
    n_groups = int(group.max()) + 1
    if n_groups < 2:
        raise DataError(task.name, "the training part has fewer than two distinct sentences", "add some")
    n_drawn = min(max(1, round(options.validation_share * n_groups)), n_groups - 1)
    order = rng.permutation(n_groups)
    if n_drawn >= FEWEST_HELD_OUT:
        return [np.isin(group, order[:n_drawn])]
    n_rounds = min(max(2, round(1 / options.validation_share)), n_groups)
    return [np.isin(group, order[number::n_rounds]) for number in range(n_rounds)]
