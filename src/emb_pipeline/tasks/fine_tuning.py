"""Fine-tuning an embedding on a task's training examples, and what the tuned model says about its test examples."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.corrupt.typos import texts_under_test
from emb_pipeline.embeddings import registry
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.encoder_tuning import (
    tune_by_contrast,
    tune_on_classes,
    tune_on_pairs,
    tune_on_spans,
    tune_on_tags,
)
from emb_pipeline.embeddings.contextual.span_reading import read_spans
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.options import (
    BagTuningOptions,
    EncoderOptions,
    EncoderTuningOptions,
    Options,
    PooledOptions,
    TuningOptions,
)
from emb_pipeline.embeddings.protocols import TextEncoder
from emb_pipeline.embeddings.static.bag_tuning import tune_bag, with_words
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.examples import ClassificationTask, RetrievalTask
from emb_pipeline.tasks.extractive_qa.evaluate import ExtractiveTask, held_out_questions
from emb_pipeline.tasks.folds import duplicate_groups, fold_groups, folds_of, stratified_folds
from emb_pipeline.tasks.options import (
    ClassificationOptions,
    ExtractiveOptions,
    RetrievalOptions,
    SequenceLabellingOptions,
)
from emb_pipeline.tasks.probes.crf import best_allowed, tokens_of_sentences
from emb_pipeline.tasks.probes.probe import fit_probe
from emb_pipeline.tasks.sequence_labeling.evaluate import SequenceLabellingTask
from emb_pipeline.tasks.vectors import bytes_per_vector, encoded
from emb_pipeline.text.held_out import telling_keys
from emb_pipeline.text.texts import Texts

PREDICTIONS = pa.schema([("unit_id", pa.string()), ("values", pa.list_(pa.float64()))])
"""What a tuned model says of each test example: log probabilities of the classes, codes of the tags, or a span's ends."""
COSTS = pa.schema([("dim", pa.int64()), ("encode_seconds", pa.float64()), ("bytes_per_item", pa.float64())])


@dataclass(frozen=True)
class Tunable:
    """An embedding, and how it is to be tuned.

    Attributes
    ----------
    base : WordVectors or EncoderFolder
        What is tuned.
    method : str
        The method that made it.
    options : Options
        That method's options: pooling, maximum length.
    tuning : TuningOptions
        How to tune.
    seed : int
        Of everything that is drawn.
    folder : Path
        A name for the tuned encoder that is free.
    encodings : Path, optional
        Store of what the frozen encoder has encoded.
    tested_elsewhere : frozenset of int
        Keys of the sentences that other tasks test it on (`emb_pipeline.text.held_out.telling_keys`). No training example
        may hold one: its label would often be that task's answer.
    """

    base: WordVectors | EncoderFolder
    method: str
    options: Options
    tuning: TuningOptions
    seed: int
    folder: Path
    encodings: Path | None = None
    tested_elsewhere: frozenset[int] = frozenset()

    def learnable(self, task: str, rows: np.ndarray, *sides: Sequence[str]) -> np.ndarray:
        """Those of a task's training examples that hold no sentence which another task tests it on.

        Parameters
        ----------
        task : str
            Name of the task that it is tuned on.
        rows : ndarray of shape (n_training,), int
            Positions of the training examples.
        *sides : sequence of str
            The texts of all examples.

        Raises
        ------
        DataError
            Next to nothing is left.
        """
        texts = [[side[row] for side in sides] for row in rows.tolist()]
        distinct = {text for parts in texts for text in parts}
        tested = {text for text in distinct if not self.tested_elsewhere.isdisjoint(telling_keys(text))}
        left = rows[[tested.isdisjoint(parts) for parts in texts]]
        if len(left) < 2:
            raise DataError(
                task,
                f"{len(rows) - len(left)} of its {len(rows)} training examples hold a sentence that other tasks are tested "
                "on, so an embedding has nothing left to learn from",
                "name under evaluate_on: of grid.fine_tune the tasks that share no texts with it",
            )
        return left

    def encoder(self, tuned: WordVectors | EncoderFolder) -> Any:
        """The tuned embedding, ready to encode."""
        artifact = {"vectors": tuned} if isinstance(tuned, WordVectors) else {"model": tuned}
        return registry.encoder(self.method, options=self.options, **artifact)


