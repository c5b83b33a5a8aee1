"""The loops of a linear-chain conditional random field: sums over windows, forward, backward and Viterbi."""

from __future__ import annotations

import numpy as np
from numba import njit


def run_forward_backward(
    scores: np.ndarray, starts: np.ndarray, steps: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log likelihood of each sentence, gradients of the mean loss by the scores, and expected counts of the steps.

    Rows of tags are padded by tags of probability 0 to whole vector registers: eight numbers take half the time of seven.
    """
    n_tags = scores.shape[1]
    width = -(-n_tags // _LANES) * _LANES
    emitted, highest = _compute_emissions(scores, width)
    np.exp(emitted, out=emitted)
    weights = np.zeros((n_tags + 1, width))
    weights[:, :n_tags] = np.exp(steps)
    forward, sums = _run_forward(emitted, starts, weights)
    residuals, together = _run_backward(forward, emitted, sums, starts, weights, codes)
    logs = _compute_log_likelihoods(scores, highest, sums, starts, steps, codes)
    return logs, residuals, (weights * together)[:, :n_tags]


_LANES = 8


_kernel = njit(cache=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})


@_kernel
def sum_over_window(of_rows: np.ndarray, places: np.ndarray, starts: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
    _, n_offsets, n_tags = of_rows.shape
    window = n_offsets // 2
    scores = np.empty((len(places), n_tags))
    for sentence in range(len(starts) - 1):
        start, end = starts[sentence], starts[sentence + 1]
        for token in range(start, end):
            of_token = scores[token]
            of_token[:] = intercepts
            for other in range(max(start, token - window), min(end, token + window + 1)):
                of_row = of_rows[places[other], other - token + window]
                for tag in range(n_tags):
                    of_token[tag] += of_row[tag]
    return scores


@_kernel
def spread_over_window(
    of_tokens: np.ndarray, places: np.ndarray, starts: np.ndarray, n_rows: int, n_offsets: int
) -> np.ndarray:
    """Apply the transposed operation of `sum_over_window`."""
    n_tags = of_tokens.shape[1]
    window = n_offsets // 2
    of_rows = np.zeros((n_rows, n_offsets, n_tags), dtype=np.float32)
    for sentence in range(len(starts) - 1):
        start, end = starts[sentence], starts[sentence + 1]
        for token in range(start, end):
            of_token = of_tokens[token]
            for other in range(max(start, token - window), min(end, token + window + 1)):
                of_row = of_rows[places[other], other - token + window]
                for tag in range(n_tags):
                    of_row[tag] += of_token[tag]
    return of_rows


@_kernel
def _compute_emissions(scores: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute scores less the highest of each token, padded by minus infinity; and the highest."""
    n_tokens, n_tags = scores.shape
    shifted, highest = np.empty((n_tokens, width)), np.empty(n_tokens)
    for token in range(n_tokens):
        of_token, made = scores[token], shifted[token]
        largest = of_token[0]
        for tag in range(1, n_tags):
            largest = max(largest, of_token[tag])
        highest[token] = largest
        for tag in range(n_tags):
            made[tag] = of_token[tag] - largest
        made[n_tags:] = -np.inf
    return shifted, highest


@_kernel
def _run_forward(emitted: np.ndarray, starts: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute probabilities of each token's tags given the sentence up to it, and what each row was divided by."""
    n_tokens, width = emitted.shape
    n_tags = len(weights) - 1
    forward, sums = np.empty((n_tokens, width)), np.empty(n_tokens)
    for sentence in range(len(starts) - 1):
        for token in range(starts[sentence], starts[sentence + 1]):
            reached, of_token = forward[token], emitted[token]
            if token == starts[sentence]:
                reached[:] = weights[n_tags]
            else:
                last = forward[token - 1]
                reached[:] = 0
                for before in range(n_tags):
                    share, of_step = last[before], weights[before]
                    for tag in range(width):
                        reached[tag] += share * of_step[tag]
            total = 0.0
            for tag in range(width):
                reached[tag] *= of_token[tag]
                total += reached[tag]
            sums[token] = total
            share = 1 / total
            for tag in range(width):
                reached[tag] *= share
    return forward, sums


@_kernel
def _run_backward(
    forward: np.ndarray,
    emitted: np.ndarray,
    sums: np.ndarray,
    starts: np.ndarray,
    weights: np.ndarray,
    codes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Give tag probabilities of the sentence, less 1 for the token's own tag, over the number of tokens (float32); and the
    probabilities of all steps, summed, but for the step's own weight."""
    n_tokens, width = emitted.shape
    n_tags = len(weights) - 1
    residuals, together = np.empty((n_tokens, n_tags), dtype=np.float32), np.zeros((n_tags + 1, width))
    backward, carried = np.empty(width), np.empty(width)
    for sentence in range(len(starts) - 1):
        backward[:] = 1
        for token in range(starts[sentence + 1] - 1, starts[sentence] - 1, -1):
            of_token, until, made = emitted[token], forward[token], residuals[token]
            for tag in range(n_tags):
                made[tag] = until[tag] * backward[tag] / n_tokens
            made[codes[token]] -= np.float32(1 / n_tokens)
            share = 1 / sums[token]
            for tag in range(width):
                carried[tag] = of_token[tag] * backward[tag] * share
            if token == starts[sentence]:
                together[n_tags] += carried
                continue
            last = forward[token - 1]
            for before in range(n_tags):
                reached, of_together, of_step, total = last[before], together[before], weights[before], 0.0
                for tag in range(width):
                    of_together[tag] += reached * carried[tag]
                    total += of_step[tag] * carried[tag]
                backward[before] = total
    return residuals, together


@_kernel
def _compute_log_likelihoods(
    scores: np.ndarray, highest: np.ndarray, sums: np.ndarray, starts: np.ndarray, steps: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Log probability of each sentence's tags."""
    logs = np.zeros(len(starts) - 1)
    for sentence in range(len(starts) - 1):
        before = len(steps) - 1
        for token in range(starts[sentence], starts[sentence + 1]):
            code = codes[token]
            logs[sentence] += scores[token, code] + steps[before, code] - highest[token] - np.log(sums[token])
            before = code
    return logs


@njit(cache=True)
def find_best_path(scores: np.ndarray, starts: np.ndarray, steps: np.ndarray) -> np.ndarray:
    n_tokens, n_tags = scores.shape
    best = np.empty((n_tokens, n_tags))
    came_from = np.zeros((n_tokens, n_tags), dtype=np.int64)
    tags = np.zeros(n_tokens, dtype=np.int64)
    for sentence in range(len(starts) - 1):
        start, end = starts[sentence], starts[sentence + 1]
        for token in range(start, end):
            for tag in range(n_tags):
                if token == start:
                    best[token, tag] = scores[token, tag] + steps[n_tags, tag]
                    continue
                highest = best[token - 1, 0] + steps[0, tag]
                for before in range(1, n_tags):
                    value = best[token - 1, before] + steps[before, tag]
                    if value > highest:
                        highest, came_from[token, tag] = value, before
                best[token, tag] = highest + scores[token, tag]
        if end > start:
            tags[end - 1] = np.argmax(best[end - 1])
            for token in range(end - 1, start, -1):
                tags[token - 1] = came_from[token, tags[token]]
    return tags
