"""TF-IDF of character n-grams: the sparse baseline that knows misspellings, product codes and endings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from emb_pipeline.embeddings.export import EXPORT_AGAIN, read_embedding, write_embedding
from emb_pipeline.embeddings.sparse.options import CharTfidfOptions, WordCharTfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import TERMS, BagEncoder, Tfidf
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.words import unmark_words

_WORDS, _CHARACTERS = "words", "characters"


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
        return CharTfidfEncoder(self.options, _vectorizer(self.options).fit(map(unmark_words, texts)))


@dataclass(frozen=True, eq=False)
class CharTfidfEncoder:
    """Sparse vectors with one column per n-gram of the training texts; other n-grams are dropped."""

    options: CharTfidfOptions
    vectorizer: TfidfVectorizer
    export_format: ClassVar[str] = "character_ngrams"

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
        return sp.csr_array(self.vectorizer.transform(map(unmark_words, texts)))

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the n-grams and their weights, as one Parquet file."""
        write_parquet(pa.table({"term": pa.array(self.ngrams), "idf": pa.array(self.idf)}), folder / TERMS)
        return {"options": self.options.model_dump(mode="json"), "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> CharTfidfEncoder:
        """Read the encoder that `write_state` wrote."""
        table = read_parquet(folder / TERMS, columns=("term", "idf"), remedy=EXPORT_AGAIN)
        return cls.of_ngrams(CharTfidfOptions(**facts["options"]), table["term"].to_pylist(), table["idf"].to_numpy())


@dataclass(frozen=True)
class WordCharTfidf:
    """Words and their pairs next to character n-grams, the usual strong baseline of text classification.

    Words tell topics, n-grams what misspellings, compounds and endings have in common.
    """

    options: WordCharTfidfOptions = field(default_factory=WordCharTfidfOptions)

    def fit(self, texts: Texts) -> WordCharEncoder:
        """Fit both to these texts.

        Raises
        ------
        ValueError
            No word, or no n-gram, is common enough.
        """
        return WordCharEncoder(Tfidf(self.options.words).fit(texts), CharTfidf(self.options.characters).fit(texts))


@dataclass(frozen=True, eq=False)
class WordCharEncoder:
    """Sparse vectors of two parts of equal weight: words first, then character n-grams.

    Attributes
    ----------
    words : BagEncoder
        TF-IDF of words.
    characters : CharTfidfEncoder
        TF-IDF of character n-grams.
    """

    words: BagEncoder
    characters: CharTfidfEncoder
    export_format: ClassVar[str] = "words_and_characters"

    @property
    def dim(self) -> int:
        """Words and n-grams."""
        return self.words.dim + self.characters.dim

    def encode(self, texts: Sequence[str]) -> sp.csr_array:
        """Encode texts: a csr_array of shape (n_texts, dim), float32, of length 1 where both parts know something."""
        both = sp.hstack([self.words.encode(texts), self.characters.encode(texts)], format="csr", dtype=np.float32)
        return sp.csr_array(both * np.float32(0.5**0.5))

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write both parts, each in a folder of its own."""
        write_embedding(self.words, folder / _WORDS)
        write_embedding(self.characters, folder / _CHARACTERS)
        return {"dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> WordCharEncoder:
        """Read the encoder that `write_state` wrote."""
        words, characters = (read_embedding(folder / name) for name in (_WORDS, _CHARACTERS))
        return cls(cast(BagEncoder, words), cast(CharTfidfEncoder, characters))


def _vectorizer(options: CharTfidfOptions, vocabulary: dict[str, int] | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(options.min_n, options.max_n),
        min_df=1 if vocabulary else options.min_df,
        sublinear_tf=options.sublinear,
        dtype=np.float32,
        vocabulary=vocabulary,
    )