@dataclass(frozen=True, eq=False)
class FineTuned:
    """A tuned embedding.

    Attributes
    ----------
    artifact : WordVectors or EncoderFolder
        It. Where the task is evaluated by folds, that of the first fold.
    predictions : dict of str to Table
        ``predictions`` and ``costs`` of the task's own test examples; empty where the task is scored by the vectors alone.
    losses : list of float
        Held-out losses of the best training (of the first fold), the first before training.
    n_learnt : int
        Training examples that it could learn from.
    n_left_out : int
        Training examples that were left out, since another task tests it on a sentence of theirs.
    """

    artifact: WordVectors | EncoderFolder
    predictions: dict[str, pa.Table]
    losses: list[float]
    n_learnt: int
    n_left_out: int


def fine_tune_classification(task: ClassificationTask, tunable: Tunable, options: ClassificationOptions) -> FineTuned:
    """Train vectors and a linear layer together, for each fold on its training texts; the head starts as a probe.

    Parameters
    ----------
    task : ClassificationTask
        Labelled texts.
    tunable : Tunable
        Word vectors or a transformer.
    options : ClassificationOptions
        Folds, and how the probe is fitted that the head starts from.
    """
    with threadpool_limits(1):
        groups, tested = fold_groups(task, options), texts_under_test(task.texts, options.typos)
        folds = folds_of(task, groups, n_folds=options.folds, seed=tunable.seed)
        trained_on = np.unique(np.concatenate([train for train, _ in folds]))
        learnable = tunable.learnable(task.name, trained_on, task.texts)
        folds = [(np.intersect1d(train, learnable), test) for train, test in folds]
        made = [_tuned_on_fold(task, groups, train, tunable, options, number) for number, (train, _) in enumerate(folds)]
        parts, seconds, size, dim = [], 0.0, 0.0, 0
        for number, ((_, test), (artifact, head, _)) in enumerate(zip(folds, made, strict=True)):
            vectors, spent = encoded(tunable.encoder(artifact), tested.take(test), task.name)
            parts.append(_predictions(task.example_ids[test], head.log_probabilities(vectors)))
            seconds, size, dim = seconds + spent, bytes_per_vector(vectors), int(vectors.shape[1])
            if number and isinstance(artifact, EncoderFolder):
                shutil.rmtree(artifact.path)
    artifact, _, losses = made[0]
    costs = _with_costs(pa.concat_tables(parts), dim, seconds, size)
    return FineTuned(artifact, costs, losses, len(learnable), len(trained_on) - len(learnable))


def fine_tune_sequence_labelling(
    task: SequenceLabellingTask, tunable: Tunable, options: SequenceLabellingOptions
) -> FineTuned:
    """Train a transformer and a linear layer on its token vectors; tags are the best sequence that IOB2 allows.

    Parameters
    ----------
    task : SequenceLabellingTask
        Tagged sentences.
    tunable : Tunable
        A transformer.
    options : SequenceLabellingOptions
        Share of the training sentences that is held out, where no split ``validation`` is.
    """
    base, tuning, encoder_options = _transformer(tunable, task.name)
    train, test = np.flatnonzero(task.split != "test"), np.flatnonzero(task.split == "test")
    learnable = tunable.learnable(task.name, train, [" ".join(tokens) for tokens in task.sentences])
    n_left_out, train = len(train) - len(learnable), learnable
    held_out = _held_out(task.split[train], np.zeros(len(train), dtype=int), task.groups[train], tuning, tunable.seed)
    with threadpool_limits(1):
        tuned = tune_on_tags(
            base,
            encoder_options,
            [task.sentences[row] for row in train],
            [task.codes[task.starts[row] : task.starts[row + 1]] for row in train],
            held_out,
            len(task.labels),
            tuning,
            seed=tunable.seed,
            folder=tunable.folder,
        )
        encoder = cast(ContextualEncoder, tunable.encoder(tuned.encoder))
        (rows, seconds) = _timed_tokens(encoder, [task.sentences[row] for row in test])
    _, starts = tokens_of_sentences(task.starts, test)
    codes = best_allowed(cast(LinearHead, tuned.head).log_probabilities(rows), starts, task.allowed)
    predictions = _predictions(task.example_ids[test], np.split(codes.astype(np.float64), starts[1:-1]))
    costs = _with_costs(predictions, base.dim, seconds, bytes_per_vector(rows))
    return FineTuned(tuned.encoder, costs, tuned.losses, len(train), n_left_out)


