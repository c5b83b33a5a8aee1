"""The sparse baseline of sequence labeling: a token's spelling, ends and shape, as taggers took them before embeddings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer

from emb_pipeline.embeddings.sparse.options import TokenFeaturesOptions

_RUNS = re.compile(r"(.)\1+")


@dataclass(frozen=True)
class TokenFeatures:
    """1 for each feature of the token: itself, in lower case, its prefixes, suffixes, and shape (``COX-2`` is ``X-0``).

    The word-level features of Ratinov & Roth (2009), Design Challenges and Misconceptions in Named Entity Recognition; the
    window and the step from tag to tag are the probe's.
    """

    options: TokenFeaturesOptions = field(default_factory=TokenFeaturesOptions)

    def fit_words(self, words: Sequence[str]) -> TokenFeatureEncoder:
        """The features that these distinct training words have.

        Raises
        ------
        ValueError
            None of them is common enough.
        """
        vectorizer = CountVectorizer(analyzer=self._features, min_df=self.options.min_df, binary=True, dtype="float32")
        return TokenFeatureEncoder(vectorizer.fit(words))

    def _features(self, word: str) -> Iterator[str]:
        low = word.casefold()
        yield f"word={word}"
        yield f"low={low}"
        for length in range(1, min(self.options.affix, len(low) - 1) + 1):
            yield f"prefix={low[:length]}"
            yield f"suffix={low[-length:]}"
        yield f"shape={_shape(word)}"


@dataclass(frozen=True, eq=False)
class TokenFeatureEncoder:
    """Sparse vectors with one column per feature of the training words; other features are dropped."""

    vectorizer: Any

    @property
    def dim(self) -> int:
        """Features."""
        return len(self.vectorizer.vocabulary_)

    def encode_words(self, words: Sequence[str]) -> sp.csr_array:
        """Vectors of tokens: a csr_array of shape (n_words, dim), float32."""
        return sp.csr_array(self.vectorizer.transform(words))


def _shape(word: str) -> str:
    """Upper-case letters are X, lower-case ones x, digits 0; repetitions count once."""
    signs = "".join("X" if c.isupper() else "x" if c.isalpha() else "0" if c.isdigit() else c for c in word)
    return _RUNS.sub(r"\1", signs)
