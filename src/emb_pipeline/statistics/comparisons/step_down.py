"""Randomization tests of many differences together: on several sets of units, with variance that the units do not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emb_pipeline.statistics.intervals.extra_variance import MANY, ExtraVariance, compute_root, convert_to_normal_scale
from emb_pipeline.statistics.resampling import BLOCK_BYTES, draw_signs, group_codes, sum_groups

if TYPE_CHECKING:
    from emb_pipeline.statistics.comparisons.all_pairs import AllPairs

_TIE = 1e-5
"""Float32 sums that should be equal differ by less."""
_BLOCK = 1 << 22
"""Statistics that are held at a time."""
_ESTIMATES = 200
"""Estimates of a variance that are drawn for a block of flips."""
_STOPS = 64
"""Places of the order of all hypotheses where the critical value is known."""


@dataclass(frozen=True, eq=False)
class Tested:
    """Hypotheses on one set of units: the means of two columns are equal.

    Attributes
    ----------
    scores : ndarray of shape (n_units, n_columns)
        Item scores of systems, or of weighted means of systems.
    pairs : ndarray of shape (n_hypotheses, 2), int
        The two columns of each.
    groups : ndarray of shape (n_units,), optional
        Units of a group flip together.
    extra : sequence of (ExtraVariance, ndarray of shape (n_systems, n_columns))
        Variance of the systems' means beyond the units, and what each column is made of. Sources are independent.
    seed_weights : ndarray of shape (n_trainings, n_hypotheses), optional
        Weight of each training in each difference, where `SeedVariance` is given; trainings are numbered over all sets.
    denominators : ndarray of shape (n_units, n_columns), optional
        Where a column is a ratio of sums (F1: 2 tp over 2 tp + fp + fn), each unit's part in the denominator, and ``scores``
        its part in the numerator. 0 throughout: a mean.
    n_among : int
        Of so many first columns each two are compared, though not all of these pairs are listed: those that are not count
        in the adjustment of all others, and have no result.
    """

    scores: np.ndarray
    pairs: np.ndarray
    groups: np.ndarray | None = None
    extra: Sequence[tuple[ExtraVariance, np.ndarray]] = ()
    seed_weights: np.ndarray | None = None
    denominators: np.ndarray | None = None
    n_among: int = 0


@dataclass(frozen=True, eq=False)
class SeedVariance:
    """Covariance over sets of units (tasks) of a training's luck, the same for each training.

    Attributes
    ----------
    covariance : ndarray of shape (n_sets, n_sets)
        Positive semi-definite.
    freedom : int
        Trainings that it was estimated from, beyond the first of each kind.
    """

    covariance: np.ndarray
    freedom: int


@dataclass(frozen=True, eq=False)
class Tests:
    """Results, in the order of the hypotheses of all sets, and of the averages after them.

    Attributes
    ----------
    difference, error : ndarray of shape (n_hypotheses,)
        Of the means, and its standard error under the null hypothesis with all sources of variance.
    p, p_adjusted : ndarray of shape (n_hypotheses,)
        Of a single test, and adjusted for all.
    critical : float
        What a normalized statistic among those that were not rejected has to exceed at the level.
    """

    difference: np.ndarray
    error: np.ndarray
    p: np.ndarray
    p_adjusted: np.ndarray
    critical: float


def run_step_down_tests(
    sets: Sequence[Tested],
    averages: Sequence[Sequence[tuple[int, int]]] = (),
    *,
    seeds: SeedVariance | None = None,
    n_permutations: int,
    rng: np.random.Generator,
    level: float = 0.05,
) -> Tests:
    """Two-sided tests, adjusted together: the probability of any false finding is at most the level, whichever are false.

    Under the null hypothesis two columns' scores on a unit could be exchanged, which flips the sign of their difference.
    The statistic is the mean difference over the root of (the sum of the squared differences of the units, over their
    number squared, plus the variance from other sources). Under flips the first part of the denominator does not change.
    For two ratios of sums a flip swaps the two systems' counts on a unit: its term is N_a - N_b - r (D_a - D_b), where r is
    the ratio of both together, which no swap changes.

    Other sources add normal deviations to the flipped means, and their variance is estimated again from as many normal draws
    as it has degrees of freedom: so a variance that is known from few draws has the tails of a t statistic. Statistics with
    few degrees of freedom are brought to the scale of a normal variable (`convert_to_normal_scale`), so that none rules the
    largest of all.

    ``p = (count + 1) / (n_permutations + 1)``, where count is the number of flips that reach the observed statistic; ties
    count. The adjusted p is the step-down max-T of Westfall & Young [1]_, [2]_: the largest statistic counts against the
    largest of all under the same flips, the next against the largest of those that are not larger, and so on. The flips of
    different sets are independent.

    Parameters
    ----------
    sets : sequence of Tested
        One for each task.
    averages : sequence of sequence of (int, int)
        Further hypotheses: the mean of some differences, each given by its set and its place among the set's hypotheses.
    seeds : SeedVariance, optional
        Luck of the trainings of ``seed_weights``.
    n_permutations : int
        Random flips.
    rng : Generator
        Their source.
    level : float
        Of the critical value.

    Returns
    -------
    Tests
        A difference of columns with equal scores on all units has p = 1.

    References
    ----------
    .. [1] Westfall & Young (1993), Resampling-Based Multiple Testing, ch. 2.
    .. [2] Romano & Wolf (2005), Exact and approximate stepdown methods for multiple hypothesis testing, JASA 100(469).
    .. [3] Phipson & Smyth (2010), Permutation p-values should never be zero, SAGMB 9(1).
    """
    if not sets:
        return Tests(*(np.zeros(0),) * 4, critical=float("nan"))
    states = [_Set(tested, number, seeds) for number, tested in enumerate(sets)]
    combined = [_Average(members, states, seeds) for members in averages]
    observed = _join_blocks(
        [state.observed for state in states], combined, None if seeds is None else seeds.covariance[None]
    )
    n = observed.numerators.shape[1]
    if not n:
        return Tests(*(np.zeros(0),) * 4, critical=float("nan"))
    spread = np.concatenate([*(state.spread for state in states), [each.spread for each in combined]])
    freedom = np.minimum(np.divide(observed.variances[0] ** 2, spread, out=np.full(n, MANY), where=spread > 0), MANY)
    differs = np.concatenate([*(state.differs for state in states), [each.differs for each in combined]]).astype(bool)
    reached = np.where(differs, observed.normalize(freedom)[0] * (1 - _TIE) - _TIE, np.inf)
    order = np.argsort(np.where(differs, -reached, np.inf), kind="stable")
    single, adjusted = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    stops = np.unique(np.linspace(0, n - 1, _STOPS).astype(np.int64))
    largest_from = np.empty((n_permutations, len(stops)), dtype=np.float32)
    widest = max([1, *(state.terms.shape[0] for state in states)])
    rows = max(1, min(n_permutations, BLOCK_BYTES // (5 * widest), _BLOCK // n))
    for start in range(0, n_permutations, rows):
        count = min(rows, n_permutations - start)
        luck = None if seeds is None else _Luck(seeds, states, count, rng)
        blocks = [state.flip_signs(count, rng, luck) for state in states]
        statistics = _join_blocks(blocks, combined, None if luck is None else luck.estimates).normalize(freedom)
        single += (statistics >= reached).sum(axis=0)
        from_here = np.maximum.accumulate(statistics[:, order[::-1]], axis=1)[:, ::-1]
        for block in blocks:
            if block.unlisted is not None:
                from_here = np.maximum(from_here, block.unlisted[:, None])
        adjusted[order] += (from_here >= reached[order]).sum(axis=0)
        largest_from[start : start + count] = from_here[:, stops]
    p = np.where(differs, (1 + single) / (1 + n_permutations), 1.0)
    stepped = np.maximum.accumulate((1 + adjusted[order]) / (1 + n_permutations))
    p_adjusted = np.empty(n)
    p_adjusted[order] = np.where(differs[order], stepped, 1.0)
    rejected = int((p_adjusted <= level).sum())
    stop = int(np.searchsorted(stops, rejected, side="right")) - 1
    critical = float(np.quantile(largest_from[:, max(stop, 0)], 1 - level))
    return Tests(observed.signed, np.sqrt(observed.variances[0]), p, p_adjusted, critical)


@dataclass(eq=False)
class _Block:
    """Numerators and their variances, of shape (n_rows, n_hypotheses); variances too without those of seeds.

    ``unlisted``: of each row the largest statistic of pairs that are not listed, where there are some.
    """

    numerators: np.ndarray
    variances: np.ndarray
    without_seeds: np.ndarray
    unlisted: np.ndarray | None = None

    @property
    def signed(self) -> np.ndarray:
        return np.asarray(self.numerators[0], dtype=np.float64)

    def normalize(self, freedom: np.ndarray) -> np.ndarray:
        """Absolute statistics, on the scale of a standard normal variable: shape (n_rows, n_hypotheses)."""
        squares = np.square(self.numerators) / np.maximum(self.variances, np.finfo(np.float32).tiny)
        values = np.sqrt(squares)
        few = np.flatnonzero(freedom < MANY)
        if len(few):
            values[:, few] = convert_to_normal_scale(squares[:, few], freedom[few].astype(squares.dtype))
        return np.asarray(values)


class _Luck:
    """Luck of trainings in each flip: deviations of shape (n, n_trainings, n_sets), and estimates of their covariance."""

    def __init__(self, seeds: SeedVariance, states: Sequence[_Set], n: int, rng: np.random.Generator) -> None:
        weights = next(state.seed_weights for state in states if state.seed_weights is not None)
        n_sets, root = len(states), compute_root(seeds.covariance).astype(np.float32)
        self.deviations = rng.standard_normal((n, len(weights), n_sets), dtype=np.float32) @ root.T
        drawn = rng.standard_normal((n, seeds.freedom, n_sets), dtype=np.float32) @ root.T
        self.estimates = np.einsum("nfs,nft->nst", drawn, drawn) / seeds.freedom


class _Set:
    """One set of units, and its hypotheses."""

    def __init__(self, tested: Tested, number: int, seeds: SeedVariance | None) -> None:
        scores = np.asarray(tested.scores, dtype=np.float64)
        codes, n_groups = group_codes(tested.groups, len(scores))
        # What all columns share on a unit cancels in every difference; without it float32 sums lose less.
        parts = [scores - scores.mean(axis=1, keepdims=True)]
        pairs = np.asarray(tested.pairs, dtype=np.int64).reshape(-1, 2)
        self.a, self.b = pairs[:, 0], pairs[:, 1]
        self._ratios, self._scale = np.zeros(len(pairs)), np.ones(len(pairs))
        if tested.denominators is not None:
            parts.append(np.asarray(tested.denominators, dtype=np.float64))
            above, below = scores.mean(axis=0), parts[1].mean(axis=0)
            both = below[self.a] + below[self.b]
            is_ratio = (below[self.a] > 0) & (below[self.b] > 0)
            self._ratios = np.divide(above[self.a] + above[self.b], both, out=self._ratios, where=is_ratio)
            self._scale = np.divide(2, both, out=self._scale, where=is_ratio)
        self._n_columns = scores.shape[1]
        sums = sum_groups(np.hstack(parts), codes, n_groups) / len(scores)
        self.terms = sums.astype(np.float32)
        gram = sums.T @ sums
        coefficients = self._list_coefficients()
        squares = np.zeros(len(pairs))
        for place, weight in coefficients:
            for other, factor in coefficients:
                squares += weight * factor * gram[place, other]
        self.of_units = np.maximum(squares, 0)
        largest = np.abs(scores).max(initial=0) / max(len(scores), 1)
        self.differs = np.sqrt(self.of_units) > 1e-6 * np.maximum(largest * self._scale, 1e-300)
        self.number = number
        self.seed_weights = tested.seed_weights if seeds is not None else None
        self._sources = [_Source(extra, columns, self.a, self.b) for extra, columns in tested.extra if not extra.is_zero]
        totals = sums.sum(axis=0)[None]
        covariance = None if seeds is None else seeds.covariance[None]
        estimates = [source.variances for source in self._sources]
        self.observed = self._build_block(self._compute_differences(totals), estimates, covariance)
        self.spread_without_seeds = np.zeros(len(pairs))
        """Sum of (variance² / degrees of freedom) over all sources but seeds."""
        for source in self._sources:
            self.spread_without_seeds[source.where] += np.square(source.variances) / source.freedom
        of_seeds = self.observed.variances[0] - self.observed.without_seeds[0]
        self.spread = self.spread_without_seeds + (np.square(of_seeds) / seeds.freedom if seeds else 0.0)
        self._unlisted = self._build_unlisted(tested, scores, gram, largest) if tested.n_among else None

    def flip_signs(self, n: int, rng: np.random.Generator, luck: _Luck | None) -> _Block:
        """One block of random flips."""
        means = draw_signs(len(self.terms), n, rng) @ self.terms
        numerators = self._compute_differences(means)
        moved = [source.draw(n, rng) for source in self._sources]
        for source, deviations in zip(self._sources, moved, strict=True):
            numerators[:, source.where] += source.subtract(deviations)
        if self.seed_weights is not None and luck is not None:
            numerators += luck.deviations[:, :, self.number] @ self.seed_weights.astype(np.float32)
        drawn = [source.draw_for_estimates(n, rng) for source in self._sources]
        estimates = [source.estimate(each, n) for source, each in zip(self._sources, drawn, strict=True)]
        block = self._build_block(numerators, estimates, None if luck is None else luck.estimates)
        if self._unlisted is not None:
            own = slice(self._unlisted.n_systems)
            of_systems = [place for place, source in enumerate(self._sources) if source.root[:, own].any()]
            shifts = [moved[place][:, own] for place in of_systems]
            few = [np.stack([part[:, own] for part in drawn[place]]) for place in of_systems if drawn[place]]
            block.unlisted = self._unlisted.find_largest(means, np.sum(shifts, axis=0) if shifts else None, few)
        return block

    def _build_unlisted(self, tested: Tested, scores: np.ndarray, gram: np.ndarray, largest: float) -> AllPairs:
        from emb_pipeline.statistics.comparisons.all_pairs import AllPairs, Luck, Moments  # takes numba along

        n, below = tested.n_among, tested.denominators
        moments = Moments(
            gram,
            scores.mean(axis=0)[:n],
            None if below is None else np.asarray(below, dtype=np.float64).mean(axis=0)[:n],
            self._n_columns,
            1e-6 * max(largest, 1e-300),
        )
        lucks = [Luck(source.root[:, :n].astype(np.float64), source.freedom) for source in self._sources]
        return AllPairs(moments, lucks, np.column_stack([self.a, self.b]))

    def _list_coefficients(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Columns of the terms, and their weights, that make each hypothesis's difference."""
        made = [(self.a, self._scale), (self.b, -self._scale)]
        if self._ratios.any():
            weights = self._scale * self._ratios
            made += [(self._n_columns + self.a, -weights), (self._n_columns + self.b, weights)]
        return made

    def _compute_differences(self, means: np.ndarray) -> np.ndarray:
        differences = means[:, self.a] - means[:, self.b]
        if self._ratios.any():
            below = means[:, self._n_columns + self.a] - means[:, self._n_columns + self.b]
            differences = (differences - self._ratios.astype(means.dtype) * below) * self._scale.astype(means.dtype)
        return np.asarray(differences)

    def _build_block(
        self, numerators: np.ndarray, estimates: Sequence[np.ndarray], covariances: np.ndarray | None
    ) -> _Block:
        variances = np.broadcast_to(self.of_units.astype(numerators.dtype), numerators.shape)
        if self._sources:
            variances = variances.copy()
        for source, estimate in zip(self._sources, estimates, strict=True):
            variances[:, source.where] += estimate
        if self.seed_weights is None or covariances is None:
            return _Block(numerators, variances, variances)
        of_seeds = covariances[:, self.number, self.number, None] * np.square(self.seed_weights).sum(axis=0)
        return _Block(numerators, variances + of_seeds, variances)


