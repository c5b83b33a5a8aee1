"""The probe of extractive answering: which word of a context starts, and which ends, the answer to a question.

    z = x P                                                              vectors, projected
    score(t) = Σ_o  z_(t+o) · W_o + (z_(t+o) ∘ q) · U_o  +  m_t · c      o from -window to window, q = mean z of the question

once for the start and once for the end; ∘ is the product number by number, which lets a question about a person look for
other words than one about a year. m_t says how much like the question the words around t are: the cosine of each word with
the question's mean and with its nearest word, the latter also weighted by how rare the word is, averaged over windows of 1
to 31 words: the exact match and aligned question embedding of Chen et al. [1]_, for any embedding. The scores over the words
of the context are a softmax each, and the span with the largest sum is the answer.

References
----------
.. [1] Chen et al. (2017), Reading Wikipedia to Answer Open-Domain Questions, §3.2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.contextual.span_reading import best_span
from emb_pipeline.embeddings.encodings.vectors import unit_length
from emb_pipeline.tasks.extractive_qa.options import ExtractiveOptions
from emb_pipeline.tasks.probes.crf import TokenVectors
from emb_pipeline.tasks.probes.scaling import Scaler

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)
WIDTHS = (1, 3, 7, 15, 31)
"""Words of the windows that likeness to the question is averaged over."""
N_MATCHES = 3 * len(WIDTHS)
_BATCHES_PER_BUCKET = 8

Quality = Callable[[np.ndarray, np.ndarray], float]
"""Mean quality of the spans found for some questions: of the questions' numbers and first and last words."""


@dataclass(frozen=True, eq=False)
class SpanExamples:
    """Questions and contexts as vectors of their words.

    Attributes
    ----------
    vectors : TokenVectors
        Of the words of all contexts, then of all questions.
    context_of : ndarray of shape (n_questions,), int64
        Each question's context.
    rarity : ndarray of shape (n_words of the contexts,), float32
        How rare each word is.
    spans : ndarray of shape (n_questions, 2), int64
        First and last word of the answer.
    """

    vectors: TokenVectors
    context_of: np.ndarray
    rarity: np.ndarray
    spans: np.ndarray

    @property
    def n_contexts(self) -> int:
        """Contexts there are."""
        return len(self.vectors.starts) - 1 - len(self.context_of)

    def context(self, question: int) -> slice:
        """Find places of the words of a question's context."""
        return self._find_places(int(self.context_of[question]))

    def question(self, question: int) -> slice:
        """Find places of the words of a question."""
        return self._find_places(self.n_contexts + question)

    def by_length(self, questions: np.ndarray) -> np.ndarray:
        """Sort the questions by the order of their contexts' lengths."""
        lengths = np.diff(self.vectors.starts)[self.context_of[questions]]
        return np.asarray(questions[np.argsort(lengths, kind="stable")])

    def matches(self, question: int) -> np.ndarray:
        """Compute the likeness of the context's words to the question: shape (n_words, N_MATCHES), float32."""
        if question not in self._matches:
            self._matches[question] = self._find_windows(question)
        return self._matches[question]

    @cached_property
    def _matches(self) -> dict[int, np.ndarray]:
        return {}

    @cached_property
    def _units(self) -> Any:
        return unit_length(self.vectors.rows)

    def _find_places(self, number: int) -> slice:
        return slice(int(self.vectors.starts[number]), int(self.vectors.starts[number + 1]))

    def _find_windows(self, question: int) -> np.ndarray:
        context = self.context(question)
        places = self.vectors.places
        product = self._units[places[context]] @ self._units[places[self.question(question)]].T
        cosines = np.asarray(product.todense() if sp.issparse(product) else product, dtype=np.float32)
        nearest = cosines.max(axis=1)
        signals = np.stack([cosines.mean(axis=1), nearest, nearest * self.rarity[context]], axis=1)
        return np.concatenate([_average_windows(signals, width) for width in WIDTHS], axis=1)


@dataclass(frozen=True, eq=False)
class SpanProbe:
    """A fitted probe.

    Attributes
    ----------
    learning_rate : float
        The chosen step size.
    quality : float
        Of the chosen pass, on the validation questions.
    tried : list of dict
        Step size and the quality after each pass, before the first one first.
    tune_seconds : float
        Time of the trainings with the other step sizes.
    """

    learning_rate: float
    quality: float
    tried: list[dict[str, Any]]
    tune_seconds: float
    _head: _Head
    _options: ExtractiveOptions

    def spans(self, examples: SpanExamples, questions: np.ndarray) -> np.ndarray:
        """Find the first and last word of the answers: shape (n_questions, 2), int64."""
        return _find_best_spans(self._head, examples, questions, self._options)

    @property
    def details(self) -> dict[str, Any]:
        """Facts of the tuning to keep, ready for JSON."""
        return {"learning_rate": self.learning_rate, "validation_f1": self.quality, "tried": self.tried}


