"""Factorial effects: how much of the differences between embeddings is due to corpus, method and dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from emb_pipeline.statistics.comparisons.step_down import Tested, Tests, run_step_down_tests
from emb_pipeline.statistics.effects.contrasts import describe_contrast, list_contrasts, score_sides, weigh_contrasts
from emb_pipeline.statistics.effects.designs import Design
from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.resampling import Resampling

REST = "seeds and the rest"
CHANCE = "chance of the test items"
BETWEEN = " × "
SHARES = {
    "design": "string",
    "task": "string",
    "metric": "string",
    "term": "string",
    "df": "int64",
    "share": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "spread": "float64",
    "cells": "int64",
    "n": "int64",
}
FACTOR_EFFECTS = {
    "design": "string",
    "task": "string",
    "metric": "string",
    "factor": "string",
    "level_a": "string",
    "level_b": "string",
    "within": "string",
    "instead_of": "string",
    "difference": "float64",
    "error": "float64",
    "seed_error": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "p": "float64",
    "p_adjusted": "float64",
    "pairs": "int64",
    "n": "int64",
}


def estimate_variance_shares(
    design: Design, *, n_resamples: int, rng: np.random.Generator, level: float = 0.95
) -> list[dict[str, object]]:
    """Share of the variance of the cells' means that each factor, and each pair of factors, explains.

    Sums of squares are of type II: those of a term, given all terms that do not contain it. Where every combination of
    levels has the same number of cells they are the classical orthogonal decomposition. All cells are scored on the same
    units, so what a unit adds to all of them cancels: the decomposition of the means is that of a mixed model with crossed
    random units.

    The means of finite test sets differ by chance, which would show as effects where there are none. The bootstrap gives
    that part of each sum of squares (its mean over resamples is the observed one plus the noise), and it is taken off [1]_.
    Shares are of all that was observed, and chance has a row of its own: where nothing differs, it has nearly everything.

    Parameters
    ----------
    design : Design
        The cells.
    n_resamples, rng, level
        Bootstrap of the units, and what the intervals cover.

    Returns
    -------
    list of dict with term, df, share, ci_low, ci_high, spread, cells, n
        Factors first, then pairs of them, then what is left (seeds, and interactions of three), and chance, which has no
        interval. ``spread`` is the standard deviation between cells that the term stands for, in the metric's own scale.

    Raises
    ------
    ValueError
        Two terms are confounded in this design (every level of one goes with one level of another).

    References
    ----------
    .. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 10 (bias correction).
    """
    terms = _list_terms(design.factors)
    projections = _compute_projections(design, terms)
    values = design.scores.mean(axis=0)
    resampled = bootstrap_means(design.scores, n_resamples=n_resamples, rng=rng, groups=design.groups)
    observed = np.array([values @ projection @ values for projection in projections])
    squares = np.stack([np.einsum("ri,ij,rj->r", resampled, projection, resampled) for projection in projections], axis=1)
    noise = squares.mean(axis=0) - observed
    corrected = np.maximum(observed - noise, 0)
    resampled_parts = np.maximum(squares - 2 * noise, 0)
    total = max(float(observed.sum()), np.finfo(np.float64).tiny)
    totals = np.maximum(squares.sum(axis=1) - noise.sum(), resampled_parts.sum(axis=1))[:, None]
    shares = np.divide(resampled_parts, totals, out=np.zeros_like(resampled_parts), where=totals > 0)
    tail = 50 * (1 - level)
    bounds = np.percentile(shares, [tail, 100 - tail], axis=0)
    names = [*(BETWEEN.join(term) for term in terms), REST]
    return [
        {
            "term": name,
            "df": round(float(np.trace(projection))),
            "share": corrected[row] / total,
            "ci_low": bounds[0, row],
            "ci_high": bounds[1, row],
            "spread": float(np.sqrt(corrected[row] / len(values))),
            "cells": len(values),
            "n": len(design.scores),
        }
        for row, (name, projection) in enumerate(zip(names, projections, strict=True))
        if round(float(np.trace(projection))) > 0
    ] + [
        {
            "term": CHANCE,
            "df": 0,
            "share": min(max(float(noise.sum()), 0.0) / total, 1.0),
            "ci_low": float("nan"),
            "ci_high": float("nan"),
            "spread": float(np.sqrt(max(noise.sum(), 0.0) / len(values))),
            "cells": len(values),
            "n": len(design.scores),
        }
    ]


@dataclass(frozen=True, eq=False)
class TrainingVariance:
    """Variance of mean scores that other trainings would bring, beyond that of the units.

    Attributes
    ----------
    extra : ExtraVariance, optional
        Of all embeddings' means, in the order that `Design.places` number: other training labels.
    of_seeds, seed_freedom : float
        Of an embedding's mean score over training seeds, and its degrees of freedom (`seeds`).
    """

    extra: ExtraVariance | None = None
    of_seeds: float = 0.0
    seed_freedom: float = np.inf


def estimate_factor_effects(
    designs: Sequence[Design],
    resampling: Resampling,
    *,
    rng: np.random.Generator,
    largest: float = np.inf,
    trainings: TrainingVariance | None = None,
    tests: Tests | None = None,
) -> list[dict[str, object]]:
    """Estimate what one level of a factor changes against another, all else equal.

    Overall, within each level of the others, and how much more within one of these than within another (interaction).

    Parameters
    ----------
    designs : sequence of Design
        The crossings of one task's grid: cells scored on the same units.
    resampling : Resampling
        Bootstrap and sign flips of the units.
    rng : Generator
        Source of both, in place of the seed of ``resampling``.
    largest : float
        Largest difference that the metric can show: intervals are cut off there, those of interactions at twice that.
    trainings : TrainingVariance, optional
        Variance of mean scores beyond the units.
    tests : Tests, optional
        Of these contrasts, where they were tested before, together with other hypotheses.

    Returns
    -------
    list of dict with the columns of FACTOR_EFFECTS, task and metric left out
        ``difference`` is the mean of a - b over the ``pairs`` combinations of the other factors in which both occur (each
        the mean of its seeds). Interval, error and p are for other units, other labels where ``trainings`` hold them,
        and other seeds; ``seed_error`` is the part of the ``error`` that is due to seeds. ``within`` is empty, or
        ``method = glove``. An interaction also has ``instead_of``, say ``method = word2vec``: its difference is that within
        the one minus that within the other. p is adjusted for all rows of all designs: they are one family, since each
        looks at the same differences from another side.
    """
    contrasts = list_contrasts(designs)
    if not contrasts:
        return []
    beyond, level = trainings or TrainingVariance(), 1 - resampling.level
    extra, n_resamples = beyond.extra, resampling.resamples
    plus, minus = score_sides(contrasts)
    differences = plus - minus
    groups = designs[0].groups
    n_embeddings = len(extra.covariance) if extra else 1 + max(int(design.places.max()) for design in designs)
    weights = weigh_contrasts(designs, n_embeddings)
    seeds = ExtraVariance(beyond.of_seeds * np.eye(n_embeddings), beyond.seed_freedom)
    sources = [each for each in (extra, seeds) if each is not None]
    if tests is None:
        pairs = np.arange(2 * len(contrasts)).reshape(2, -1).T
        both = np.hstack([np.clip(weights, 0, None), np.clip(-weights, 0, None)])
        tested = Tested(np.hstack([plus, minus]), pairs, groups, [(each, both) for each in sources])
        tests = run_step_down_tests([tested], n_permutations=resampling.permutations, rng=rng, level=1 - level)
    resampled = bootstrap_means(differences, n_resamples=n_resamples, rng=rng, groups=groups)
    variances = resampled.var(axis=0)
    for source in sources:
        of_contrasts = source.combine(weights)
        resampled += of_contrasts.draw_deviations(n_resamples, rng)
        variances += np.diag(of_contrasts.covariance)
    seed_errors = np.sqrt(np.diag(seeds.combine(weights).covariance))
    tail = 50 * (1 - level)
    ends = largest * np.array([2 if contrast.instead_of else 1 for contrast in contrasts])
    bounds = np.clip(np.percentile(resampled, [tail, 100 - tail], axis=0), -ends, ends)
    difference, errors = differences.mean(axis=0), np.sqrt(variances)
    return [
        {
            **describe_contrast(contrast),
            "difference": difference[row],
            "error": errors[row],
            "seed_error": seed_errors[row],
            "ci_low": bounds[0, row],
            "ci_high": bounds[1, row],
            "p": tests.p[row],
            "p_adjusted": tests.p_adjusted[row],
            "pairs": contrast.pairs,
            "n": len(contrast.design.scores),
        }
        for row, contrast in enumerate(contrasts)
    ]


def _list_terms(factors: pd.DataFrame) -> list[tuple[str, ...]]:
    names = [str(name) for name in factors]
    return [*((name,) for name in names), *combinations(names, 2)]


def _compute_projections(design: Design, terms: Sequence[tuple[str, ...]]) -> list[np.ndarray]:
    """For each term, and for what is left, the matrix whose quadratic form is its sum of squares."""
    factors, n = design.factors, len(design.factors)
    codings = {term: _code_levels(factors, term) for term in terms}

    def compute_span(chosen: Sequence[tuple[str, ...]]) -> np.ndarray:
        columns = np.column_stack([np.ones(n), *(codings[term] for term in chosen)])
        basis, values, _ = np.linalg.svd(columns, full_matrices=False)
        basis = basis[:, values > 1e-9 * values[0]]
        return np.asarray(basis @ basis.T)

    projections = []
    for term in terms:
        others = [other for other in terms if not set(term) <= set(other)]
        projection = compute_span([*others, term]) - compute_span(others)
        if len(term) == 1 and round(float(np.trace(projection))) < factors[term[0]].nunique() - 1:
            raise ValueError(f"{design.name}: {term[0]} is confounded with the other factors in this grid")
        projections.append(projection)
    return [*projections, np.eye(n) - compute_span(terms)]


def _code_levels(factors: pd.DataFrame, term: Sequence[str]) -> np.ndarray:
    """Indicator columns of the levels of a factor, or of the combinations of two."""
    return pd.get_dummies(_combine_levels(factors[list(term)])).to_numpy(dtype=np.float64)


def _combine_levels(factors: pd.DataFrame) -> pd.Series:
    """The levels of all factors of each cell as one name."""
    return factors.astype(str).agg("\0".join, axis=1)
