"""Levels of tests that come one after the other, without an end: a gate at every commit.

A gate that is asked a hundred times at a level of 5 % lets five inferior candidates through. Here the level of each test
depends on how many came before and how many of them passed. Then of all candidates that ever pass at most the whole level's
share is inferior, in expectation (the false discovery rate).
"""

from __future__ import annotations

from scipy.special import zeta

_DECAY = 1.2
"""Levels fall slowly, and the first is low: of .05 .009, .006 at the tenth test, .003 at the hundredth at 90 % passed."""


def compute_level(whole: float, n_before: int, n_passed: int) -> float:
    """Compute the level of the next test: ``whole · γ_t · (passed + 1)`` with ``γ_t`` that sum to 1 (LOND).

    The share of passed candidates that are inferior is at most ``whole`` in expectation where p-values are independent, or
    positively dependent. One-sided tests of candidates on the same units against the same deployed scores are, where their
    differences are not negatively correlated.

    Parameters
    ----------
    whole : float
        The level of the whole sequence.
    n_before : int
        Tests that came before.
    n_passed : int
        Those of them that passed.

    Returns
    -------
    float
        At most ``whole``.

    References
    ----------
    .. [1] Javanmard & Montanari (2018), Online rules for control of false discovery rate, Annals of Statistics 46(2): LOND.
    .. [2] Zrnic, Ramdas & Jordan (2021), Asynchronous online testing of multiple hypotheses, JMLR 22: positive dependence.

    Raises
    ------
    ValueError
        More passed than were tested.
    """
    if not 0 <= n_passed <= n_before:
        raise ValueError(f"{n_passed} of {n_before} tests passed")
    return min(whole, whole * _share(n_before + 1) * (n_passed + 1))


def _share(number: int) -> float:
    """γ of a test, from 1 on; all of them sum to 1."""
    return float(number**-_DECAY / zeta(_DECAY))
