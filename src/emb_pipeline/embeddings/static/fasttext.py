"""FastText (Bojanowski et al. 2017): word vectors with character n-grams, by our own kernels or by gensim."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, cast

import numpy as np

from emb_pipeline.embeddings.static.options import FastTextOptions
from emb_pipeline.embeddings.static.word_vectors import Subwords, WordVectors
from emb_pipeline.embeddings.training.request import TrainingRequest

if TYPE_CHECKING:
    from gensim.models.fasttext import FastTextKeyedVectors

    from emb_pipeline.embeddings.static.negative_sampling import Parts


def train(request: TrainingRequest[FastTextOptions]) -> WordVectors:
    """Train vectors whose words are means of their own vector and those of their character n-grams.

    Errors are those of :func:`emb_pipeline.embeddings.static.word2vec.train`.

    Returns
    -------
    WordVectors
        With ``subwords``, so that a word outside the vocabulary gets the mean of its n-gram vectors.
    """
    options = request.options
    if options.backend == "gensim":
        from gensim.models import FastText

        from emb_pipeline.embeddings.static import gensim_models

        grams = {"min_n": options.min_n, "max_n": options.max_n, "bucket": options.buckets}
        vectors, model = gensim_models.train(FastText, "fasttext", request, **grams)
        return replace(vectors, subwords=_used_subwords(model.wv, options))
    from emb_pipeline.embeddings.static import negative_sampling

    trained = negative_sampling.train("fasttext", request, partial(words_and_ngrams, options=options))
    parts = cast("Parts", trained.parts)
    subwords = Subwords(options.min_n, options.max_n, options.buckets, parts.buckets, trained.vectors[parts.n_words :])
    return WordVectors(trained.words, trained.counts, means_of_parts(trained.vectors, parts), trained.record, subwords)


def words_and_ngrams(words: list[str], options: FastTextOptions) -> Parts:
    """The parts of each word: itself, and its n-grams, hashed into buckets as fastText does."""
    from gensim.models.fasttext import ft_ngram_hashes

    from emb_pipeline.embeddings.static.negative_sampling import Parts

    hashes = [ft_ngram_hashes(word, options.min_n, options.max_n, options.buckets) for word in words]
    lengths = np.fromiter(map(len, hashes), dtype=np.int64, count=len(words))
    buckets, places = np.unique(np.fromiter(chain.from_iterable(hashes), dtype=np.int64), return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(lengths + 1)])
    own = np.zeros(starts[-1], dtype=bool)
    own[starts[:-1]] = True
    rows = np.empty(starts[-1], dtype=np.int32)
    rows[own] = np.arange(len(words))
    rows[~own] = len(words) + places
    return Parts(rows, starts, buckets.astype(np.int32))


def means_of_parts(vectors: np.ndarray, parts: Parts) -> np.ndarray:
    """Vector of each word: the mean of its parts' rows, shape (n_words, dim), float32."""
    import scipy.sparse as sp

    lengths = np.diff(parts.starts)
    shares = np.repeat(1 / lengths, lengths).astype(np.float32)
    means: np.ndarray = sp.csr_array((shares, parts.rows, parts.starts), shape=(parts.n_words, parts.n_rows)) @ vectors
    return means


def _used_subwords(vectors: FastTextKeyedVectors, options: FastTextOptions) -> Subwords:
    used = np.unique(np.concatenate([np.asarray(buckets, dtype=np.int64) for buckets in vectors.buckets_word]))
    return Subwords(
        options.min_n,
        options.max_n,
        options.buckets,
        used.astype(np.int32),
        np.ascontiguousarray(vectors.vectors_ngrams[used], dtype=np.float32),
    )
