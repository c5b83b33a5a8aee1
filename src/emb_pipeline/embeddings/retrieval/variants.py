"""The formulas of BM25's variants, with the repeats of each word known: k1 and b can be changed without counting again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emb_pipeline.embeddings.retrieval.options import Variant


class Formula(NamedTuple):
    """One variant's two factors.

    Attributes
    ----------
    idf : callable
        Takes the number of passages and how many hold each word; gives each word's inverse document frequency.
    saturation : callable
        Takes counts, relative lengths of the passages (1 - b + b * length / mean length), k1 and delta.
    absent : callable, optional
        Takes k1 and delta; gives the saturation of a word that a passage does not have, where it is not 0. A score here is
        what exceeds it, so that of a passage without any word of a query is 0; no order of passages differs by that.
    """

    idf: Callable[[int, np.ndarray], np.ndarray]
    saturation: Callable[[np.ndarray, np.ndarray, float, float], np.ndarray]
    absent: Callable[[float, float], float] | None = None


def _saturate(counts: np.ndarray, lengths: np.ndarray, k1: float, delta: float) -> np.ndarray:
    return np.asarray(counts / (counts + k1 * lengths))


def _saturate_atire(counts: np.ndarray, lengths: np.ndarray, k1: float, delta: float) -> np.ndarray:
    return np.asarray((k1 + 1) * counts / (counts + k1 * lengths))


def _saturate_plus(counts: np.ndarray, lengths: np.ndarray, k1: float, delta: float) -> np.ndarray:
    return np.asarray(_saturate_atire(counts, lengths, k1, delta) + delta)


def _saturate_l(counts: np.ndarray, lengths: np.ndarray, k1: float, delta: float) -> np.ndarray:
    shifted = counts / lengths + delta
    return np.asarray((k1 + 1) * shifted / (k1 + shifted))


def _saturate_l_absent(k1: float, delta: float) -> float:
    return (k1 + 1) * delta / (k1 + delta)


FORMULAS: dict[Variant, Formula] = {
    "lucene": Formula(lambda n, held: np.log(1 + (n - held + 0.5) / (held + 0.5)), _saturate),
    "robertson": Formula(lambda n, held: np.log(np.maximum((n - held + 0.5) / (held + 0.5), 1)), _saturate),
    "atire": Formula(lambda n, held: np.log(n / held), _saturate_atire),
    "bm25l": Formula(
        lambda n, held: np.log((n + 1) / (held + 0.5)), _saturate_l, lambda k1, delta: (k1 + 1) * delta / (k1 + delta)
    ),
    "bm25+": Formula(lambda n, held: np.log((n + 1) / held), _saturate_plus, lambda k1, delta: delta),
}
"""As bm25s computes them [1]_.

References
----------
.. [1] Kamphuis, de Vries, Boytsov & Lin (2020), Which BM25 Do You Mean? A Large-Scale Reproducibility Study of Scoring
   Variants, ECIR.
"""
