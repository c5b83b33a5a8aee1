"""FastText (Bojanowski et al. 2017): word vectors with character n-grams, trained by gensim from the corpus file."""

from __future__ import annotations

import numpy as np
from gensim.models import FastText
from gensim.models.fasttext import FastTextKeyedVectors

from emb_pipeline.embeddings.options import FastTextOptions
from emb_pipeline.embeddings.training import OnEpoch, TrainingClock, effective_workers
from emb_pipeline.embeddings.word2vec import gensim_arguments, train_model, word_counts
from emb_pipeline.embeddings.word_vectors import Subwords, WordVectors
from emb_pipeline.text.tokens import TokenCorpus


def train(
    tokens: TokenCorpus,
    *,
    dim: int,
    options: FastTextOptions,
    seed: int = 1,
    workers: int = 1,
    on_epoch: OnEpoch | None = None,
) -> WordVectors:
    """Train vectors whose words are means of their own vector and those of their character n-grams.

    Parameters and errors are those of :func:`emb_pipeline.embeddings.word2vec.train`.

    Returns
    -------
    WordVectors
        With ``subwords``, so that a word outside the vocabulary gets the mean of its n-gram vectors.
    """
    clock = TrainingClock()
    workers = effective_workers(options, workers)
    model = FastText(
        min_n=options.min_n, max_n=options.max_n, bucket=options.buckets, **gensim_arguments(dim, options, seed, workers)
    )
    train_model(model, tokens, options.min_count, options.epochs, on_epoch)
    record = clock.record(
        "fasttext", tokens, dim=dim, options=options, seed=seed, workers=workers, libraries=("gensim", "numpy")
    )
    return WordVectors(
        list(model.wv.index_to_key),
        word_counts(model),
        np.ascontiguousarray(model.wv.vectors, dtype=np.float32),
        record,
        _used_subwords(model.wv, options),
    )


def _used_subwords(vectors: FastTextKeyedVectors, options: FastTextOptions) -> Subwords:
    used = np.unique(np.concatenate([np.asarray(buckets, dtype=np.int64) for buckets in vectors.buckets_word]))
    return Subwords(
        options.min_n,
        options.max_n,
        options.buckets,
        used.astype(np.int32),
        np.ascontiguousarray(vectors.vectors_ngrams[used], dtype=np.float32),
    )
