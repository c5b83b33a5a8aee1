"""Gensim's trainers on a corpus file: the other backend of word2vec and fasttext, and the reference of our own."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec

from emb_pipeline.embeddings.training import OnEpoch, known_words
from emb_pipeline.text.tokens import TokenCorpus


def gensim_arguments(dim: int, options: Any, seed: int, workers: int) -> dict[str, Any]:
    """The options under gensim's names."""
    return {
        "vector_size": dim,
        "sg": int(options.architecture == "skip_gram"),
        "window": options.window,
        "negative": options.negative,
        "sample": options.sample,
        "alpha": options.learning_rate,
        "min_alpha": options.learning_rate / 1000,
        "min_count": options.min_count,
        "seed": seed,
        "workers": workers,
        "hashfxn": stable_hash,
    }


def train_model(model: Word2Vec, tokens: TokenCorpus, min_count: int, epochs: int, on_epoch: OnEpoch | None) -> None:
    """Train a gensim model from the corpus file, with the corpus's own vocabulary table.

    ``on_epoch`` gets no loss: gensim reports none in this mode.
    """
    words, counts = known_words(tokens, min_count)
    model.build_vocab_from_freq(dict(zip(words, counts.tolist(), strict=True)), corpus_count=tokens.n_sentences)
    model.train(
        corpus_file=str(tokens.tokens_path),
        total_examples=tokens.n_sentences,
        total_words=tokens.n_tokens,
        epochs=epochs,
        callbacks=[_EpochCounter(on_epoch)] if on_epoch else [],
    )


def word_counts(model: Word2Vec) -> np.ndarray:
    """Corpus counts in the order of the model's words."""
    return np.asarray([model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key], dtype=np.int64)


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
