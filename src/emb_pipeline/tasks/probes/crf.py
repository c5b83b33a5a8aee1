"""A linear-chain conditional random field over the vectors of a window of tokens, fast on one core.

The score of a tag sequence y for tokens with vectors x is the sum over t of

    b[y_t] + A[y_(t-1), y_t] + Σ_o  x_(t+o) · W[o, :, y_t],      o from -window to window, inside the sentence,

and the loss is minus the log likelihood, plus ``(|W|² + |A|²) / 2C`` [1]_. Tag sequences that IOB2 does not know (``O``
before ``I-X``) have no probability, in training and in decoding alike.

The window costs no memory: one product of the *distinct* vectors with all offsets' weights, then sums of a few numbers per
token. Word vectors have one row per distinct word; contextual ones one per token.

References
----------
.. [1] Lafferty, McCallum & Pereira (2001), Conditional Random Fields; Sutton & McCallum (2012), An Introduction to
   Conditional Random Fields, ch. 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.encodings.vectors import float_vectors
from emb_pipeline.embeddings.protocols import TokenEncoder, WordEncoder
from emb_pipeline.tasks.probes.crf_kernels import find_best_path, run_forward_backward, spread_over_window, sum_over_window
from emb_pipeline.tasks.probes.lbfgs import minimise
from emb_pipeline.tasks.probes.regression import Features

FORBIDDEN = -1e4
"""Score of a step that no tag sequence takes: its exponential is 0."""


@dataclass(frozen=True, eq=False)
class TokenVectors:
    """Vectors of the tokens of some sentences, equal ones held once.

    Attributes
    ----------
    rows : ndarray or csr_array of shape (n_rows, dim), float32
        Distinct vectors.
    places : ndarray of shape (n_tokens,), int64
        The row of each token, sentence after sentence.
    starts : ndarray of shape (n_sentences + 1,), int64
        Where each sentence starts among the tokens; the last entry is ``n_tokens``.
    """

    rows: Features
    places: np.ndarray
    starts: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Number of tokens that have each row: shape (n_rows,)."""
        return np.bincount(self.places, minlength=self.rows.shape[0])

    def of_sentences(self, sentences: np.ndarray) -> TokenVectors:
        """Select the vectors of some of the sentences, without rows that none of them needs."""
        tokens, starts = find_tokens_of_sentences(self.starts, sentences)
        kept, places = np.unique(self.places[tokens], return_inverse=True)
        return TokenVectors(self.rows[kept], places.astype(np.int64), starts)

    def with_rows(self, rows: Features) -> TokenVectors:
        """Build the same tokens with other vectors."""
        return TokenVectors(rows, self.places, self.starts)


def encode_sentences(
    encoder: WordEncoder | TokenEncoder, sentences: Sequence[Sequence[str]], name: str = "sentences"
) -> TokenVectors:
    """Compute vectors of all tokens of some sentences. Without context, each distinct token is encoded once."""
    starts = np.concatenate([[0], np.cumsum([len(words) for words in sentences])]).astype(np.int64)
    if isinstance(encoder, TokenEncoder):
        rows = np.concatenate(encoder.encode_tokens(sentences))
        places = np.arange(len(rows))
    else:
        first: dict[str, int] = {}
        places = np.array([first.setdefault(word, len(first)) for words in sentences for word in words])
        rows = encoder.encode_words(list(first))
    return TokenVectors(float_vectors(rows, int(places.max()) + 1, name), places.astype(np.int64), starts)