class _Source:
    """Variance beyond the units, of the hypotheses that it affects."""

    def __init__(self, extra: ExtraVariance, columns: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
        root = compute_root(extra.covariance).T @ columns
        differences = root[:, a] - root[:, b]
        variances = np.square(differences).sum(axis=0)
        self.where = np.flatnonzero(variances > 1e-12 * max(variances.max(initial=0), 1e-300))
        self.freedom = extra.freedom
        self.variances = variances[self.where]
        self.root, self._a, self._b = root.astype(np.float32), a[self.where], b[self.where]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Normal deviations of the columns: shape (n, n_columns)."""
        return np.asarray(rng.standard_normal((n, len(self.root)), dtype=np.float32) @ self.root)

    def subtract(self, deviations: np.ndarray) -> np.ndarray:
        """Those of the differences, from those of the columns: shape (n, n_where)."""
        return np.asarray(deviations[:, self._a] - deviations[:, self._b])

    def draw_for_estimates(self, n: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Deviations of the columns to estimate the variance from, as many as degrees of freedom; none where it is known."""
        if not np.isfinite(self.freedom):
            return []
        return [self.draw(min(n, _ESTIMATES), rng) for _ in range(max(1, round(self.freedom)))]

    def estimate(self, drawn: Sequence[np.ndarray], n: int) -> np.ndarray:
        """Estimates of the differences' variance: shape (n, n_where); some rows share one."""
        if not drawn:
            return np.broadcast_to(self.variances, (n, len(self.where)))
        total = np.zeros((len(drawn[0]), len(self.where)), dtype=np.float32)
        for each in drawn:
            total += np.square(self.subtract(each))
        return np.asarray(np.resize(total / len(drawn), (n, len(self.where))))


class _Average:
    """The mean of differences of several sets."""

    def __init__(self, members: Sequence[tuple[int, int]], states: Sequence[_Set], seeds: SeedVariance | None) -> None:
        self.members = list(members)
        self.differs = any(states[number].differs[place] for number, place in members)
        self._numbers = [number for number, _ in members]
        weights = [
            np.zeros(0) if (each := states[number].seed_weights) is None else each[:, place] for number, place in members
        ]
        self._gram = None if seeds is None else np.array([[float(one @ two) for two in weights] for one in weights])
        self.spread = sum(states[number].spread_without_seeds[place] for number, place in members) / len(members) ** 4
        if seeds is not None:
            self.spread += self._compute_seed_variance(seeds.covariance[None])[0] ** 2 / seeds.freedom

    def compute(self, blocks: Sequence[_Block], covariances: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Numerators and variances, each of shape (n_rows,)."""
        numerators = np.mean([blocks[number].numerators[:, place] for number, place in self.members], axis=0)
        variances = np.mean([blocks[number].without_seeds[:, place] for number, place in self.members], axis=0)
        variances = variances / len(self.members)
        return numerators, variances if covariances is None else variances + self._compute_seed_variance(covariances)

    def _compute_seed_variance(self, covariances: np.ndarray) -> np.ndarray:
        if self._gram is None:
            return np.zeros(len(covariances))
        of_members = covariances[:, self._numbers][:, :, self._numbers]
        part = np.einsum("rst,st->r", of_members, self._gram) / len(self.members) ** 2
        return np.asarray(np.maximum(part, 0))


def _join_blocks(blocks: Sequence[_Block], averages: Sequence[_Average], covariances: np.ndarray | None) -> _Block:
    """All hypotheses side by side, the averages last."""
    parts = [each.compute(blocks, covariances) for each in averages]
    columns = [np.stack(each, axis=1) for each in zip(*parts, strict=True)] if parts else []
    numerators = np.hstack([*(block.numerators for block in blocks), *columns[:1]])
    variances = np.hstack([*(block.variances for block in blocks), *columns[1:]])
    return _Block(numerators, variances, variances)
