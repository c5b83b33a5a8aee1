"""Text vectors out of word vectors: one sparse-times-dense product over term counts that all embeddings of a task share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from emb_pipeline.embeddings.static.options import PooledOptions, Pooling
from emb_pipeline.storage.vector_rows import allocate_rows, split_rows
from emb_pipeline.text.texts import DocumentTerms, Texts

if TYPE_CHECKING:
    from emb_pipeline.embeddings.static.word_vectors import WordVectors

NOMINAL_LENGTH = 100
"""Words of the text that ``idf`` imagines; see `inverse_document_frequency`."""
_VECTORS = "vectors.arrow"
SIF_A = 1e-3
"""The paper's constant a: a word of this share of the corpus counts half."""


class TokenVectors(Protocol):
    """Something that has a vector and a corpus count for tokens."""

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        ...

    @property
    def total_count(self) -> int:
        """Sum of all counts."""
        ...

    def lookup(self, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of shape (n_tokens, dim) and counts of shape (n_tokens,); count 0 and zeros for a token without vector."""
        ...


@dataclass(frozen=True, eq=False)
class PooledEncoder:
    """The weighted mean of a text's word vectors.

    The weights come from how common a word is in the embedding's *own corpus*, never from the texts to be encoded, so that
    a text's vector depends on nothing but the text:

    * ``mean``: all words alike;
    * ``idf``: the inverse document frequency that corpus counts imply, see `inverse_document_frequency`;
    * ``sif``: a / (a + p(w)), then the part along one common direction is taken away [1]_. The paper estimates that
      direction on the texts at hand; here it is the direction of an average text of the corpus, Σ p(w) weight(w) v(w).

    Repeated words count each time. A text without a known word is the zero vector.

    Parameters
    ----------
    vectors : TokenVectors
        Word vectors; also what gives a token without a vector of its own one from its subwords.
    pooling : {"mean", "idf", "sif"}
        The rule.

    References
    ----------
    .. [1] Arora, Liang & Ma (2017), A Simple but Tough-to-Beat Baseline for Sentence Embeddings.
    """

    vectors: TokenVectors
    pooling: Pooling = "mean"
    export_format: ClassVar[str] = "word_vectors"

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return self.vectors.dim

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts.

        Parameters
        ----------
        texts : sequence of str
            Texts; `Texts` brings its term counts along, others are tokenised here.

        Returns
        -------
        ndarray of shape (n_texts, dim), float32
        """
        return self._weighted_means((texts if isinstance(texts, Texts) else Texts(texts)).terms)

    def encode_words(self, words: Sequence[str]) -> np.ndarray:
        """Vectors of single tokens, each the plain mean over the words that the project's tokeniser finds in it.

        A data set's own tokens (``"Beta-blockers"``) so meet the words that the corpus was split into. A token without a
        known word is a zero vector.

        Returns
        -------
        ndarray of shape (n_words, dim), float32
        """
        return PooledEncoder(self.vectors, "mean").encode(Texts(words))

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the word vectors, as one Arrow file.

        Raises
        ------
        ValueError
            Random vectors: they are a control.
        """
        from emb_pipeline.embeddings.static.word_vectors import WordVectors

        if not isinstance(self.vectors, WordVectors):
            raise ValueError("random vectors are a control and are not exported")
        self.vectors.write(folder / _VECTORS)
        return {"pooling": self.pooling, "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> PooledEncoder:
        """Read the encoder that `write_state` wrote."""
        from emb_pipeline.embeddings.static.word_vectors import WordVectors

        return cls(WordVectors.read(folder / _VECTORS), facts["pooling"])

    def weights_of(self, corpus_counts: np.ndarray) -> np.ndarray:
        """Weights of words that occur so often in the corpus: shape (n_words,), float32; 0 for those without a vector."""
        if self.pooling == "mean":
            weights = np.ones(len(corpus_counts))
        else:
            share = corpus_counts / self.vectors.total_count
            weights = inverse_document_frequency(share) if self.pooling == "idf" else SIF_A / (SIF_A + share)
        return np.where(corpus_counts > 0, weights, 0).astype(np.float32)

    def _weighted_means(self, terms: DocumentTerms) -> np.ndarray:
        vectors, corpus_counts = self.vectors.lookup(terms.vocabulary)
        weights = self.weights_of(corpus_counts)
        weighted = vectors * weights[:, None]
        means = allocate_rows((terms.counts.shape[0], vectors.shape[1]))
        for rows in split_rows(len(means)):
            counts = terms.counts if len(means) == rows.stop - rows.start else terms.counts[rows]
            totals, part = (counts @ weights)[:, None], means[rows]
            part[:] = 0
            np.divide(counts @ weighted, totals, out=part, where=totals > 0)
            if self.pooling == "sif":
                part -= np.outer(part @ self._average_text, self._average_text)
        return means

    @cached_property
    def _average_text(self) -> np.ndarray:
        tokens = getattr(self.vectors, "tokens", None)
        if tokens is None:
            raise ValueError("sif needs word vectors with a vocabulary; a file without counts has none")
        vectors, counts = self.vectors.lookup(tokens)
        mean = (counts / counts.sum() * self.weights_of(counts)).astype(np.float32) @ vectors
        direction: np.ndarray = mean / np.float32(max(float(np.linalg.norm(mean)), 1e-30))
        return direction


def build_pooled_encoder(options: PooledOptions, artifact: WordVectors) -> PooledEncoder:
    """Pool word vectors as the options say."""
    return PooledEncoder(artifact, options.pooling)


def inverse_document_frequency(share: np.ndarray) -> np.ndarray:
    """The idf that a word's share of the corpus implies for texts of 100 words.

    A corpus of sentences has no documents to count, and the texts to be encoded must not set the weights. If words fell
    independently, a word of share p would be in 1 - (1 - p)¹⁰⁰ of such texts; idf is minus the logarithm of that. "The"
    gets almost nothing, and a word seen once in a million about 9.

    Parameters
    ----------
    share : ndarray of shape (n_words,)
        Share of the corpus's words, 0 to 1; a word of share 0 gets weight 0.

    Returns
    -------
    ndarray of shape (n_words,)
    """
    share = np.asarray(share, dtype=np.float64)
    inside = np.clip(share, np.finfo(np.float64).tiny, 1 - 1e-12)
    return np.where(share > 0, -np.log(-np.expm1(NOMINAL_LENGTH * np.log1p(-inside))), 0.0)