def fine_tune_extractive_qa(task: ExtractiveTask, tunable: Tunable, options: ExtractiveOptions) -> FineTuned:
    """Train a transformer and a span head that read question and context together.

    Parameters
    ----------
    task : ExtractiveTask
        Questions with contexts and answers.
    tunable : Tunable
        A transformer.
    options : ExtractiveOptions
        Words of an answer at most, and the share of contexts that is held out, where no split ``validation`` is.
    """
    base, tuning, encoder_options = _transformer(tunable, task.name)
    train, test = np.flatnonzero(task.split != "test"), np.flatnonzero(task.split == "test")
    contexts = [task.contexts[context] for context in task.context_of]
    learnable = tunable.learnable(task.name, train, task.questions, contexts)
    n_left_out, train = len(train) - len(learnable), learnable
    held_out = held_out_questions(task, train, options.validation_share, np.random.default_rng(tunable.seed))

    def words(rows: np.ndarray) -> tuple[list[list[str]], list[list[str]]]:
        return [task.question_words[row] for row in rows], [task.words[task.context_of[row]].words for row in rows]

    with threadpool_limits(1):
        tuned = tune_on_spans(
            base,
            encoder_options,
            *words(train),
            task.spans[train],
            held_out,
            tuning,
            seed=tunable.seed,
            folder=tunable.folder,
        )
        started = perf_counter()
        encoder = ContextualEncoder(tuned.encoder, _as_tuned(encoder_options, tuning))
        spans = read_spans(encoder, cast(LinearHead, tuned.head), *words(test), longest=options.max_answer_tokens)
        seconds = perf_counter() - started
    predictions = _predictions(task.example_ids[test], spans.astype(np.float64))
    costs = _with_costs(predictions, base.dim, seconds, 4.0 * base.dim)
    return FineTuned(tuned.encoder, costs, tuned.losses, len(train), n_left_out)


def fine_tune_retrieval(task: RetrievalTask, tunable: Tunable, options: RetrievalOptions) -> FineTuned:
    """Train a transformer on the task's training queries and their relevant passages.

    Parameters
    ----------
    task : RetrievalTask
        With training queries.
    tunable : Tunable
        A transformer.
    options : RetrievalOptions
        Not needed.

    Raises
    ------
    DataError
        The task has no training queries.
    """
    base, tuning, encoder_options = _transformer(tunable, task.name)
    queries, passages = task.training_pairs()
    if len(queries) < 2:
        raise DataError(
            task.name, "has no training queries", "give queries a split 'train', or set training_queries of its reading"
        )
    kept = tunable.learnable(task.name, np.arange(len(queries)), queries, passages)
    n_left_out = len(queries) - len(kept)
    queries, passages = queries.take(kept), passages.take(kept)
    groups = duplicate_groups(queries)
    held_out = _held_out(None, np.zeros(len(groups), dtype=int), groups, tuning, tunable.seed)
    with threadpool_limits(1):
        tuned = tune_on_pairs(
            base, encoder_options, queries, passages, held_out, tuning, seed=tunable.seed, folder=tunable.folder
        )
    return FineTuned(tuned.encoder, {}, tuned.losses, len(queries), n_left_out)


