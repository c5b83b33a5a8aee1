"""TF-IDF of character n-grams: the sparse baseline that knows misspellings, product codes and endings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from emb_pipeline.embeddings.options import CharTfidfOptions
from emb_pipeline.text.tokens import unmarked


@dataclass(frozen=True)
class CharTfidf:
    """Character n-grams within words, their borders included, weighted as `sparse.Tfidf` weights words.

    What subwords are to word vectors (Bojanowski et al. 2017), these are to bags of words (Cavnar & Trenkle 1994): a word
    that never occurred still shares n-grams with those that did.
    """

    options: CharTfidfOptions = field(default_factory=CharTfidfOptions)

    def fit(self, texts: Sequence[str]) -> CharTfidfEncoder:
        """N-grams and document frequencies of these texts.

        Raises
        ------
        ValueError
            No n-gram is common enough.
        """
        return CharTfidfEncoder(self.options, _vectorizer(self.options).fit(map(unmarked, texts)))


@dataclass(frozen=True, eq=False)
class CharTfidfEncoder:
    """Sparse vectors with one column per n-gram of the training texts; other n-grams are dropped."""

    options: CharTfidfOptions
    vectorizer: TfidfVectorizer

    @classmethod
    def of_ngrams(cls, options: CharTfidfOptions, ngrams: Sequence[str], idf: np.ndarray) -> CharTfidfEncoder:
        """The encoder with these columns: ``idf`` has shape (n_ngrams,)."""
        vectorizer = _vectorizer(options, {ngram: column for column, ngram in enumerate(ngrams)})
        vectorizer.idf_ = idf
        return cls(options, vectorizer)

    @property
    def ngrams(self) -> list[str]:
        """The n-gram of each column."""
        return list(self.vectorizer.get_feature_names_out())

    @property
    def idf(self) -> np.ndarray:
        """Inverse document frequency of each column: shape (dim,), float32."""
        return np.asarray(self.vectorizer.idf_, dtype=np.float32)

    @property
    def dim(self) -> int:
        """N-grams."""
        return len(self.vectorizer.vocabulary_)

    def encode(self, texts: Sequence[str]) -> sp.csr_array:
        """Vectors of texts: a csr_array of shape (n_texts, dim), float32, of length 1."""
        return sp.csr_array(self.vectorizer.transform(map(unmarked, texts)))


def _vectorizer(options: CharTfidfOptions, vocabulary: dict[str, int] | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(options.min_n, options.max_n),
        min_df=1 if vocabulary else options.min_df,
        sublinear_tf=options.sublinear,
        dtype=np.float32,
        vocabulary=vocabulary,
    )
