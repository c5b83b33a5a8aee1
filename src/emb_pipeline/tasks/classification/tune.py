"""Fine-tuning an embedding on labelled texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.training.encoder_tuning import tune_by_contrast, tune_on_classes
from emb_pipeline.embeddings.encodings.vectors import encode_texts
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import TextEncoder
from emb_pipeline.embeddings.static.bag_tuning import LabeledTexts, tune_bag, with_words
from emb_pipeline.embeddings.static.options import BagTuningOptions, PooledOptions
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.probe import fit_probe
from emb_pipeline.tasks.classification.swapped import build_swapped_predictions, swap_test_texts
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.fine_tuning import FineTuned, Tunable, choose_held_out, require_transformer
from emb_pipeline.tasks.fold_tuning import TunedFold, fine_tune_folds
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
    tested = np.arange(len(task.codes)) if task.split is None else np.flatnonzero(task.split == "test")
    swapped = swap_test_texts(task.texts, tested, options.word_swaps, task.name)

    def predict_swapped(encoder: TextEncoder, fold: TunedFold, test: np.ndarray) -> None:
        for each in swapped:
            if len(places := each.find(test)):
                of_swapped, _ = encode_texts(encoder, each.texts.take(places), task.name)
                each.predicted[places] = fold.predict(of_swapped).argmax(axis=1)

    made = fine_tune_folds(task, tunable, options, partial(_tune_on_fold, task, tunable, options), predict_swapped)
    if not swapped:
        return made
    return replace(made, predictions={**made.predictions, "swapped": build_swapped_predictions(swapped, task.example_ids)})


def _tune_on_fold(
    task: ClassificationTask,
    tunable: Tunable,
    options: ClassificationOptions,
    groups: np.ndarray,
    train: np.ndarray,
    folder: Path,
) -> TunedFold:
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
        return TunedFold(bag.vectors, bag.head.log_probabilities, min(bag.losses, key=min))
    base, encoder_tuning, encoder_options = require_transformer(tunable, task.name)
    if encoder_tuning.objective == "contrast":
        drawn = tune_by_contrast(
            base, encoder_options, texts, codes, held_out, encoder_tuning, seed=tunable.seed, folder=folder
        )
        return TunedFold(drawn.encoder, probe(tunable.encoder(drawn.encoder)).log_probabilities, drawn.losses)
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
    return TunedFold(tuned.encoder, cast(LinearHead, tuned.head).log_probabilities, tuned.losses)


def _list_words(texts: Texts) -> Iterable[str]:
    return (texts.terms.vocabulary[column] for column in np.unique(texts.terms.counts.indices))
