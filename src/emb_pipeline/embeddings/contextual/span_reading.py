"""Answers that a transformer with a span head finds in contexts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.text_reader import Window
from emb_pipeline.embeddings.linear_head import LinearHead


def read_spans(
    encoder: ContextualEncoder,
    head: LinearHead,
    questions: Sequence[Sequence[str]],
    contexts: Sequence[Sequence[str]],
    *,
    longest: int,
) -> np.ndarray:
    """The best span of each question's context, over all windows that the context is read in.

    A span weighs the score of its first sub-word as a start plus that of its last as an end, less what the window gives "no
    answer here" (its first sub-word), which makes windows comparable (Devlin et al. 2019, BERT, §4.3).

    Parameters
    ----------
    encoder : ContextualEncoder
        The transformer.
    head : LinearHead
        Two scores of each hidden state: start, end.
    questions, contexts : sequence of sequences of str
        Words; one context, which has a word, for each question.
    longest : int
        Words of an answer at most.

    Returns
    -------
    ndarray of shape (n_questions, 2), int64
        First and last word of the answer.
    """
    pairs = zip(questions, contexts, strict=True)
    windows = [(row, window) for row, pair in enumerate(pairs) for window in encoder.windows(*pair)]
    spans, best = np.zeros((len(questions), 2), dtype=np.int64), np.full(len(questions), -np.inf)
    for number, states in encoder.window_states([window for _, window in windows]):
        row, window = windows[number]
        weight, span = _best_of_window(states @ head.weights + head.intercepts, window, longest)
        if weight > best[row]:
            best[row], spans[row] = weight, span
    return spans


def best_span(start: np.ndarray, end: np.ndarray, longest: int) -> tuple[int, int]:
    """First and last word of the span with the largest sum of scores that has ``longest`` words at most."""
    sums = start[:, None] + end[None, :]
    lengths = np.arange(len(end))[None, :] - np.arange(len(start))[:, None]
    sums[(lengths < 0) | (lengths >= longest)] = -np.inf
    first, last = divmod(int(sums.argmax()), len(end))
    return first, last


def _best_of_window(scores: np.ndarray, window: Window, longest: int) -> tuple[float, tuple[int, int]]:
    words, firsts, counts = np.unique(window.word_of, return_index=True, return_counts=True)
    of_context = scores[window.begin : window.begin + len(window.word_of)]
    starts, ends = of_context[firsts, 0], of_context[firsts + counts - 1, 1]
    first, last = best_span(starts, ends, longest)
    return float(starts[first] + ends[last] - scores[0].sum()), (int(words[first]), int(words[last]))
