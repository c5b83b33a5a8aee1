"""TF-IDF of character n-grams: the sparse baseline that knows misspellings, product codes and endings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from emb_pipeline.embeddings.options import CharTfidfOptions


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
        vectorizer = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=(self.options.min_n, self.options.max_n),
            min_df=self.options.min_df,
            sublinear_tf=self.options.sublinear,
            dtype=np.float32,
        )
        return CharTfidfEncoder(vectorizer.fit(texts))


@dataclass(frozen=True, eq=False)
class CharTfidfEncoder:
    """Sparse vectors with one column per n-gram of the training texts; other n-grams are dropped."""

    vectorizer: TfidfVectorizer

    @property
    def dim(self) -> int:
        """N-grams."""
        return len(self.vectorizer.vocabulary_)

    def encode(self, texts: Sequence[str]) -> sp.csr_array:
        """Vectors of texts: a csr_array of shape (n_texts, dim), float32, of length 1."""
        return sp.csr_array(self.vectorizer.transform(texts))