class UntrainedSpanProbe:
    """A head with random weights, to time what an answer takes.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    options : ExtractiveOptions
        Size of the head.
    """

    def __init__(self, dim: int, options: ExtractiveOptions) -> None:
        import torch

        generator = torch.Generator().manual_seed(0)
        self._options = options
        self._weights = {
            "projection": torch.randn(dim, options.projection, generator=generator),
            "near": torch.randn(2, 2 * options.projection, 2 * options.window + 1, generator=generator),
            "matches": torch.randn(N_MATCHES, 2, generator=generator),
        }

    def span(self, vectors: TokenVectors) -> np.ndarray:
        """Find the first and last word found in a context; the vectors are of its words, then of those of a question."""
        rarity = np.ones(int(vectors.starts[1]), dtype=np.float32)
        examples = SpanExamples(vectors, np.zeros(1, dtype=np.int64), rarity, np.zeros((1, 2), dtype=np.int64))
        features = _Features(vectors.rows, np.zeros(N_MATCHES, np.float32), np.ones(N_MATCHES, np.float32))
        head = _Head(features, self._options, self._weights)
        return _find_best_spans(head, examples, np.zeros(1, dtype=np.int64), self._options)


def fit_span_probe(
    examples: SpanExamples,
    train: np.ndarray,
    validation: np.ndarray,
    quality: Quality,
    options: ExtractiveOptions,
    *,
    seed: int,
) -> SpanProbe:
    """Train with each step size; keep the pass whose answers to the validation questions are best.

    Parameters
    ----------
    examples : SpanExamples
        Questions and contexts.
    train, validation : ndarray of int
        Numbers of the questions.
    quality : callable
        What step size and pass are chosen by.
    options : ExtractiveOptions
        Size and training of the probe.
    seed : int
        Of its start, the order of questions, and dropout.
    """
    import torch

    features = _Features.of(examples, train, options)
    best: tuple[float, float, dict[str, torch.Tensor]] | None = None
    tried, seconds = [], {}
    with torch.random.fork_rng():
        for rate in options.learning_rates:
            started = perf_counter()
            torch.manual_seed(seed)
            head = _Head(features, options)
            qualities = []
            for state in _run_passes(head, examples, train, rate, options, seed):
                found = quality(validation, _find_best_spans(head, examples, validation, options))
                qualities.append(found)
                if best is None or found > best[0]:
                    best = found, rate, state
                if len(qualities) - 1 - int(np.argmax(qualities)) >= options.patience:
                    break
            tried.append({"learning_rate": rate, "validation_f1": qualities})
            seconds[rate] = perf_counter() - started
        assert best is not None
        head = _Head(features, options)
        head.load(best[2])
    others = sum(seconds.values()) - seconds[best[1]]
    return SpanProbe(best[1], best[0], tried, others, head, options)


@dataclass(frozen=True, eq=False)
class _Features:
    """Vectors as the head takes them, and the scaling of likenesses."""

    rows: Any
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, examples: SpanExamples, train: np.ndarray, options: ExtractiveOptions) -> _Features:
        scaler = Scaler.of(examples.vectors.rows, standardize=True, weights=examples.vectors.counts)
        matches = np.concatenate([examples.matches(question) for question in train.tolist()])
        return cls(scaler.scale(examples.vectors.rows), matches.mean(axis=0), matches.std(axis=0) + 1e-6)


