"""The chosen embedding with what a task's training examples add to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from threadpoolctl import threadpool_limits

from emb_pipeline.deployment.bundle import Answering, TextClassifier, TextSearch, TextVectors
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.marked import MarkedEncoder
from emb_pipeline.embeddings.protocols import TaskEncoder, TextEncoder, fitted_on
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.folds import fold_groups
from emb_pipeline.tasks.probes.probe import fit_probe
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.vectors import encoded, unit_length
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.words import WORDS_MARK


def ready_to_use(task: Any, encoder: TextEncoder | TaskEncoder, options: Any, *, seed: int) -> Answering:
    """What takes text and answers as the task asks.

    A classifier learns from all examples that are not the official test part; without one, from all. For retrieval the
    passages come along. Of other kinds the embedding is what can be handed over.

    Parameters
    ----------
    task : ClassificationTask, RetrievalTask or another task
        The examples.
    encoder : TextEncoder or TaskEncoder
        The chosen embedding.
    options : BaseModel
        The kind's evaluation options: the probe is tuned as it was for the evaluation.
    seed : int
        Of the inner folds.
    """
    with threadpool_limits(1):
        if isinstance(task, ClassificationTask):
            return _classifier(task, encoder, options, seed=seed)
        if isinstance(task, RetrievalTask):
            fitted = fitted_on(encoder, task.passages, "passage")
            vectors, _ = encoded(fitted, task.passages, "passages", "passage")
            return TextSearch(_as_cut(fitted, task.passages), task.passage_ids.tolist(), unit_length(vectors))
        texts = _texts_of(task)
        return TextVectors(_as_cut(encoder.fit(texts) if isinstance(encoder, TaskEncoder) else encoder, texts))


def _texts_of(task: Any) -> Texts:
    """What an embedding of a task without classes or passages is fitted on: its texts, or sentences and contexts."""
    if getattr(task, "texts", None) is not None:
        return cast(Texts, task.texts)
    if hasattr(task, "sentences"):
        return Texts(" ".join(words) for words in task.sentences)
    return Texts([*getattr(task, "contexts", ()), *getattr(task, "questions", ())])


def _classifier(
    task: ClassificationTask, encoder: TextEncoder | TaskEncoder, options: ClassificationOptions, *, seed: int
) -> TextClassifier:
    train = np.arange(len(task.codes)) if task.split is None else np.flatnonzero(task.split != "test")
    texts = task.texts.take(train)
    fitted = encoder.fit(texts) if isinstance(encoder, TaskEncoder) else encoder
    vectors, _ = encoded(fitted, texts, task.name)
    probe = fit_probe(vectors, task.codes[train], len(task.classes), fold_groups(task, options)[train], options, seed=seed)
    head: LinearHead = probe.head(vectors.shape[1])
    shares = np.bincount(task.codes[train], minlength=len(task.classes)) / len(train)
    return TextClassifier(_as_cut(fitted, texts), head, task.classes.tolist(), shares)


def _as_cut(encoder: TextEncoder, texts: Sequence[str]) -> TextEncoder:
    """The encoder, for texts that are cut into words as the task's are."""
    return MarkedEncoder(encoder) if any(WORDS_MARK in text for text in texts) else encoder
