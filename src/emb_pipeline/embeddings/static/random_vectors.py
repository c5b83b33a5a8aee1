"""The control: a random vector for every word. What it scores is what word identity alone is worth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emb_pipeline.embeddings.static.options import RandomOptions
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.text.tokens import TokenCorpus

_WORDS_AT_A_TIME = 4096


@dataclass(frozen=True, eq=False)
class RandomVectors:
    """Independent N(0, 1 / dim) numbers for each token, fixed by the token and the seed alone.

    The same on every machine and for every corpus, and no token is unknown.

    Parameters
    ----------
    dim : int
        Numbers per vector.
    seed : int
        Another seed gives other vectors.
    corpus_counts : mapping of str to int
        How common tokens are, for pooling rules that ask; a token that is missing counts as seen once.
    """

    dim: int
    seed: int
    corpus_counts: Mapping[str, int]

    @property
    def tokens(self) -> Sequence[str]:
        """The words that have a count."""
        return list(self.corpus_counts)

    @property
    def total_count(self) -> int:
        """Sum of all counts, at least 1."""
        return max(1, sum(self.corpus_counts.values()))

    def lookup(self, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of shape (n_tokens, dim), float32, and counts of shape (n_tokens,), int64."""
        vectors = np.empty((len(tokens), self.dim), dtype=np.float32)
        for start in range(0, len(tokens), _WORDS_AT_A_TIME):
            part = slice(start, start + _WORDS_AT_A_TIME)
            vectors[part] = self._normal(_hashes(tokens[part], self.seed))
        counts = np.fromiter((max(1, self.corpus_counts.get(token, 1)) for token in tokens), np.int64, len(tokens))
        return vectors, counts

    def _normal(self, hashes: np.ndarray) -> np.ndarray:
        """Box and Muller's two normal numbers from two uniform ones, for each pair of dimensions."""
        pairs = -(-self.dim // 2)
        uniform = _uniform(hashes[:, None] + np.arange(2 * pairs, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        radius = np.sqrt(-2 * np.log(uniform[:, :pairs]) / self.dim)
        angle = 2 * np.pi * uniform[:, pairs:]
        normal: np.ndarray = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, : self.dim]
        return normal


def build_random_encoder(options: RandomOptions, *, dim: int, seed: int, tokens: TokenCorpus | None = None) -> PooledEncoder:
    """Pool random word vectors like trained ones.

    Parameters
    ----------
    options : RandomOptions
        The pooling rule.
    dim, seed : int
        Numbers per vector; seed of all of them.
    tokens : TokenCorpus, optional
        The corpus whose word counts the rules ``idf`` and ``sif`` take.

    Raises
    ------
    ValueError
        A rule that takes word counts, and no corpus.
    """
    if options.pooling != "mean" and tokens is None:
        raise ValueError(
            f"random vectors have no word counts for pooling {options.pooling!r}: give a corpus, or choose pooling mean"
        )
    counts: dict[str, int] = {}
    if tokens is not None and options.pooling != "mean":
        vocabulary = tokens.read_vocabulary()
        counts = dict(zip(vocabulary["token"].to_pylist(), vocabulary["count"].to_pylist(), strict=True))
    return PooledEncoder(RandomVectors(dim, seed, counts), options.pooling)


def _hashes(tokens: Sequence[str], seed: int) -> np.ndarray:
    key = seed.to_bytes(8, "little", signed=True)
    digests = b"".join(hashlib.blake2b(token.encode("utf-8"), digest_size=8, key=key).digest() for token in tokens)
    return np.frombuffer(digests, dtype="<u8")


def _uniform(state: np.ndarray) -> np.ndarray:
    """Numbers in (0, 1] from counters: splitmix64 (Steele, Lea & Flood 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state = state ^ (state >> np.uint64(31))
    return ((state >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53
