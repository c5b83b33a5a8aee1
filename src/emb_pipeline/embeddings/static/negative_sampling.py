"""Training with negative sampling by our own kernels: what word2vec and fasttext share.

The corpus is read as a memory-mapped stream of ids, a batch at a time, so that memory is that of the vectors. Threads take
the batches of an epoch in turn and write to the same vectors without locks (Hogwild, Recht et al. 2011). A batch's random
numbers follow from seed, epoch and its place alone: with one thread, the same seed gives the same bits, whether or not the
training was stopped and went on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from emb_pipeline.embeddings.static.kernels.negative_sampling import learn_subwords, learn_words
from emb_pipeline.embeddings.static.kernels.random import alias_table, seeded
from emb_pipeline.embeddings.static.options import NegativeSamplingOptions
from emb_pipeline.embeddings.training.checkpoints import Checkpoint
from emb_pipeline.embeddings.training.divergence import require_converging
from emb_pipeline.embeddings.training.request import Progress, TrainingClock, TrainingRequest, known_words
from emb_pipeline.text.id_stream import IdBatch, IdStream

AnyNegativeSampling = TypeVar("AnyNegativeSampling", bound=NegativeSamplingOptions)

NOISE_EXPONENT = 0.75
"""Of a word's count: how likely it is drawn as noise (Mikolov et al. 2013, section 2.2)."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The rows that the vectors of words are means of: a row of each word's own, and rows of n-grams behind them.

    Attributes
    ----------
    rows : ndarray, int32
        Rows of the parts of all words, one word after the other.
    starts : ndarray of shape (n_words + 1,), int64
        Where those of each word start, and the last one's end.
    buckets : ndarray of shape (n_used,), int32
        The bucket that each row of n-grams stands for, ascending.
    """

    rows: np.ndarray
    starts: np.ndarray
    buckets: np.ndarray

    @property
    def n_words(self) -> int:
        """Words that have parts."""
        return len(self.starts) - 1

    @property
    def n_rows(self) -> int:
        """Rows there are."""
        return self.n_words + len(self.buckets)


_MOST_OF_CHANCE = 2.0
"""A loss of so many times that of guessing is no training: a large first epoch stays below it."""


@dataclass(frozen=True, eq=False)
class Trained:
    """The result of a training.

    Attributes
    ----------
    words : list of str
        The words that have vectors, commonest first.
    counts : ndarray of shape (n_words,), int64
        How often each occurs in the corpus.
    vectors : ndarray of shape (n_words, dim) or (parts.n_rows, dim), float32
        A vector for each word, or for each part of words.
    parts : Parts or None
        What words are means of.
    record : dict
        Provenance, with ``epoch_losses``: each epoch's mean over its steps of -ln of the probabilities that true and drawn
        words are distinguished with, taken as the vectors change.
    """

    words: list[str]
    counts: np.ndarray
    vectors: np.ndarray
    parts: Parts | None
    record: dict[str, Any]


def train(
    method: str,
    request: TrainingRequest[AnyNegativeSampling],
    parts_of: Callable[[list[str]], Parts] | None = None,
) -> Trained:
    """Train vectors of words, or of the parts that words are means of, from random ones in ±1 / dim as gensim does.

    Parameters
    ----------
    method : str
        Its name in the record.
    request : TrainingRequest
        The corpus and all that fixes the training.
    parts_of : callable, optional
        Gives the parts of the words; by default each word is its own.

    Raises
    ------
    DataError
        Fewer than two words reach ``min_count``, or the corpus's stream of ids is damaged.
    DivergedError
        The vectors ran away.
    """
    clock = TrainingClock()
    request = request.with_effective_workers()
    dim, options = request.require_dim(), request.options
    words, counts = known_words(request.corpus, options.min_count)
    parts = parts_of(words) if parts_of else None
    n_rows = parts.n_rows if parts else len(words)
    rng = np.random.default_rng(request.seed)
    vectors = (rng.random((n_rows, dim), dtype=np.float32) - np.float32(0.5)) * np.float32(2 / dim)
    checkpoint = Checkpoint(request.checkpoints, request.describe(method))
    progress = Progress(f"{method}_{dim}", options.epochs, request.corpus.n_tokens)
    losses = fit(request.corpus.open_ids(), request, counts, vectors, parts, checkpoint, progress)
    record = clock.record(method, request, libraries=("numba", "numpy"), epoch_losses=losses)
    checkpoint.remove()
    return Trained(words, counts, vectors, parts, record)


def share_kept(counts: np.ndarray, sample: float) -> np.ndarray:
    """With which probability an occurrence of each word is kept, as word2vec and gensim thin out: shape (n_words,)."""
    if sample == 0:
        return np.ones(len(counts), dtype=np.float32)
    threshold = sample * counts.sum()
    share: np.ndarray = np.minimum(1, (np.sqrt(counts / threshold) + 1) * threshold / counts)
    return share.astype(np.float32)


def fit(
    stream: IdStream,
    request: TrainingRequest[AnyNegativeSampling],
    counts: np.ndarray,
    inputs: np.ndarray,
    parts: Parts | None,
    checkpoint: Checkpoint,
    progress: Progress,
) -> list[float]:
    """Train on a stream, changing ``inputs`` in place; gives the loss of each epoch."""
    options = request.options
    outputs = np.zeros((len(counts), inputs.shape[1]), dtype=np.float32)
    learn = partial(
        _learn_batch,
        n_words=len(counts),
        tables=(share_kept(counts, options.sample), *alias_table(counts**NOISE_EXPONENT)),
        options=options,
        vectors=(inputs, outputs),
        parts=parts,
    )
    state = {"inputs": inputs, "outputs": outputs}
    losses = checkpoint.restore(state)
    progress.start(len(losses))
    with ThreadPoolExecutor(request.workers) as threads:
        for epoch in range(len(losses) + 1, options.epochs + 1):
            jobs = [
                threads.submit(
                    learn, batch, _rates(batch, epoch, stream.n_tokens, options), seeded(request.seed, epoch, number)
                )
                for number, batch in enumerate(stream.batches)
            ]
            loss, n_steps = np.sum([job.result() for job in jobs], axis=0)
            losses.append(float(loss / max(n_steps, 1)))
            require_converging(
                progress.name,
                f"epoch {epoch}",
                losses[-1],
                f"lower learning_rate (now {options.learning_rate:g})",
                (inputs, outputs),
                most=_MOST_OF_CHANCE * (1 + options.negative) * math.log(2),
            )
            checkpoint.save(state, losses)
            progress.epoch(epoch, losses[-1])
            if request.on_epoch:
                request.on_epoch(epoch, losses[-1])
    return losses


def learn_in_memory(
    batch: IdBatch, counts: np.ndarray, vectors: np.ndarray, options: NegativeSamplingOptions, seed: int
) -> None:
    """Train on sentences that are in memory, changing ``vectors`` in place: one worker, no checkpoints.

    Parameters
    ----------
    batch : IdBatch
        All sentences.
    counts : ndarray of shape (n_words,), int64
        How often each word occurs in them.
    vectors : ndarray of shape (n_words, dim), float32
        The vectors at the start.
    options : NegativeSamplingOptions
        Of the training.
    seed : int
        Of all draws.

    Raises
    ------
    DivergedError
        The vectors ran away.
    """
    outputs = np.zeros_like(vectors)
    tables = (share_kept(counts, options.sample), *alias_table(counts**NOISE_EXPONENT))
    for epoch in range(1, options.epochs + 1):
        _learn_batch(
            batch,
            _rates(batch, epoch, len(batch.ids), options),
            seeded(seed, epoch, 0),
            n_words=len(counts),
            tables=tables,
            options=options,
            vectors=(vectors, outputs),
            parts=None,
        )
    remedy = f"lower learning_rate (now {options.learning_rate:g})"
    require_converging("word2vec", f"epoch {options.epochs}", 0.0, remedy, (vectors, outputs))


def _rates(batch: IdBatch, epoch: int, n_tokens: int, options: NegativeSamplingOptions) -> tuple[np.float32, np.float32]:
    """Step sizes at a batch's beginning and end: they fall linearly over the tokens of all epochs to a thousandth."""
    done = np.array([batch.first_token, batch.first_token + len(batch.ids)]) + (epoch - 1) * n_tokens
    first, last = options.learning_rate * (1 - 0.999 * done / (options.epochs * n_tokens))
    return np.float32(first), np.float32(last)


def _learn_batch(
    batch: IdBatch,
    rates: tuple[np.float32, np.float32],
    state: np.uint64,
    *,
    n_words: int,
    tables: tuple[np.ndarray, np.ndarray, np.ndarray],
    options: NegativeSamplingOptions,
    vectors: tuple[np.ndarray, np.ndarray],
    parts: Parts | None,
) -> tuple[float, int]:
    keep, threshold, other = tables
    of_mean = options.architecture == "cbow"
    common = (
        *(batch.ids, batch.ends, n_words, keep, threshold, other),
        *(options.window, options.negative, of_mean, rates, *vectors, state),
    )
    learnt: tuple[float, int] = learn_words(*common) if parts is None else learn_subwords(*common, parts.rows, parts.starts)
    return learnt
