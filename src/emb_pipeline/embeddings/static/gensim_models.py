"""Gensim's trainers on a corpus file: the other backend of word2vec and fasttext, and the reference of our own."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec

from emb_pipeline.embeddings.static.options import NegativeSamplingOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training.request import OnEpoch, TrainingClock, TrainingRequest, known_words

Model = TypeVar("Model", bound=Word2Vec)
AnyNegativeSampling = TypeVar("AnyNegativeSampling", bound=NegativeSamplingOptions)


def train(
    kind: Callable[..., Model], method: str, request: TrainingRequest[AnyNegativeSampling], **arguments: int
) -> tuple[WordVectors, Model]:
    """Train a model from the corpus file, with the corpus's own vocabulary table.

    Parameters
    ----------
    kind : callable
        Makes gensim's model: ``Word2Vec`` or a class of its kind.
    method : str
        Our name of it, for the record.
    request : TrainingRequest
        Its ``on_epoch`` gets no loss: gensim reports none in this mode.
    **arguments
        What else the model takes, under gensim's names.

    Returns
    -------
    tuple of WordVectors and model
        The words' vectors and their record, and what they were read from.
    """
    clock = TrainingClock()
    request = request.with_effective_workers()
    corpus, options, on_epoch = request.corpus, request.options, request.on_epoch
    model = kind(
        vector_size=request.require_dim(),
        sg=int(options.architecture == "skip_gram"),
        window=options.window,
        negative=options.negative,
        sample=options.sample,
        alpha=options.learning_rate,
        min_alpha=options.learning_rate / 1000,
        min_count=options.min_count,
        seed=request.seed,
        workers=request.workers,
        hashfxn=stable_hash,
        **arguments,
    )
    words, counts = known_words(corpus, options.min_count)
    model.build_vocab_from_freq(dict(zip(words, counts.tolist(), strict=True)), corpus_count=corpus.n_sentences)
    model.train(
        corpus_file=str(corpus.tokens_path),
        total_examples=corpus.n_sentences,
        total_words=corpus.n_tokens,
        epochs=options.epochs,
        callbacks=[_EpochCounter(on_epoch)] if on_epoch else [],
    )
    record = clock.record(method, request, libraries=("gensim", "numpy"))
    known = model.wv.index_to_key
    of_words = np.array([model.wv.get_vecattr(word, "count") for word in known], dtype=np.int64)
    return WordVectors(list(known), of_words, np.ascontiguousarray(model.wv.vectors, dtype=np.float32), record), model


def stable_hash(word: str) -> int:
    """A hash that, unlike Python's own, is the same in every process."""
    return zlib.crc32(word.encode("utf-8"))


class _EpochCounter(CallbackAny2Vec):  # type: ignore[misc]
    def __init__(self, on_epoch: OnEpoch) -> None:
        self._on_epoch = on_epoch
        self._finished = 0

    def on_epoch_end(self, model: Word2Vec) -> None:
        self._finished += 1
        self._on_epoch(self._finished, None)
