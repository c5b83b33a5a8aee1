"""Gensim's trainers on a corpus file: the other backend of word2vec and fasttext, and the reference of our own."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec

from emb_pipeline.embeddings.options import FastTextOptions, Word2VecOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training import OnEpoch, TrainingClock, effective_workers, known_words
from emb_pipeline.text.tokens import TokenCorpus

Model = TypeVar("Model", bound=Word2Vec)


def trained(
    kind: Callable[..., Model],
    method: str,
    tokens: TokenCorpus,
    *,
    dim: int,
    options: Word2VecOptions | FastTextOptions,
    seed: int,
    workers: int,
    on_epoch: OnEpoch | None,
    **arguments: int,
) -> tuple[WordVectors, Model]:
    """Train a model from the corpus file, with the corpus's own vocabulary table.

    Parameters
    ----------
    kind : callable
        Makes gensim's model: ``Word2Vec`` or a class of its kind.
    method : str
        Our name of it, for the record.
    tokens, dim, options, seed, workers
        As for `emb_pipeline.embeddings.static.word2vec.train`.
    on_epoch : callable, optional
        Gets no loss: gensim reports none in this mode.
    **arguments
        What else the model takes, under gensim's names.

    Returns
    -------
    tuple of WordVectors and model
        The words' vectors and their record, and what they were read from.
    """
    clock = TrainingClock()
    workers = effective_workers(options, workers)
    model = kind(
        vector_size=dim,
        sg=int(options.architecture == "skip_gram"),
        window=options.window,
        negative=options.negative,
        sample=options.sample,
        alpha=options.learning_rate,
        min_alpha=options.learning_rate / 1000,
        min_count=options.min_count,
        seed=seed,
        workers=workers,
        hashfxn=stable_hash,
        **arguments,
    )
    words, counts = known_words(tokens, options.min_count)
    model.build_vocab_from_freq(dict(zip(words, counts.tolist(), strict=True)), corpus_count=tokens.n_sentences)
    model.train(
        corpus_file=str(tokens.tokens_path),
        total_examples=tokens.n_sentences,
        total_words=tokens.n_tokens,
        epochs=options.epochs,
        callbacks=[_EpochCounter(on_epoch)] if on_epoch else [],
    )
    record = clock.record(
        method, tokens, dim=dim, options=options, seed=seed, workers=workers, libraries=("gensim", "numpy")
    )
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
