"""Word vectors fine-tuned on a classification task, together with a linear layer on their pooled mean."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.linear_head import LinearHead, class_weights
from emb_pipeline.embeddings.static.options import BagTuningOptions, Pooling
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training.divergence import DivergedError
from emb_pipeline.text.texts import Texts

_LOG = logging.getLogger(__name__)
_BETAS, _EPSILON = (0.9, 0.999), 1e-8


@dataclass(frozen=True, eq=False)
class TunedBag:
    """Word vectors and the classifier that they were trained with.

    Attributes
    ----------
    vectors : WordVectors
        The same words with new vectors; words that the training texts do not have keep theirs.
    head : LinearHead
        On the pooled vectors.
    losses : list of list of float
        Held-out log loss after each pass, the first before any: a list for each learning rate.
    learning_rate : float
        The best one.
    """

    vectors: WordVectors
    head: LinearHead
    losses: list[list[float]]
    learning_rate: float


def with_words(vectors: WordVectors, words: Iterable[str]) -> WordVectors:
    """The same vectors with rows for further words: what their subwords give them, else zeros. Each counts once."""
    new = sorted(set(words).difference(vectors.index))
    return replace(
        vectors,
        tokens=[*vectors.tokens, *new],
        counts=np.concatenate([vectors.counts, np.ones(len(new), dtype=np.int64)]),
        vectors=np.concatenate([vectors.vectors, vectors.lookup(new)[0]]),
    )


@dataclass(frozen=True, eq=False)
class LabeledTexts:
    """Training texts of a classification task.

    Attributes
    ----------
    texts : Texts
        The texts.
    codes : ndarray of shape (n_texts,), int
        Their classes.
    held_out : ndarray of shape (n_texts,), bool
        Those that are not trained on but say when to stop.
    n_classes : int
        Classes of the task.
    """

    texts: Texts
    codes: np.ndarray
    held_out: np.ndarray
    n_classes: int


def tune_bag(
    vectors: WordVectors,
    pooling: Pooling,
    labeled: LabeledTexts,
    options: BagTuningOptions,
    *,
    seed: int,
    head: LinearHead | None = None,
) -> TunedBag:
    """Train vectors and head together by mini-batches of Adam (Kingma & Ba 2015) until the held-out loss rises.

    From ``head``, a probe on the frozen vectors, training starts where linear probing ended: a random head would first
    distort the vectors [1]_. ``start: random`` forgets both, to show what the vectors were worth.

    Parameters
    ----------
    vectors : WordVectors
        What to start from; words that it does not have stay without a vector (see `with_words`).
    pooling : {"mean", "idf"}
        How a text's vector is made.
    labeled : LabeledTexts
        Training texts with their classes.
    options : BagTuningOptions
        Start, passes and step sizes.
    seed : int
        Of the order of the texts and of random vectors.
    head : LinearHead, optional
        Where the head starts; zeros if left out, and for ``start: random``.

    Raises
    ------
    ValueError
        Pooling ``sif``, whose common direction would move with the vectors.

    References
    ----------
    .. [1] Kumar et al. (2022), Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution.
    """
    if pooling == "sif":
        raise ValueError("vectors that are pooled by sif cannot be fine-tuned: choose pooling idf or mean")
    terms = labeled.texts.terms
    _, corpus_counts = vectors.lookup(terms.vocabulary)
    weighted = terms.counts @ sp.diags_array(PooledEncoder(vectors, pooling).weights_of(corpus_counts))
    totals = np.asarray(weighted.sum(axis=1)).ravel()
    shares = sp.csr_array(sp.diags_array(np.divide(1, totals, out=np.zeros_like(totals), where=totals > 0)) @ weighted)
    columns = np.array([column for column, word in enumerate(terms.vocabulary) if word in vectors.index], dtype=np.int64)
    rows = np.array([vectors.index[terms.vocabulary[column]] for column in columns], dtype=np.int64)
    from_subwords = np.asarray(_pooled(vectors, terms.vocabulary, shares) - shares[:, columns] @ vectors.vectors[rows])
    rng = np.random.default_rng(seed)
    start = np.array(vectors.vectors[rows])
    if options.start == "random":
        start = rng.normal(size=start.shape, scale=vectors.dim**-0.5).astype(np.float32)
        head, from_subwords = None, np.zeros_like(from_subwords)
    bag = _Bag(sp.csr_array(shares[:, columns]), from_subwords, labeled.codes, labeled.n_classes, options)
    runs: list[_Run] = []
    for rate in options.learning_rates:
        try:
            runs.append(bag.trained(start, head, labeled.held_out, rate, seed))
        except DivergedError as error:
            _LOG.warning("%s", error)
            diverged = error
    if not runs:
        raise diverged
    best = min(range(len(runs)), key=lambda run: min(runs[run].losses))
    new_vectors = np.array(vectors.vectors)
    new_vectors[rows] = runs[best].vectors
    tuned = replace(vectors, vectors=new_vectors, subwords=None if options.start == "random" else vectors.subwords)
    losses = [run.losses for run in runs]
    return TunedBag(tuned, runs[best].head, losses, runs[best].learning_rate)


def _pooled(vectors: WordVectors, vocabulary: list[str], shares: sp.csr_array) -> np.ndarray:
    return np.asarray(shares @ vectors.lookup(vocabulary)[0])


@dataclass(frozen=True, eq=False)
class _Run:
    vectors: np.ndarray
    head: LinearHead
    losses: list[float]
    learning_rate: float


class _Bag:
    """Texts as shares of words; what no word of the vocabulary gives them stays fixed."""

    def __init__(
        self, shares: sp.csr_array, fixed: np.ndarray, codes: np.ndarray, n_classes: int, options: BagTuningOptions
    ) -> None:
        self._shares, self._fixed, self._codes, self._n_classes, self._options = shares, fixed, codes, n_classes, options
        self._weights = class_weights(codes, n_classes, options.class_weights)[codes]

    def trained(
        self, start: np.ndarray, head: LinearHead | None, held_out: np.ndarray, learning_rate: float, seed: int
    ) -> _Run:
        """The best pass of one training, the start counted as one."""
        train, tested = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        pooled = self._shares[train] @ start + self._fixed[train]
        mean, unit = pooled.mean(axis=0), np.maximum(pooled.std(axis=0), 1e-6)  # the head works on standardized vectors
        parts = [np.array(start), *self._head_at(head, mean, unit)]
        adam = [_Adam(part, learning_rate) for part in parts]
        rng = np.random.default_rng([seed, 1])
        losses = [self._loss(parts, mean, unit, tested)]
        best = [part.copy() for part in parts]
        for _ in range(self._options.epochs):
            order = rng.permutation(train)
            for first in range(0, len(order), self._options.batch_size):
                self._step(parts, adam, mean, unit, order[first : first + self._options.batch_size])
            losses.append(self._loss(parts, mean, unit, tested))
            if not np.isfinite(losses[-1]):
                raise DivergedError(
                    "fine-tuning", f"epoch {len(losses) - 1}", losses[-1], f"lower learning_rates (now {learning_rate:g})"
                )
            if losses[-1] == min(losses):
                best = [part.copy() for part in parts]
            if len(losses) - 1 - int(np.argmin(losses)) >= self._options.patience:
                break
        vectors, weights, intercepts = best
        return _Run(vectors, LinearHead(weights, intercepts).on_raw(mean, unit), losses, learning_rate)

    def _head_at(self, head: LinearHead | None, mean: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if head is None:
            return np.zeros((len(mean), self._n_classes), dtype=np.float32), np.zeros(self._n_classes, dtype=np.float32)
        standardized = head.on_standardized(mean, unit)
        return standardized.weights.astype(np.float32), standardized.intercepts.astype(np.float32)

    def _step(
        self, parts: list[np.ndarray], adam: list[_Adam], mean: np.ndarray, unit: np.ndarray, batch: np.ndarray
    ) -> None:
        vectors, weights, intercepts = parts
        shares = self._shares[batch]
        words, shares.indices = np.unique(shares.indices, return_inverse=True)
        local = sp.csr_array((shares.data, shares.indices, shares.indptr), shape=(len(batch), len(words)))
        scaled = (local @ vectors[words] + self._fixed[batch] - mean) / unit
        residuals = np.exp(LinearHead(weights, intercepts).log_probabilities(scaled)).astype(np.float32)
        residuals[np.arange(len(batch)), self._codes[batch]] -= 1
        residuals *= (self._weights[batch] / len(batch))[:, None]
        of_vectors = local.T @ ((residuals @ weights.T) / unit)
        adam[0].step(of_vectors, words)
        adam[1].step(scaled.T @ residuals)
        adam[2].step(residuals.sum(axis=0))

    def _loss(self, parts: list[np.ndarray], mean: np.ndarray, unit: np.ndarray, rows: np.ndarray) -> float:
        scaled = (self._shares[rows] @ parts[0] + self._fixed[rows] - mean) / unit
        logs = LinearHead(parts[1], parts[2]).log_probabilities(scaled)
        return -float(np.average(logs[np.arange(len(rows)), self._codes[rows]], weights=self._weights[rows]))


class _Adam:
    """Adam in place; of a table of vectors, the rows that a batch has alone ("lazy")."""

    def __init__(self, values: np.ndarray, learning_rate: float) -> None:
        self._values, self._rate, self._steps = values, learning_rate, 0
        self._mean, self._square = np.zeros_like(values), np.zeros_like(values)

    def step(self, gradient: np.ndarray, rows: np.ndarray | slice = slice(None)) -> None:
        """Move the rows against their gradient."""
        self._steps += 1
        first, second = _BETAS
        self._mean[rows] = mean = first * self._mean[rows] + (1 - first) * gradient
        self._square[rows] = square = second * self._square[rows] + (1 - second) * gradient**2
        mean, square = mean / (1 - first**self._steps), square / (1 - second**self._steps)
        self._values[rows] -= (self._rate * mean / (np.sqrt(square) + _EPSILON)).astype(np.float32)
