"""Embeddings fitted on a task's own training texts: bag of words, TF-IDF, and latent semantic analysis."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd

from emb_pipeline.embeddings.export import EXPORT_AGAIN
from emb_pipeline.embeddings.sparse.options import LsaOptions, OneHotOptions, TfidfOptions
from emb_pipeline.storage.matrices import make_matrix_column, read_matrix_column
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.text.texts import DocumentTerms, Texts

LOGGER = logging.getLogger(__name__)
NOTHING = 1e-5
"""Part of the strongest direction below which a direction is rounding, in float32."""

TERMS, _DIRECTIONS = "terms.parquet", "directions.parquet"


@dataclass(frozen=True)
class OneHot:
    """Binary bag of words over the words of the training texts."""

    options: OneHotOptions = field(default_factory=OneHotOptions)

    def fit(self, texts: Texts) -> BagEncoder:
        """The vocabulary of these texts."""
        terms, _ = _frequent_terms(texts.terms, self.options.min_df)
        return BagEncoder(terms, max_ngram=1, weigh=presence)

    def fit_words(self, words: Sequence[str]) -> BagEncoder:
        """The same for single tokens: a data set's ``"Beta-blockers"`` is the words ``beta`` and ``blockers``."""
        return self.fit(Texts(words))


@dataclass(frozen=True)
class Tfidf:
    """TF-IDF with idf = ln((1 + n) / (1 + df)) + 1 and rows of length 1, as scikit-learn defines it."""

    options: TfidfOptions = field(default_factory=TfidfOptions)

    def fit(self, texts: Texts) -> BagEncoder:
        """Vocabulary and document frequencies of these texts."""
        counted = texts.terms if self.options.max_ngram == 1 else texts.ngrams
        terms, document_frequency = _frequent_terms(counted, self.options.min_df)
        idf = (np.log((1 + len(texts)) / (1 + document_frequency)) + 1).astype(np.float32)
        return BagEncoder(terms, self.options.max_ngram, TfidfWeighing(idf, self.options.sublinear))


@dataclass(frozen=True)
class Lsa:
    """The ``dim`` strongest directions of the training texts' TF-IDF matrix (Deerwester et al. 1990), or all there are."""

    options: LsaOptions = field(default_factory=LsaOptions)
    dim: int = 100
    seed: int = 0

    def fit(self, texts: Texts) -> LsaEncoder:
        """Truncated SVD of these texts' TF-IDF.

        No more directions exist than there are texts or terms: where ``dim`` asks for more, all that exist are taken, and a
        warning says how many.
        """
        tfidf = Tfidf(TfidfOptions(**self.options.model_dump(include=set(TfidfOptions.model_fields)))).fit(texts)
        most = min(len(texts), tfidf.dim)
        _, strengths, directions = randomized_svd(
            tfidf.encode(texts), n_components=min(self.dim, most), n_iter=self.options.iterations, random_state=self.seed
        )
        if self.dim >= most:
            directions = directions[strengths > NOTHING * strengths[0]]
            LOGGER.warning(
                "LSA of %d dimensions: %d training texts with %d terms span %d, and all of these are used",
                self.dim,
                len(texts),
                tfidf.dim,
                len(directions),
            )
        return LsaEncoder(tfidf, np.ascontiguousarray(directions.T, dtype=np.float32))


