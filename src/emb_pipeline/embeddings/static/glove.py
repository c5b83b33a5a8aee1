"""GloVe (Pennington et al. 2014): word vectors whose products give the logarithms of co-occurrence counts.

Ours, because no maintained Python trainer exists. For words i and j that co-occur x times, the model minimises

    f(x) (w_i · c_j + a_i + b_j - ln x)²    with    f(x) = min(1, (x / x_max) ** alpha)

by AdaGrad, with several threads writing to the same vectors without locks (Hogwild, Recht et al. 2011). A word's vector
is ``w + c``, as in the paper.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numba as nb
import numpy as np

from emb_pipeline.embeddings.static.cooccurrence import CooccurrenceCounts, count_cooccurrences
from emb_pipeline.embeddings.static.kernels.prefetch import fetch
from emb_pipeline.embeddings.static.options import GloveOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training.checkpoints import Checkpoint
from emb_pipeline.embeddings.training.divergence import require_converging
from emb_pipeline.embeddings.training.request import Progress, TrainingClock, TrainingRequest, known_words

_PAIRS_PER_BLOCK = 1 << 21
_AHEAD = 2
"""Pairs whose vectors are on their way from memory while one is learnt from."""
_PAIRS_PER_PIECE = 64


def train(request: TrainingRequest[GloveOptions]) -> WordVectors:
    """Train GloVe vectors.

    Returns
    -------
    WordVectors
        Its provenance holds ``epoch_losses``: each epoch's mean of ``f(x) (…)²`` over the records, taken as the vectors
        change.

    Raises
    ------
    DataError
        Fewer than two words reach ``min_count``, or no two of them are in one sentence.
    DivergedError
        The vectors ran away.
    """
    clock = TrainingClock()
    request = request.with_effective_workers()
    options = request.options
    words, counts = known_words(request.corpus, options.min_count)
    checkpoint = Checkpoint(request.checkpoints, request.describe("glove"))
    with tempfile.TemporaryDirectory(prefix="glove_") as folder:
        pairs = count_cooccurrences(
            request.corpus,
            len(words),
            window=options.window,
            memory_mb=options.memory_mb,
            folder=Path(folder),
            workers=request.workers,
        )
        model, losses = fit(pairs, request, checkpoint)
        n_pairs = len(pairs)
        del pairs
    libraries = ("numba", "numpy")
    record = clock.record("glove", request, libraries=libraries, cooccurrence_pairs=n_pairs, epoch_losses=losses)
    checkpoint.remove()
    return WordVectors(words, counts, model.words + model.contexts, record)


@dataclass(frozen=True, eq=False)
class Parameters:
    """The numbers that GloVe learns, with AdaGrad's sums of squares next to it.

    Attributes
    ----------
    words, contexts : ndarray of shape (n_words, dim), float32
        The two vectors of each word.
    word_biases, context_biases : ndarray of shape (n_words,), float32
    squares : tuple of four ndarrays
        One more than the sum of squared steps for each of the above, in this order.
    """

    words: np.ndarray
    contexts: np.ndarray
    word_biases: np.ndarray
    context_biases: np.ndarray
    squares: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def random(cls, n_words: int, dim: int, rng: np.random.Generator) -> Self:
        """Uniform in ±0.5 / dim, as in Stanford's program."""
        arrays = [
            ((rng.random(shape, dtype=np.float32) - np.float32(0.5)) / np.float32(dim))
            for shape in ((n_words, dim), (n_words, dim), (n_words,), (n_words,))
        ]
        words, contexts, word_biases, context_biases = arrays
        first, second, third, fourth = (np.ones_like(array) for array in arrays)
        return cls(words, contexts, word_biases, context_biases, (first, second, third, fourth))

    def arrays(self) -> dict[str, np.ndarray]:
        """All of them by name."""
        learnt = {name: getattr(self, name) for name in ("words", "contexts", "word_biases", "context_biases")}
        return {**learnt, **{f"{name}_squares": sums for name, sums in zip(learnt, self.squares, strict=True)}}


def fit(
    pairs: CooccurrenceCounts, request: TrainingRequest[GloveOptions], checkpoint: Checkpoint
) -> tuple[Parameters, list[float]]:
    """Fit the model to co-occurrence counts; gives its parameters and the loss of each epoch."""
    dim, options, workers = request.require_dim(), request.options, request.workers
    model = Parameters.random(pairs.n_words, dim, np.random.default_rng(request.seed))
    losses = checkpoint.restore(model.arrays())
    progress = Progress(f"glove_{dim}", options.epochs, 2 * len(pairs), "records")
    progress.start(len(losses))
    with ThreadPoolExecutor(workers) as threads:
        for epoch in range(len(losses) + 1, options.epochs + 1):
            rng = np.random.default_rng((request.seed, epoch))  # the order of an epoch does not depend on those before it
            loss = n_records = 0.0
            for block in _shuffle_blocks(pairs, options, rng):
                # Threads of our own, not numba's: its thread pools allow no second training in the same process.
                parts = [threads.submit(update, *part, model, options.learning_rate) for part in _split(block, workers)]
                for part in parts:
                    part_loss, part_records = part.result()
                    loss, n_records = loss + part_loss, n_records + part_records
            losses.append(loss / n_records)
            require_converging(
                progress.name,
                f"epoch {epoch}",
                losses[-1],
                f"lower learning_rate (now {options.learning_rate:g})",
                (model.words, model.contexts),
            )
            checkpoint.save(model.arrays(), losses)
            progress.epoch(epoch, losses[-1])
            if request.on_epoch:
                request.on_epoch(epoch, losses[-1])
    return model, losses