class _Head:
    """Start and end scores of the words of some contexts."""

    def __init__(
        self, features: _Features, options: ExtractiveOptions, weights: dict[str, torch.Tensor] | None = None
    ) -> None:
        import torch

        self._features, self._dropout = features, options.dropout
        if weights is not None:
            self.load(weights)
            return
        dim, rank = features.rows.shape[1], options.projection
        scale = 1.0 if sp.issparse(features.rows) else dim**-0.5
        self.weights = {
            "projection": torch.randn(dim, rank) * scale,
            "near": torch.zeros(2, 2 * rank, 2 * options.window + 1),
            "matches": torch.zeros(N_MATCHES, 2),
        }
        for weight in self.weights.values():
            weight.requires_grad_()

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Take these weights."""
        self.weights = state

    def scores(self, examples: SpanExamples, questions: np.ndarray, *, training: bool) -> tuple[torch.Tensor, np.ndarray]:
        """Compute scores of shape (n_questions, most words, 2), -inf behind a context's end; and the contexts' lengths."""
        import torch

        contexts = [examples.context(question) for question in questions.tolist()]
        asked = [examples.question(question) for question in questions.tolist()]
        lengths = np.array([part.stop - part.start for part in contexts])
        words = torch.split(self._project(examples, contexts), lengths.tolist())
        of_questions = torch.split(self._project(examples, asked), [part.stop - part.start for part in asked])
        z = torch.nn.utils.rnn.pad_sequence(list(words), batch_first=True)
        q = torch.stack([part.mean(dim=0) for part in of_questions])
        both = torch.nn.functional.dropout(torch.cat([z, z * q[:, None, :]], dim=2), self._dropout, training)
        near = self.weights["near"]
        scores = torch.nn.functional.conv1d(both.transpose(1, 2), near, padding=near.shape[2] // 2).transpose(1, 2)
        matches = np.zeros((len(questions), int(lengths.max()), N_MATCHES), dtype=np.float32)
        for row, question in enumerate(questions.tolist()):
            matches[row, : lengths[row]] = (examples.matches(question) - self._features.mean) / self._features.deviation
        scores = scores + torch.from_numpy(matches) @ self.weights["matches"]
        behind = torch.from_numpy(np.arange(int(lengths.max())) >= lengths[:, None])
        return scores.masked_fill(behind[:, :, None], -torch.inf), lengths

    def _project(self, examples: SpanExamples, parts: list[slice]) -> torch.Tensor:
        import torch

        rows, places = np.unique(np.concatenate([examples.vectors.places[part] for part in parts]), return_inverse=True)
        chosen, projection = self._features.rows[rows], self.weights["projection"]
        if sp.issparse(chosen):
            made = torch.nn.functional.embedding_bag(
                torch.from_numpy(chosen.indices.astype(np.int64)),
                projection,
                torch.from_numpy(chosen.indptr[:-1].astype(np.int64)),
                mode="sum",
                per_sample_weights=torch.from_numpy(chosen.data),
            )
        else:
            made = torch.from_numpy(chosen) @ projection
        return made[torch.from_numpy(places)]


def _run_passes(
    head: _Head, examples: SpanExamples, train: np.ndarray, rate: float, options: ExtractiveOptions, seed: int
) -> Iterator[dict[str, torch.Tensor]]:
    """Compute the weights before training and after each pass."""
    import torch

    def state() -> dict[str, torch.Tensor]:
        return {name: weight.detach().clone() for name, weight in head.weights.items()}

    rng = np.random.default_rng([seed, 1])
    optimizer = torch.optim.AdamW(list(head.weights.values()), lr=rate, weight_decay=options.weight_decay)
    yield state()
    for epoch in range(1, options.epochs + 1):
        for rows in _draw_batches(examples, rng.permutation(train), options.batch_size, rng):
            scores, _ = head.scores(examples, rows, training=True)
            wanted = torch.from_numpy(examples.spans[rows])
            losses = [torch.nn.functional.cross_entropy(scores[:, :, side], wanted[:, side]) for side in (0, 1)]
            optimizer.zero_grad()
            loss = losses[0] + losses[1]
            if not torch.isfinite(loss):
                _LOG.warning("the span probe diverged in epoch %d: lower learning_rates (now %g)", epoch, rate)
                return
            loss.backward()
            optimizer.step()
        yield state()


def _draw_batches(
    examples: SpanExamples, questions: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Draw random batches of questions with contexts of like length: little padding, and another order in each pass."""
    batches: list[np.ndarray] = []
    for first in range(0, len(questions), size * _BATCHES_PER_BUCKET):
        bucket = examples.by_length(questions[first : first + size * _BATCHES_PER_BUCKET])
        batches.extend(bucket[start : start + size] for start in range(0, len(bucket), size))
    for place in rng.permutation(len(batches)):
        yield batches[place]


def _find_best_spans(head: _Head, examples: SpanExamples, questions: np.ndarray, options: ExtractiveOptions) -> np.ndarray:
    import torch

    found: dict[int, tuple[int, int]] = {}
    ordered = examples.by_length(questions)
    with torch.no_grad():
        for first in range(0, len(ordered), options.batch_size):
            rows = ordered[first : first + options.batch_size]
            scores, lengths = head.scores(examples, rows, training=False)
            for question, row, length in zip(rows.tolist(), scores.numpy(), lengths.tolist(), strict=True):
                found[question] = best_span(row[:length, 0], row[:length, 1], options.max_answer_tokens)
    return np.array([found[question] for question in questions.tolist()], dtype=np.int64).reshape(-1, 2)


def _average_windows(signals: np.ndarray, width: int) -> np.ndarray:
    """Compute the mean of each column over the words around each word, as far as there are any."""
    n, half = len(signals), width // 2
    sums = np.concatenate([np.zeros((1, signals.shape[1]), signals.dtype), np.cumsum(signals, axis=0, dtype=np.float32)])
    low, high = np.maximum(np.arange(n) - half, 0), np.minimum(np.arange(n) + half + 1, n)
    means: np.ndarray = (sums[high] - sums[low]) / (high - low)[:, None].astype(np.float32)
    return means
