"""All pairs of systems on the same units: differences, intervals, and tests that hold for all pairs together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa

from emb_pipeline.statistics.comparisons.power import find_smallest_detectable_difference
from emb_pipeline.statistics.comparisons.step_down import Tested, Tests, run_step_down_tests
from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.system_scores import SystemScores

COMPARISONS = pa.schema(
    [
        ("embedding_a", pa.string()),
        ("embedding_b", pa.string()),
        ("difference", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("p", pa.float64()),
        ("p_adjusted", pa.float64()),
        ("detectable", pa.float64()),
        ("n", pa.int64()),
    ]
)


def compare_pairs(
    systems: SystemScores,
    resampling: Resampling | None = None,
    *,
    rng: np.random.Generator,
    pairs: Sequence[tuple[int, int]] | None = None,
    largest: float = np.inf,
    tests: Tests | None = None,
    are_all_tested: bool = False,
) -> pa.Table:
    """Compare each pair of systems.

    Parameters
    ----------
    systems : SystemScores
        Item scores of the systems, with what is known of their units.
    resampling : Resampling, optional
        Bootstrap resamples for the intervals, each for its own pair; random sign flips for the tests.
    rng : Generator
        Source of both, in place of the seed of ``resampling``.
    pairs : sequence of (int, int), optional
        The columns to compare; all pairs if left out. The tests are adjusted for these pairs.
    largest : float
        Largest difference that the metric can show: intervals are cut off there.
    tests : Tests, optional
        Of these pairs, where they were tested before, together with other hypotheses.
    are_all_tested : bool
        Adjust for all pairs, whichever are compared.

    Returns
    -------
    Table of embedding_a, embedding_b, difference (a - b), ci_low, ci_high, p, p_adjusted, detectable, n
        One row per pair. ``detectable`` is the true difference that the adjusted test of the pair finds in 80 % of cases.

    Raises
    ------
    ValueError
        Names and columns differ in number, or fewer than two units or groups.

    Notes
    -----
    `run_step_down_tests` says what the p-values are. An interval is a bootstrap statement and p a randomization statement:
    near the border they can disagree.
    """
    chosen = resampling or Resampling()
    names, groups, extra = systems.names, systems.groups, systems.extra
    scores = np.asarray(systems.values, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] != len(names):
        raise ValueError(f"scores of shape {scores.shape} for {len(names)} names")
    a, b = _list_pairs(len(names), pairs)
    means = scores.mean(axis=0)
    if tests is None:
        n_among = len(names) if are_all_tested else 0
        tests = _run_tests(
            scores,
            n_permutations=chosen.permutations,
            rng=rng,
            groups=groups,
            pairs=pairs,
            extra=extra,
            n_among=n_among,
        )
    resampled = bootstrap_means(scores, n_resamples=chosen.resamples, rng=rng, groups=groups, discordant=True)
    if extra is not None:
        resampled = resampled + extra.draw_deviations(chosen.resamples, rng)
    level = 1 - chosen.level
    tail = 50 * (1 - level)
    bounds, errors = np.empty((len(a), 2)), np.empty(len(a))
    for place, (i, j) in enumerate(zip(a, b, strict=True)):  # one at a time: all of them take gigabytes
        difference = resampled[:, i] - resampled[:, j]
        bounds[place], errors[place] = np.percentile(difference, [tail, 100 - tail]), difference.std()
    return pa.table(
        {
            "embedding_a": [names[i] for i in a],
            "embedding_b": [names[i] for i in b],
            "difference": means[a] - means[b],
            "ci_low": np.maximum(bounds[:, 0], -largest),
            "ci_high": np.minimum(bounds[:, 1], largest),
            "p": tests.p,
            "p_adjusted": tests.p_adjusted,
            "detectable": find_smallest_detectable_difference(errors, tests.critical),
            "n": np.full(len(a), len(scores)),
        },
        schema=COMPARISONS,
    )


def run_sign_flip_tests(
    scores: np.ndarray,
    *,
    n_permutations: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    pairs: Sequence[tuple[int, int]] | None = None,
    extra: ExtraVariance | None = None,
    are_all_tested: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided randomization tests of pairs of systems, single and adjusted for their number.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_systems)
        Item scores, in one unit order.
    n_permutations : int
        Random flips.
    rng : Generator
        Their source.
    groups : ndarray of shape (n_units,), optional
        Units of a group flip together.
    pairs : sequence of (int, int), optional
        The columns to compare; `itertools.combinations` if left out.
    extra : ExtraVariance, optional
        Variance of the systems' means beyond the units.
    are_all_tested : bool
        Adjust for all pairs, whichever are compared.

    Returns
    -------
    p, p_adjusted : ndarray of shape (n_pairs,)
        In the order of the pairs; see `comparisons.step_down.run_step_down_tests`. Systems with equal scores
        everywhere have p = 1.
    """
    among = np.shape(scores)[1] if are_all_tested else 0
    found = _run_tests(
        scores, n_permutations=n_permutations, rng=rng, groups=groups, pairs=pairs, extra=extra, n_among=among
    )
    return found.p, found.p_adjusted


def _run_tests(
    scores: np.ndarray,
    *,
    n_permutations: int,
    rng: np.random.Generator,
    groups: np.ndarray | None,
    pairs: Sequence[tuple[int, int]] | None,
    extra: ExtraVariance | None,
    n_among: int = 0,
) -> Tests:
    n_systems = np.shape(scores)[1]
    extras = [] if extra is None else [(extra, np.eye(n_systems))]
    tested = Tested(scores, np.column_stack(_list_pairs(n_systems, pairs)), groups, extras, n_among=n_among)
    return run_step_down_tests([tested], n_permutations=n_permutations, rng=rng)


def _list_pairs(n_systems: int, pairs: Sequence[tuple[int, int]] | None) -> tuple[np.ndarray, np.ndarray]:
    columns = np.array(list(combinations(range(n_systems), 2)) if pairs is None else pairs, dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]
