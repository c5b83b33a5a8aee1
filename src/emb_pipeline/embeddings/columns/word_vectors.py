"""Methods for vectors of words on rows: a row is a sentence, and its values are the words; no label is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.embeddings.columns.cooccurrence import RowsOfValues, count_shared_rows
from emb_pipeline.embeddings.columns.options import GloveColumnsOptions, SkipGramColumnsOptions
from emb_pipeline.embeddings.columns.values import RowEncoder, select_columns
from emb_pipeline.embeddings.static import glove, negative_sampling
from emb_pipeline.embeddings.static.cooccurrence import CooccurrenceCounts
from emb_pipeline.embeddings.static.options import GloveOptions, Word2VecOptions
from emb_pipeline.text.id_stream import IdBatch
from emb_pipeline.text.texts import Texts

_WIDEST = 20
"""Values to each side that are predicted at most; wider rows are read in a random order, so none is favored."""


@dataclass(frozen=True)
class SkipGramColumns:
    """Word2Vec with negative sampling, by the kernels that train it on text.

    The values of a row are in a random order, so that the order of columns means nothing. No value is thinned out: few
    values of a table are as common as words are. A value that the training rows do not have gets zeros.
    """

    options: SkipGramColumnsOptions
    seed: int = 0

    def fit(self, texts: Texts) -> RowEncoder:
        """Train on these rows."""
        rows, options = RowsOfValues.of(select_columns(texts, self.options)), self.options
        counts = np.asarray(rows.occurs.sum(axis=0, dtype=np.int64)).ravel()
        vectors = np.random.default_rng(self.seed).random((len(counts), options.dims), dtype=np.float32)
        vectors = (vectors - np.float32(0.5)) * np.float32(2 / options.dims)
        n_columns = len(rows.known.counts)
        if n_columns > 1:
            words = Word2VecOptions(
                window=min(n_columns - 1, _WIDEST),
                epochs=options.epochs,
                negative=options.negative,
                learning_rate=options.learning_rate,
                sample=0,
            )
            negative_sampling.learn_in_memory(_shuffle_rows(rows, self.seed), counts, vectors, words, self.seed)
        return rows.build_encoder(vectors, options)


@dataclass(frozen=True)
class GloveColumns:
    """GloVe on the numbers of rows that values of different columns share, by the kernel that fits it to text.

    A value's vector is ``w``, and not ``w + c`` as in the paper. Values of two columns are never in each other's place, so
    ``w`` of the one and ``c`` of the other are learned apart from ``c`` of the one and ``w`` of the other: a sum may cancel.
    A value that the training rows do not have gets zeros.
    """

    options: GloveColumnsOptions
    seed: int = 0

    def fit(self, texts: Texts) -> RowEncoder:
        """Fit to the pairs of values of these rows."""
        rows, options = RowsOfValues.of(select_columns(texts, self.options)), self.options
        shared = count_shared_rows(rows.occurs, rows.column_of)
        upper = shared.coords[0] < shared.coords[1]
        first, second = (axis[upper].astype(np.int32) for axis in shared.coords)
        pairs = CooccurrenceCounts(first, second, shared.data[upper].astype(np.float32), shared.shape[0], 0)
        words = GloveOptions(
            epochs=options.epochs,
            x_max=options.x_max,
            alpha=options.alpha,
            learning_rate=options.learning_rate,
        )
        return rows.build_encoder(glove.fit_in_memory(pairs, options.dims, words, self.seed).words, options)


def _shuffle_rows(rows: RowsOfValues, seed: int) -> IdBatch:
    """Put the values of each row in a random order of their own: sentences, one after the other."""
    places = np.random.default_rng(seed).random(rows.occurs.nnz)
    row_of = np.repeat(np.arange(rows.occurs.shape[0]), np.diff(rows.occurs.indptr))
    ids = rows.occurs.indices[np.lexsort((places, row_of))].astype(np.int32)
    return IdBatch(ids, rows.occurs.indptr.astype(np.int32), 0)