@dataclass(frozen=True, eq=False)
class BagEncoder:
    """Sparse vectors with one column per term of the training texts; other terms are dropped.

    Attributes
    ----------
    terms : list of str
        The term of each column.
    max_ngram : int
        1: tokens; 2: tokens and pairs of adjacent tokens.
    weigh : callable
        Makes vectors of counts.
    """

    terms: list[str]
    max_ngram: int
    weigh: Callable[[sp.csr_array], sp.csr_array]
    export_format: ClassVar[str] = "bag_of_words"

    @property
    def dim(self) -> int:
        """Terms."""
        return len(self.terms)

    def encode(self, texts: Sequence[str]) -> sp.csr_array:
        """Vectors of texts: a csr_array of shape (n_texts, dim), float32."""
        texts = texts if isinstance(texts, Texts) else Texts(texts)
        return self.weigh(self._aligned(texts.terms if self.max_ngram == 1 else texts.ngrams))

    def encode_words(self, words: Sequence[str]) -> sp.csr_array:
        """Vectors of single tokens: a csr_array of shape (n_words, dim), float32."""
        return self.encode(words)

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the terms and their weights, as one Parquet file."""
        tfidf = self.weigh if isinstance(self.weigh, TfidfWeighing) else None
        idf = tfidf.idf if tfidf else np.ones(self.dim, dtype=np.float32)
        write_parquet(pa.table({"term": pa.array(self.terms), "idf": pa.array(idf)}), folder / TERMS)
        return {
            "weighing": "tfidf" if tfidf else "presence",
            "sublinear": tfidf.sublinear if tfidf else False,
            "max_ngram": self.max_ngram,
            "dim": self.dim,
        }

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> BagEncoder:
        """Read the encoder that `write_state` wrote."""
        table = read_parquet(folder / TERMS, columns=("term", "idf"), remedy=EXPORT_AGAIN)
        weigh: Callable[[sp.csr_array], sp.csr_array] = presence
        if facts["weighing"] == "tfidf":
            weigh = TfidfWeighing(table["idf"].to_numpy(), facts["sublinear"])
        return cls(table["term"].to_pylist(), facts["max_ngram"], weigh)

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {term: column for column, term in enumerate(self.terms)}

    def _aligned(self, counted: DocumentTerms) -> sp.csr_array:
        """The counts under this encoder's columns."""
        counts, vocabulary = counted.counts, counted.vocabulary
        columns = np.fromiter((self._columns.get(term, -1) for term in vocabulary), np.int32, len(vocabulary))
        targets = columns[counts.indices]
        known = targets >= 0
        starts = np.concatenate([[0], np.cumsum(known)])[counts.indptr]
        aligned = sp.csr_array((counts.data[known], targets[known], starts), shape=(counts.shape[0], self.dim))
        aligned.sort_indices()
        return aligned


@dataclass(frozen=True, eq=False)
class LsaEncoder:
    """TF-IDF vectors turned into dense ones of length 1.

    Attributes
    ----------
    tfidf : BagEncoder
        The first step.
    directions : ndarray of shape (n_terms, dim), float32
        Right singular vectors.
    """

    tfidf: BagEncoder
    directions: np.ndarray
    export_format: ClassVar[str] = "lsa"

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self.directions.shape[1])

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts: an array of shape (n_texts, dim), float32; zeros for a text without a known term."""
        vectors = self.tfidf.encode(texts) @ self.directions
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: np.ndarray = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        return unit

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the terms and the directions, as two Parquet files."""
        write_parquet(pa.table({"direction": make_matrix_column(self.directions)}), folder / _DIRECTIONS)
        return {**self.tfidf.write_state(folder), "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> LsaEncoder:
        """Read the encoder that `write_state` wrote."""
        table = read_parquet(folder / _DIRECTIONS, columns=("direction",), remedy=EXPORT_AGAIN)
        return cls(BagEncoder.read_state(folder, facts), read_matrix_column(table["direction"]))


@dataclass(frozen=True, eq=False)
class TfidfWeighing:
    """Counts to TF-IDF.

    Attributes
    ----------
    idf : ndarray of shape (n_terms,), float32
        Inverse document frequencies.
    sublinear : bool
        1 + ln(count) in place of the count.
    """

    idf: np.ndarray
    sublinear: bool

    def __call__(self, counts: sp.csr_array) -> sp.csr_array:
        data = (1 + np.log(counts.data) if self.sublinear else counts.data) * self.idf[counts.indices]
        n_texts = counts.shape[0]
        rows = np.repeat(np.arange(n_texts), np.diff(counts.indptr))
        lengths = np.sqrt(np.bincount(rows, weights=data.astype(np.float64) ** 2, minlength=n_texts))
        return sp.csr_array(((data / lengths[rows]).astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


def presence(counts: sp.csr_array) -> sp.csr_array:
    """1 for each term that occurs."""
    return sp.csr_array((np.ones_like(counts.data), counts.indices, counts.indptr), shape=counts.shape)


def _frequent_terms(counted: DocumentTerms, min_df: int) -> tuple[list[str], np.ndarray]:
    """Terms that are in at least ``min_df`` of the texts, and in how many each does."""
    counts = counted.counts
    document_frequency = np.bincount(counts.indices[counts.data > 0], minlength=len(counted.vocabulary))
    kept = np.flatnonzero(document_frequency >= min_df)
    if not len(kept):
        raise ValueError(
            f"none of the terms of {counts.shape[0]} training texts stands in min_df = {min_df} of them: lower min_df"
        )
    return [counted.vocabulary[column] for column in kept], document_frequency[kept]