def find_tokens_of_sentences(starts: np.ndarray, sentences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the positions of the tokens of some sentences, and where each of these starts among them."""
    lengths = np.diff(starts)[sentences]
    new_starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.arange(new_starts[-1]) + np.repeat(starts[:-1][sentences] - new_starts[:-1], lengths), new_starts


@dataclass(frozen=True, eq=False)
class CrfCoefficients:
    """A fitted field.

    Attributes
    ----------
    weights : ndarray of shape (dim, n_offsets, n_tags), float32
        Of the vector at each offset of the window.
    intercepts : ndarray of shape (n_tags,), float32
        b.
    steps : ndarray of shape (n_tags + 1, n_tags), float32
        A; the last row is for the first tag of a sentence.
    """

    weights: np.ndarray
    intercepts: np.ndarray
    steps: np.ndarray

    def decode(self, vectors: TokenVectors) -> np.ndarray:
        """Find the best tags: codes of shape (n_tokens,) (Viterbi)."""
        tags: np.ndarray = find_best_path(self._score_tokens(vectors), vectors.starts, self.steps.astype(np.float64))
        return tags

    def log_likelihoods(self, vectors: TokenVectors, codes: np.ndarray) -> np.ndarray:
        """Log probability of each sentence's tags: shape (n_sentences,)."""
        scores = self._score_tokens(vectors)
        return run_forward_backward(scores, vectors.starts, self.steps.astype(np.float64), codes)[0]

    def _score_tokens(self, vectors: TokenVectors) -> np.ndarray:
        return compute_token_scores(vectors, self.weights, self.intercepts)


def compute_token_scores(vectors: TokenVectors, weights: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
    """Score of each tag for each token, without its neighbours' tags: shape (n_tokens, n_tags), float64."""
    dim, n_offsets, n_tags = weights.shape
    of_rows = np.asarray(vectors.rows @ weights.reshape(dim, n_offsets * n_tags), dtype=np.float32).reshape(
        -1, n_offsets, n_tags
    )
    scores: np.ndarray = sum_over_window(of_rows, vectors.places, vectors.starts, intercepts.astype(np.float64))
    return scores


def find_best_allowed(scores: np.ndarray, starts: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Find the best tags of tokens whose tags have scores of their own, among the sequences that are allowed.

    Parameters
    ----------
    scores : ndarray of shape (n_tokens, n_tags)
        Log probabilities.
    starts, allowed
        As in `TokenVectors` and `LinearChainCrf`.

    Returns
    -------
    ndarray of shape (n_tokens,), int64
    """
    tags: np.ndarray = find_best_path(scores.astype(np.float64), starts, np.where(allowed, 0.0, FORBIDDEN))
    return tags


class LinearChainCrf:
    """Fits for a path of penalties on the same sentences, each starting from the one before.

    Parameters
    ----------
    vectors : TokenVectors
        Of the training sentences; in principal axes for speed, the solution is right in any.
    codes : ndarray of shape (n_tokens,), int64
        Tag codes.
    allowed : ndarray of shape (n_tags + 1, n_tags), bool
        Whether a tag may follow another one; the last row is for the first tag of a sentence.
    window : int
        Tokens to each side.
    start : CrfCoefficients, optional
        Where the first fit starts; else from the tags' frequencies.
    """

    def __init__(
        self,
        vectors: TokenVectors,
        codes: np.ndarray,
        allowed: np.ndarray,
        window: int,
        start: CrfCoefficients | None = None,
    ) -> None:
        self._vectors, self._codes, self._allowed = vectors, codes, allowed
        rows = vectors.rows
        self._transposed = sp.csr_array(rows.T) if sp.issparse(rows) else rows.T
        squares = sp.csr_array(rows).power(2) if sp.issparse(rows) else np.square(rows)
        shares = (vectors.counts / len(codes)).astype(np.float32)
        self._mean_squares = np.asarray(squares.T @ shares, dtype=np.float64).ravel()
        n_tags = allowed.shape[1]
        self._frequencies = (np.bincount(codes, minlength=n_tags) + 0.5) / (len(codes) + 0.5 * n_tags)
        self._taken = _count_steps(codes, vectors.starts, n_tags)
        self._ones = np.ones(len(codes), dtype=np.float32)
        if start is None:
            start = CrfCoefficients(
                np.zeros((rows.shape[1], 2 * window + 1, n_tags), dtype=np.float32),
                np.log(self._frequencies).astype(np.float32),
                np.where(allowed, 0, FORBIDDEN).astype(np.float32),
            )
        self._fit = self._evaluate_fit(start)
        self.iterations = 0
        self.converged = True

    @property
    def coefficients(self) -> CrfCoefficients:
        """The last solution."""
        return self._fit.coefficients

    def fit(self, c: float, *, tolerance: float = 1e-4, max_iterations: int = 200) -> CrfCoefficients:
        """Fit the coefficients for one C.

        Parameters
        ----------
        c : float
            Inverse strength of the penalty: of the loss summed over tokens.
        tolerance : float
            Stop when an iteration lowers the objective by less than this part of it.
        max_iterations : int
            Stop there in any case; ``converged`` tells.
        """
        n, start = len(self._codes), self._fit
        shape = start.coefficients.weights.shape
        n_tags = shape[2]
        penalty = 1.0 / (c * n)
        scale = 1.0 / max(start.loss + 0.5 * penalty * self._compute_squared_length(start.coefficients), 1e-30)
        curvature = np.maximum(self._frequencies * (1 - self._frequencies), 1e-6)
        units = CrfCoefficients(
            np.broadcast_to(1 / np.sqrt(scale * (self._mean_squares[:, None, None] * curvature + penalty)), shape).astype(
                np.float32
            ),
            (1 / np.sqrt(scale * curvature)).astype(np.float32),
            np.broadcast_to(1 / np.sqrt(scale * (curvature / n_tags + penalty)), (n_tags + 1, n_tags)).astype(np.float32),
        )
        unit, is_free = _flatten(units), _flatten(CrfCoefficients(np.ones(shape), np.ones(n_tags), self._allowed)) > 0
        is_penalised = _flatten(CrfCoefficients(np.ones(shape), np.zeros(n_tags), self._allowed)).astype(np.float32)

        def at(fit: _Fit) -> tuple[float, np.ndarray, _Fit]:
            penalised = _flatten(fit.coefficients) * is_penalised
            gradient = (_flatten(fit.gradients) + np.float32(penalty) * penalised) * unit * np.float32(scale)
            gradient[~is_free] = 0
            loss = fit.loss + 0.5 * penalty * float(np.dot(penalised, penalised))
            return loss * scale, gradient.astype(np.float32), fit

        def objective(scaled: np.ndarray) -> tuple[float, np.ndarray, _Fit]:
            return at(self._evaluate_fit(_unflatten(unit * scaled, shape)))

        from_here = (_flatten(start.coefficients) / unit).astype(np.float32)
        found = minimise(objective, from_here, at(start), tolerance=tolerance, max_iterations=max_iterations)
        self._fit, self.iterations, self.converged = found.point, found.iterations, found.converged
        return self.coefficients

    def _evaluate_fit(self, coefficients: CrfCoefficients) -> _Fit:
        vectors, n = self._vectors, len(self._codes)
        scores = compute_token_scores(vectors, coefficients.weights, coefficients.intercepts)
        steps = coefficients.steps.astype(np.float64)
        logs, residuals, expected = run_forward_backward(scores, vectors.starts, steps, self._codes)
        dim, n_offsets, n_tags = coefficients.weights.shape
        of_rows = spread_over_window(residuals, vectors.places, vectors.starts, self._transposed.shape[1], n_offsets)
        gradients = CrfCoefficients(
            np.asarray(self._transposed @ of_rows.reshape(-1, n_offsets * n_tags)).reshape(dim, n_offsets, n_tags),
            self._ones @ residuals,
            ((expected - self._taken) / n).astype(np.float32),
        )
        return _Fit(coefficients, -float(logs.sum()) / n, gradients)

    def _compute_squared_length(self, coefficients: CrfCoefficients) -> float:
        return float(np.square(coefficients.weights).sum() + np.square(coefficients.steps[self._allowed]).sum())


@dataclass(frozen=True, eq=False)
class _Fit:
    """Coefficients, and the mean loss per token and its gradients there, without the penalty."""

    coefficients: CrfCoefficients
    loss: float
    gradients: CrfCoefficients


def _flatten(parts: CrfCoefficients) -> np.ndarray:
    return np.concatenate([np.ravel(parts.weights), np.ravel(parts.intercepts), np.ravel(parts.steps)])


def _unflatten(flat: np.ndarray, shape: tuple[int, ...]) -> CrfCoefficients:
    n_weights, n_tags = int(np.prod(shape)), shape[2]
    weights, intercepts, steps = np.split(flat, [n_weights, n_weights + n_tags])
    return CrfCoefficients(weights.reshape(shape), intercepts, steps.reshape(n_tags + 1, n_tags))


def _count_steps(codes: np.ndarray, starts: np.ndarray, n_tags: int) -> np.ndarray:
    """Count how often each tag follows each other one; the last row counts first tags."""
    before = np.concatenate([[n_tags], codes[:-1]])
    before[starts[:-1][np.diff(starts) > 0]] = n_tags
    return np.bincount(before * n_tags + codes, minlength=(n_tags + 1) * n_tags).reshape(n_tags + 1, n_tags)
