"""Sequence labeling: a probe on frozen token vectors finds entities. Unit: the sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector
from emb_pipeline.embeddings.protocols import Setting, TaskWordEncoder, TokenEncoder, WordEncoder, token_dim_of
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.metrics.class_results import build_entity_predictions
from emb_pipeline.tasks.probes.crf import (
    FORBIDDEN,
    CrfCoefficients,
    TokenVectors,
    encode_sentences,
    find_tokens_of_sentences,
)
from emb_pipeline.tasks.probes.crf_probe import CrfProbe, fit_crf_probe, fit_on_resample
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask
from emb_pipeline.tasks.splits.label_draws import LabelDraws, explain_too_few_labels
from emb_pipeline.tasks.splits.training_draws import TrainingDraws
from emb_pipeline.text.tagging import OUTSIDE, convert_to_iob2

FEWEST_HELD_OUT = 100
"""Sentences that tell penalties apart by more than luck; also the fewest that a learning curve starts with."""
FEW_SENTENCES = 1_000
"""Training sentences up to which probes learn from resamples of them unless an option says otherwise."""
TRAINING_DRAWS = 5
"""Resamples then."""


def evaluate_sequence_labeling(
    task: SequenceLabelingTask,
    encoder: WordEncoder | TokenEncoder | TaskWordEncoder,
    options: SequenceLabelingOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by the entities that a conditional random field on its token vectors finds.

    Parameters
    ----------
    task : SequenceLabelingTask
        Tagged sentences.
    encoder : WordEncoder, TokenEncoder or TaskWordEncoder
        The embedding. One that is fitted on the task is fitted on the words of the training sentences.
    options : SequenceLabelingOptions
        The probe.
    seed : int
        Seed of the sentences that choose the penalty (where no split ``validation`` does), of the parts of the training
        sentences for the learning curve, and of label shuffling.
    shuffle_labels : bool
        Train on permuted tags: a control.

    Returns
    -------
    Evaluation
        See `score_entities`. Besides them ``f1`` from parts of the training sentences, and from resamples of them.
    """
    with threadpool_limits(1):
        train, test = np.flatnonzero(task.split != "test"), np.flatnonzero(task.split == "test")
        vectors, encode_seconds = encode_tokens(task, encoder, train)
        tokens, starts = find_tokens_of_sentences(task.starts, train)
        codes = task.codes[tokens]
        rng = np.random.default_rng(seed)
        if shuffle_labels:
            codes = _repair_tags(task, rng.permutation(codes), starts)
        if not codes.any():
            raise DataError(task.name, "the training part has no entity", "check which column holds the tags")
        started = perf_counter()
        probe = _fit_probe(task, vectors, train, codes, options, rng)
        predicted = probe.decode(vectors.of_sentences(test))
        fit_seconds = perf_counter() - started
        n_draws = 0 if shuffle_labels else options.label_draws
        fewer = _score_parts(task, encoder, vectors, train, test, options, n_draws=n_draws, seed=seed)
        started = perf_counter()
        again = _score_resamples(
            task, vectors, train, test, probe, options, 0 if shuffle_labels else _count_resamples(options, train)
        )
        draws_seconds = perf_counter() - started
    scored = score_entities(
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
            "n_train_entities": len(Entities.of(codes, starts, task.labels).begins),
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


def score_predictions(task: SequenceLabelingTask, predictions: Mapping[str, pa.Table]) -> Evaluation:
    """Score the tags that a fine-tuned model gives the test sentences.

    Parameters
    ----------
    task : SequenceLabelingTask
        The task that it was tuned on.
    predictions : mapping of str to Table
        ``predictions`` (unit_id, values: tag codes) and ``costs``, of `emb_pipeline.tasks.fine_tuning`.
    """
    position_of = {name: position for position, name in enumerate(task.example_ids.tolist())}
    test = np.array([position_of[name] for name in predictions["predictions"]["unit_id"].to_pylist()])
    codes = np.concatenate([np.array(row, dtype=np.int64) for row in predictions["predictions"]["values"].to_pylist()])
    return score_entities(task, test, codes, fit_seconds=0.0, **predictions["costs"].to_pylist()[0])


def score_entities(task: SequenceLabelingTask, test: np.ndarray, predicted: np.ndarray, **costs: Any) -> Evaluation:
    """Build the item scores of the entities that were found in the test sentences.

    Parameters
    ----------
    task : SequenceLabelingTask
        The task.
    test : ndarray of int
        Numbers of the sentences.
    predicted : ndarray of shape (n_tokens,), int64
        Codes of the tags found for their tokens, valid IOB2.
    **costs
        The other fields of the evaluation.

    Returns
    -------
    Evaluation
        ``f1``, ``precision`` and ``recall`` of entities, right only where type and both ends are; ``recall_seen`` and
        ``recall_unseen`` of those whose words (of any case) the training part does and does not have with their type; and
        ``f1_<type>`` where there are several; what the test part has no entity for is left out. Item scores are
        pseudo-values whose means are these figures (`intervals.pseudo_values.compute_ratio`), so that whole
        sentences are resampled.
    """
    tokens, starts = find_tokens_of_sentences(task.starts, test)
    gold = Entities.of(task.codes[tokens], starts, task.labels)
    found = Entities.of(predicted, starts, task.labels)
    hit = gold.are_in(found)
    seen = _find_seen(task, test, gold)
    per_sentence = gold.per_sentence
    counts = {
        "f1": f1_counts(found, gold),
        "precision": (per_sentence(hit), found.per_sentence()),
        "recall": (per_sentence(hit), per_sentence()),
    }
    for name, part in (("seen", seen), ("unseen", ~seen)):
        if part.any():
            counts[f"recall_{name}"] = per_sentence(hit & part), per_sentence(part)
    for code, kind in enumerate(task.types if len(task.types) > 1 else ()):
        if (gold.kinds == code).any():
            counts[f"f1_{kind}"] = f1_counts(found.of_type(code), gold.of_type(code))
    values = {name: compute_ratio(*parts) for name, parts in counts.items()}
    weights = {name: below for name, (_, below) in counts.items()}
    groups = task.example_ids[task.groups[test]]
    item_scores = build_item_scores(task.example_ids[test], groups, values, weights=weights)
    return Evaluation(
        item_scores,
        {name: float(scores.mean()) for name, scores in values.items()},
        predictions=build_entity_predictions(task.example_ids[test].tolist(), task.types, _pair_entities(gold, found)),
        **costs,
    )


def _pair_entities(gold: Entities, found: Entities) -> list[tuple[int, int, int, int | None, int | None]]:
    """List the sentence, first and last token in it, and the two types of each entity that is marked, found, or both."""
    types: dict[tuple[int, int], list[int | None]] = {}
    for place, entities in enumerate((gold, found)):
        for begin, end, kind in zip(entities.begins.tolist(), entities.ends.tolist(), entities.kinds.tolist(), strict=True):
            types.setdefault((begin, end), [None, None])[place] = kind
    spans = sorted(types)
    sentences = np.searchsorted(gold.starts, [begin for begin, _ in spans], side="right") - 1
    offsets = gold.starts[sentences].tolist()
    return [
        (sentence, begin - offset, end - offset, *types[begin, end])
        for (begin, end), sentence, offset in zip(spans, sentences.tolist(), offsets, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Entities:
    """The entities of some sentences.

    Attributes
    ----------
    begins, ends : ndarray of shape (n_entities,), int64
        Tokens ``begins`` to ``ends - 1``, counted over all sentences.
    kinds : ndarray of shape (n_entities,), int64
        Number of the type.
    starts : ndarray of shape (n_sentences + 1,), int64
        Where each sentence starts.
    """

    begins: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, starts: np.ndarray, labels: Sequence[str]) -> Entities:
        """Find the entities of tokens with these tags, valid IOB2: labels are O, then B- and I- of each type."""
        begins = np.flatnonzero((codes > 0) & (codes % 2 == 1))
        is_inside = (codes > 0) & (codes % 2 == 0)
        breaks = np.union1d(np.flatnonzero(~is_inside), starts)
        ends = breaks[np.searchsorted(breaks, begins + 1)]
        return cls(begins, ends, (codes[begins] - 1) // 2, starts)

    def of_type(self, kind: int) -> Entities:
        """Select those of one type."""
        kept = self.kinds == kind
        return Entities(self.begins[kept], self.ends[kept], self.kinds[kept], self.starts)

    def are_in(self, other: Entities) -> np.ndarray:
        """Find which entities, with type and both ends, are among the others: shape (n_entities,), bool."""
        known = set(zip(other.begins.tolist(), other.ends.tolist(), other.kinds.tolist(), strict=True))
        mine = zip(self.begins.tolist(), self.ends.tolist(), self.kinds.tolist(), strict=True)
        return np.fromiter((entity in known for entity in mine), bool, len(self.begins))

    def per_sentence(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Count the (chosen) entities of each sentence: shape (n_sentences,)."""
        begins = self.begins if chosen is None else self.begins[chosen]
        return np.bincount(np.searchsorted(self.starts, begins, side="right") - 1, minlength=len(self.starts) - 1)


def f1(found: Entities, gold: Entities) -> np.ndarray:
    """Compute pseudo-values of F1: shape (n_sentences,)."""
    return compute_ratio(*f1_counts(found, gold))


def f1_counts(found: Entities, gold: Entities) -> tuple[np.ndarray, np.ndarray]:
    """Count numerator and denominator of F1 = 2 TP / (found + gold) of each sentence: two arrays of shape (n_sentences,)."""
    return 2 * gold.per_sentence(gold.are_in(found)), found.per_sentence() + gold.per_sentence()


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
    rng: np.random.Generator,
) -> CrfProbe:
    """Fit the probe of some sentences, whose tokens have these tags."""
    _, starts = find_tokens_of_sentences(task.starts, train)

    def quality(sentences: np.ndarray, found: np.ndarray) -> np.ndarray:
        part_tokens, part_starts = find_tokens_of_sentences(starts, sentences)
        wanted = Entities.of(codes[part_tokens], part_starts, task.labels)
        return f1(Entities.of(found, part_starts, task.labels), wanted)

    rounds = _find_held_out(task, train, options, rng)
    return fit_crf_probe(vectors.of_sentences(train), codes, task.allowed, rounds, quality, options)


def _score_parts(
    task: SequenceLabelingTask,
    encoder: WordEncoder | TokenEncoder | TaskWordEncoder,
    vectors: TokenVectors,
    train: np.ndarray,
    test: np.ndarray,
    options: SequenceLabelingOptions,
    *,
    n_draws: int | None,
    seed: int,
) -> LabelDraws:
    """Compute F1 of probes that are tuned and fitted on parts of the training sentences, the validation split among them."""
    drawn = LabelDraws.plan(
        "f1",
        n_labels=len(train),
        n_classes=len(task.types),
        n_units=len(test),
        n_draws=n_draws,
        wanted=options.label_counts,
        fewest=FEWEST_HELD_OUT,
    )
    tokens, starts = find_tokens_of_sentences(task.starts, test)
    gold = Entities.of(task.codes[tokens], starts, task.labels)
    for (row, draw), part in drawn.parts(_find_strata(task, train)):
        sentences = train[part]
        of_part = vectors
        if isinstance(encoder, TaskWordEncoder) and not options.unlabeled_texts:
            with explain_too_few_labels(task.name, len(part)):
                of_part, _ = encode_tokens(task, encoder, sentences)
        codes = task.codes[find_tokens_of_sentences(task.starts, sentences)[0]]
        found = np.zeros(len(tokens), dtype=np.int64)
        if codes.any():
            probe = _fit_probe(task, of_part, sentences, codes, options, np.random.default_rng(seed))
            found = probe.decode(of_part.of_sentences(test))
        drawn.scores[row][draw] = f1(Entities.of(found, starts, task.labels), gold)
    return drawn


def _score_resamples(
    task: SequenceLabelingTask,
    vectors: TokenVectors,
    train: np.ndarray,
    test: np.ndarray,
    probe: CrfProbe,
    options: SequenceLabelingOptions,
    n_draws: int,
) -> TrainingDraws:
    """Compute F1 of probes that are fitted on resamples of the training sentences, with the penalty of all of them."""
    drawn = TrainingDraws.plan("f1", learnt=train, groups=task.groups, n_units=len(test), n_draws=n_draws)
    tokens, starts = find_tokens_of_sentences(task.starts, test)
    gold, of_test = Entities.of(task.codes[tokens], starts, task.labels), vectors.of_sentences(test)
    for draw, rows in drawn.resamples(train):
        sentences = train[rows]
        codes = task.codes[find_tokens_of_sentences(task.starts, sentences)[0]]
        fitted = fit_on_resample(probe, vectors.of_sentences(sentences), codes, task.allowed, options)
        drawn.scores[draw] = f1(Entities.of(fitted.decode(of_test), starts, task.labels), gold)
    return drawn


def _count_resamples(options: SequenceLabelingOptions, train: np.ndarray) -> int:
    if options.training_draws is not None:
        return options.training_draws
    return TRAINING_DRAWS if len(train) <= FEW_SENTENCES else 0


def _find_strata(task: SequenceLabelingTask, sentences: np.ndarray) -> np.ndarray:
    """Find a number for each sentence: the same for those of one split that have entities of the same types."""
    numbers: dict[tuple[str, frozenset[str]], int] = {}
    kinds = [(str(task.split[row]), frozenset(tag[2:] for tag in task.tags[row] if tag != OUTSIDE)) for row in sentences]
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


def _repair_tags(task: SequenceLabelingTask, codes: np.ndarray, starts: np.ndarray) -> np.ndarray:
    labels = np.array(task.labels)
    code_of = {label: code for code, label in enumerate(task.labels)}
    sentences = np.split(labels[codes], starts[1:-1])
    return np.array([code_of[tag] for sentence in sentences for tag in convert_to_iob2(sentence.tolist())], dtype=np.int64)


def _find_seen(task: SequenceLabelingTask, test: np.ndarray, gold: Entities) -> np.ndarray:
    train = np.flatnonzero(task.split != "test")
    known = set(_list_surfaces(task, train, None))
    return np.fromiter((entity in known for entity in _list_surfaces(task, test, gold)), bool, len(gold.begins))


def _list_surfaces(task: SequenceLabelingTask, sentences: np.ndarray, entities: Entities | None) -> list[tuple[str, int]]:
    """List the words, casefolded, and the type of each entity of some sentences."""
    tokens, starts = find_tokens_of_sentences(task.starts, sentences)
    words = [token for row in sentences for token in task.sentences[row]]
    chosen = entities or Entities.of(task.codes[tokens], starts, task.labels)
    spans = zip(chosen.begins.tolist(), chosen.ends.tolist(), chosen.kinds.tolist(), strict=True)
    return [(" ".join(words[begin:end]).casefold(), kind) for begin, end, kind in spans]