def fit_in_memory(pairs: CooccurrenceCounts, dim: int, options: GloveOptions, seed: int) -> Parameters:
    """Fit to counts that are in memory: one worker, no checkpoints.

    Raises
    ------
    DivergedError
        The vectors ran away.
    """
    model = Parameters.random(pairs.n_words, dim, np.random.default_rng(seed))
    for epoch in range(1, options.epochs + 1):
        for block in _shuffle_blocks(pairs, options, np.random.default_rng((seed, epoch))):
            update(*block, model, options.learning_rate)
    remedy = f"lower learning_rate (now {options.learning_rate:g})"
    require_converging("glove", f"epoch {options.epochs}", 0.0, remedy, (model.words, model.contexts))
    return model


def update(
    first: np.ndarray, second: np.ndarray, log_count: np.ndarray, weight: np.ndarray, model: Parameters, learning_rate: float
) -> tuple[float, int]:
    """One AdaGrad step for each record in turn, changing the model in place.

    Each pair is two records, (first, second) and (second, first), as the matrix is symmetric; a word with itself is one.

    Parameters
    ----------
    first, second : ndarray of shape (n_pairs,), int32
        Words.
    log_count, weight : ndarray of shape (n_pairs,), float32
        ln x and f(x).
    model : Parameters
        Changed in place.
    learning_rate : float
        AdaGrad's step size.

    Returns
    -------
    loss : float
        Sum of f(x) (…)², each taken before its step.
    n_records : int
    """
    loss, n_records = _update(
        first,
        second,
        log_count,
        weight,
        model.words,
        model.contexts,
        model.word_biases,
        model.context_biases,
        *model.squares,
        np.float32(learning_rate),
    )
    return float(loss), int(n_records)


Block = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _shuffle_blocks(pairs: CooccurrenceCounts, options: GloveOptions, rng: np.random.Generator) -> Iterator[Block]:
    """All pairs in a new order, a block at a time: short pieces drawn from everywhere, then mixed within the block.

    Memory is that of one block, and the disk is read in pieces and not number by number.
    """
    n_pieces = -(-len(pairs) // _PAIRS_PER_PIECE)
    pieces = rng.permutation(n_pieces)
    per_block = _PAIRS_PER_BLOCK // _PAIRS_PER_PIECE
    for at in range(0, n_pieces, per_block):
        rows = (pieces[at : at + per_block, None] * _PAIRS_PER_PIECE + np.arange(_PAIRS_PER_PIECE)).ravel()
        rows = rng.permutation(rows[rows < len(pairs)])
        count = pairs.count[rows]
        weight = np.minimum(np.float32(1), (count / np.float32(options.x_max)) ** np.float32(options.alpha))
        yield pairs.first[rows], pairs.second[rows], np.log(count), weight


def _split(block: Block, n_parts: int) -> Iterator[Block]:
    for rows in np.array_split(np.arange(len(block[0])), n_parts):
        if len(rows):
            part = slice(rows[0], rows[-1] + 1)
            yield block[0][part], block[1][part], block[2][part], block[3][part]


# Without numpy's error model each division asks for zero, and a loop that can leave half-way is not vectorised.
@nb.njit(cache=True, fastmath=True, nogil=True, boundscheck=False, error_model="numpy")  # type: ignore[untyped-decorator]
def _update(  # type: ignore[no-untyped-def]
    first,
    second,
    log_count,
    weight,
    words,
    contexts,
    word_biases,
    context_biases,  # type: ignore[no-untyped-def]
    words_squares,
    contexts_squares,
    word_biases_squares,
    context_biases_squares,
    learning_rate,
):
    dim = words.shape[1]
    loss = 0.0
    n_records = 0
    n_pairs = first.shape[0]
    for k in range(n_pairs):
        if k + _AHEAD < n_pairs:
            for ahead in (first[k + _AHEAD], second[k + _AHEAD]):
                fetch(words[ahead])
                fetch(contexts[ahead])
                fetch(words_squares[ahead])
                fetch(contexts_squares[ahead])
        for direction in range(1 if first[k] == second[k] else 2):
            i = first[k] if direction == 0 else second[k]
            j = second[k] if direction == 0 else first[k]
            word, context = words[i], contexts[j]
            word_squares, context_squares = words_squares[i], contexts_squares[j]
            product = np.float32(0)
            for d in range(dim):
                product += word[d] * context[d]
            error = product + word_biases[i] + context_biases[j] - log_count[k]
            loss += weight[k] * error * error
            n_records += 1
            step = weight[k] * error * learning_rate
            for d in range(dim):
                word_step = step * context[d]
                context_step = step * word[d]
                word[d] -= word_step / np.sqrt(word_squares[d])
                context[d] -= context_step / np.sqrt(context_squares[d])
                word_squares[d] += word_step * word_step
                context_squares[d] += context_step * context_step
            word_biases[i] -= step / np.sqrt(word_biases_squares[i])
            context_biases[j] -= step / np.sqrt(context_biases_squares[j])
            word_biases_squares[i] += step * step
            context_biases_squares[j] += step * step
    return loss, n_records
