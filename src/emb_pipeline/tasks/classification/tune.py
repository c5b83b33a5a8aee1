"""Fine-tuning an embedding on labelled texts."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import cast

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.corrupt.typos import choose_test_texts
from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.encoder_tuning import tune_by_contrast, tune_on_classes
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector, encode_texts
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import TextEncoder
from emb_pipeline.embeddings.static.bag_tuning import LabeledTexts, tune_bag, with_words
from emb_pipeline.embeddings.static.options import BagTuningOptions, PooledOptions
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.swapped import build_swapped_predictions, swap_test_texts
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.fine_tuning import (
    FineTuned,
    Tunable,
    add_costs,
    build_predictions,
    choose_held_out,
    require_transformer,
)
from emb_pipeline.tasks.probes.probe import fit_probe
from emb_pipeline.tasks.splits.example_folds import draw_folds, find_fold_groups, find_tested
from emb_pipeline.text.texts import Texts


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
        groups, tested = find_fold_groups(task, options), choose_test_texts(task.texts, options.typos)
        folds = draw_folds(task, groups, n_folds=options.folds, seed=tunable.seed)
        trained_on = np.unique(np.concatenate([train for train, _ in folds]))
        learnable = tunable.select_learnable(task.name, trained_on, task.texts)
        folds = [(np.intersect1d(train, learnable), test) for train, test in folds]
        made = [_tune_on_fold(task, groups, train, tunable, options, number) for number, (train, _) in enumerate(folds)]
        swapped = swap_test_texts(task.texts, find_tested(folds), options.word_swaps, task.name)
        parts, seconds, size, dim = [], 0.0, 0.0, 0
        for number, ((_, test), (artifact, head, _)) in enumerate(zip(folds, made, strict=True)):
            encoder = tunable.encoder(artifact)
            vectors, spent = encode_texts(encoder, tested.take(test), task.name)
            for each in swapped:
                if len(places := each.find(test)):
                    of_swapped, _ = encode_texts(encoder, each.texts.take(places), task.name)
                    each.predicted[places] = head.log_probabilities(of_swapped).argmax(axis=1)
            parts.append(build_predictions(task.example_ids[test], head.log_probabilities(vectors)))
            seconds, size, dim = seconds + spent, bytes_per_vector(vectors), int(vectors.shape[1])
            if number and isinstance(artifact, EncoderFolder):
                shutil.rmtree(artifact.path)
    artifact, _, losses = made[0]
    costs = add_costs(pa.concat_tables(parts), dim, seconds, size)
    if swapped:
        costs["swapped"] = build_swapped_predictions(swapped, task.example_ids)
    return FineTuned(artifact, costs, losses, len(learnable), len(trained_on) - len(learnable))


def _tune_on_fold(
    task: ClassificationTask,
    groups: np.ndarray,
    train: np.ndarray,
    tunable: Tunable,
    options: ClassificationOptions,
    number: int,
) -> tuple[WordVectors | EncoderFolder, LinearHead, list[float]]:
    texts, codes, n_classes = task.texts.take(train), task.codes[train], len(task.classes)
    split = None if task.split is None else task.split[train]
    held_out = choose_held_out(split, codes, groups[train], tunable.tuning, tunable.seed)
    fitted = np.flatnonzero(~held_out)

    def probe(encoder: TextEncoder) -> LinearHead:
        vectors, _ = encode_texts(encoder, texts.take(fitted), task.name)
        found = fit_probe(vectors, codes[fitted], task.classes, groups[train][fitted], options, seed=tunable.seed)
        return found.head(vectors.shape[1])

    if isinstance(tunable.base, WordVectors):
        pooling, tuning = cast(PooledOptions, tunable.options).pooling, cast(BagTuningOptions, tunable.tuning)
        start = with_words(tunable.base, _list_words(texts.take(fitted)))
        head = probe(PooledEncoder(start, pooling)) if tuning.start == "vectors" else None
        bag = tune_bag(start, pooling, LabeledTexts(texts, codes, held_out, n_classes), tuning, seed=tunable.seed, head=head)
        return bag.vectors, bag.head, min(bag.losses, key=min)
    base, encoder_tuning, encoder_options = require_transformer(tunable, task.name)
    folder = tunable.folder if number == 0 else tunable.folder.with_name(f"{tunable.folder.name}-fold{number}")
    if encoder_tuning.objective == "contrast":
        drawn = tune_by_contrast(
            base, encoder_options, texts, codes, held_out, encoder_tuning, seed=tunable.seed, folder=folder
        )
        return drawn.encoder, probe(tunable.encoder(drawn.encoder)), drawn.losses
    frozen = factory.build_encoder(tunable.method, tunable.options, artifact=base, encodings=tunable.encodings)
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


def _list_words(texts: Texts) -> Iterable[str]:
    return (texts.terms.vocabulary[column] for column in np.unique(texts.terms.counts.indices))