def _tuned_on_fold(
    task: ClassificationTask,
    groups: np.ndarray,
    train: np.ndarray,
    tunable: Tunable,
    options: ClassificationOptions,
    number: int,
) -> tuple[WordVectors | EncoderFolder, LinearHead, list[float]]:
    texts, codes, n_classes = task.texts.take(train), task.codes[train], len(task.classes)
    split = None if task.split is None else task.split[train]
    held_out = _held_out(split, codes, groups[train], tunable.tuning, tunable.seed)
    fitted = np.flatnonzero(~held_out)

    def probe(encoder: TextEncoder) -> LinearHead:
        vectors, _ = encoded(encoder, texts.take(fitted), task.name)
        found = fit_probe(vectors, codes[fitted], n_classes, groups[train][fitted], options, seed=tunable.seed)
        return found.head(vectors.shape[1])

    if isinstance(tunable.base, WordVectors):
        pooling, tuning = cast(PooledOptions, tunable.options).pooling, cast(BagTuningOptions, tunable.tuning)
        start = with_words(tunable.base, _words(texts.take(fitted)))
        head = probe(PooledEncoder(start, pooling)) if tuning.start == "vectors" else None
        bag = tune_bag(start, pooling, texts, codes, held_out, n_classes, tuning, seed=tunable.seed, head=head)
        return bag.vectors, bag.head, min(bag.losses, key=min)
    base, encoder_tuning, encoder_options = _transformer(tunable, task.name)
    folder = tunable.folder if number == 0 else tunable.folder.with_name(f"{tunable.folder.name}-fold{number}")
    if encoder_tuning.objective == "contrast":
        drawn = tune_by_contrast(
            base, encoder_options, texts, codes, held_out, encoder_tuning, seed=tunable.seed, folder=folder
        )
        return drawn.encoder, probe(tunable.encoder(drawn.encoder)), drawn.losses
    frozen = registry.encoder(tunable.method, options=tunable.options, model=base, encodings=tunable.encodings)
    tuned = tune_on_classes(
        base,
        encoder_options,
        texts,
        codes,
        held_out,
        n_classes,
        encoder_tuning,
        seed=tunable.seed,
        folder=folder,
        head=probe(cast(TextEncoder, frozen)),
    )
    return tuned.encoder, cast(LinearHead, tuned.head), tuned.losses


def _transformer(tunable: Tunable, place: str) -> tuple[EncoderFolder, EncoderTuningOptions, EncoderOptions]:
    if not isinstance(tunable.base, EncoderFolder):
        raise DataError(place, "fine-tunes transformers alone", "take an encoder as base, or a classification task")
    return tunable.base, cast(EncoderTuningOptions, tunable.tuning), cast(EncoderOptions, tunable.options)


def _as_tuned(options: EncoderOptions, tuning: EncoderTuningOptions) -> EncoderOptions:
    """Options of reading with the length that was trained with."""
    if tuning.max_length is None:
        return options
    return options.model_copy(update={"max_length": min(tuning.max_length, options.max_length or tuning.max_length)})


def _held_out(
    split: np.ndarray | None, codes: np.ndarray, groups: np.ndarray, tuning: TuningOptions, seed: int
) -> np.ndarray:
    """The training examples that say when to stop: the split ``validation``, or a share in which all classes are."""
    if split is not None and (split == "validation").any():
        return np.asarray(split == "validation")
    return np.asarray(stratified_folds(codes, groups, n_folds=max(2, round(1 / tuning.validation_share)), seed=seed) == 0)


def _words(texts: Texts) -> Iterable[str]:
    return (texts.terms.vocabulary[column] for column in np.unique(texts.terms.counts.indices))


def _timed_tokens(encoder: ContextualEncoder, sentences: list[list[str]]) -> tuple[np.ndarray, float]:
    started = perf_counter()
    rows = np.concatenate(encoder.encode_tokens(sentences))
    return rows, perf_counter() - started


def _predictions(unit_ids: np.ndarray, values: Iterable[np.ndarray]) -> pa.Table:
    return pa.table([pa.array(unit_ids.tolist()), pa.array([row.tolist() for row in values])], schema=PREDICTIONS)


def _with_costs(predictions: pa.Table, dim: int, encode_seconds: float, bytes_per_item: float) -> dict[str, pa.Table]:
    costs = {"dim": [dim], "encode_seconds": [encode_seconds], "bytes_per_item": [bytes_per_item]}
    return {"predictions": predictions, "costs": pa.table(costs, schema=COSTS)}
