"""Inner loops of the search for near-duplicates, compiled: they know arrays of numbers, and no texts."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def compute_changed_share(shorter: np.ndarray, longer: np.ndarray, weights: np.ndarray) -> float:
    """Weight of the words by which a text differs from the part of a longer one that it is most alike, over its own weight.

    Sellers' algorithm [1]_: an alignment that may start and end anywhere in the longer text. A word that is missing or
    replaced costs its weight, and so does one that the longer text has in between.

    Parameters
    ----------
    shorter, longer : ndarray of shape (n_tokens,), int
        Token ids.
    weights : ndarray of shape (n_words,), float32
        Of each word, above 0.

    References
    ----------
    .. [1] Sellers (1980), The theory and computation of evolutionary distances: pattern recognition, J. Algorithms 1(4).
    """
    n = len(longer)
    above = np.zeros(n + 1, dtype=np.float32)
    row = np.empty(n + 1, dtype=np.float32)
    total = np.float32(0.0)
    for token in shorter:
        weight = weights[token]
        row[0] = above[0] + weight
        for j in range(n):
            other = longer[j]
            best = above[j] if other == token else above[j] + weight
            best = min(best, above[j + 1] + weight)
            row[j + 1] = min(best, row[j] + weights[other])
        above, row = row, above
        total += weight
    return float(above.min() / total)


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def find_pairs(
    ids: np.ndarray,
    starts: np.ndarray,
    weights: np.ndarray,
    limits: np.ndarray,
    asked: np.ndarray,
    gram_starts: np.ndarray,
    gram_groups: np.ndarray,
    own_places: np.ndarray,
    group_starts: np.ndarray,
    postings: np.ndarray,
    window: int,
    most: int,
    least_shared: float,
    largest_table: int,
    ordered: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Look up the sequences of each asked text, and align it with the texts that share most of them.

    Parameters
    ----------
    ids, starts : ndarray
        Token ids of all texts in a row, and where each text starts (n_texts + 1).
    weights, limits : ndarray
        Weight of each word; the share of a text of so many tokens that may be changed.
    asked : ndarray of shape (n_asked,), int64
        The texts to look for.
    gram_starts, gram_groups, own_places : ndarray
        Where the sequences of each text start (n_texts + 1); for each sequence, its group of postings (-1: none), and the
        place in the group at or before which the text itself is.
    group_starts, postings : ndarray
        Where each group starts, and the texts that hold the sequence.
    window, most, least_shared, largest_table
        Postings to each side that are looked at; candidates of a text that are aligned; share of the sequences of the
        shorter text that a candidate has in common with it; cells of an alignment, above which shared sequences decide.
    ordered : bool
        Each pair once: only candidates with a lower number.

    Returns
    -------
    tuple of ndarray
        The asked text, the other one and the changed share of each pair.
    """
    n_texts = len(starts) - 1
    shared = np.zeros(n_texts, dtype=np.int32)
    touched = np.empty(n_texts, dtype=np.int64)
    kept = np.empty(most, dtype=np.int64)
    marks = np.empty(most, dtype=np.float64)
    first, second, changed = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)], [0.0 for _ in range(0)]
    for text in asked:
        n_touched = 0
        for gram in range(gram_starts[text], gram_starts[text + 1]):
            group = gram_groups[gram]
            if group < 0:
                continue
            low = max(group_starts[group], own_places[gram] - window)
            high = min(group_starts[group + 1], own_places[gram] + window + 1)
            for place in range(low, high):
                other = postings[place]
                if other == text or (ordered and other > text):
                    continue
                if shared[other] == 0:
                    touched[n_touched] = other
                    n_touched += 1
                shared[other] += 1
        n_kept = 0
        n_grams = gram_starts[text + 1] - gram_starts[text]
        for place in range(n_touched):
            other = touched[place]
            mark = shared[other] / min(n_grams, gram_starts[other + 1] - gram_starts[other])
            shared[other] = 0
            if mark < least_shared or (n_kept == most and mark <= marks[most - 1]):
                continue
            if n_kept < most:
                n_kept += 1
            slot = n_kept - 1
            while slot > 0 and marks[slot - 1] < mark:
                marks[slot], kept[slot] = marks[slot - 1], kept[slot - 1]
                slot -= 1
            marks[slot], kept[slot] = mark, other
        of_text = ids[starts[text] : starts[text + 1]]
        for place in range(n_kept):
            of_other = ids[starts[kept[place]] : starts[kept[place] + 1]]
            n_shorter = min(len(of_text), len(of_other))
            if len(of_text) * len(of_other) > largest_table:
                share = 1.0 - marks[place] ** (1.0 / 3.0)
            elif len(of_text) < len(of_other) or (len(of_text) == len(of_other) and text < kept[place]):
                share = compute_changed_share(of_text, of_other, weights)
            else:
                share = compute_changed_share(of_other, of_text, weights)
            if share <= limits[min(n_shorter, len(limits) - 1)]:
                first.append(text)
                second.append(kept[place])
                changed.append(share)
    return np.array(first), np.array(second), np.array(changed)
