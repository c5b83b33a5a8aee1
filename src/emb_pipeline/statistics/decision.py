"""Which embedding to deploy: the cheapest that fits the budgets and is not inferior to the best that does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pandas as pd

from emb_pipeline.statistics.intervals import bootstrap_means, percentile_interval
from emb_pipeline.statistics.metric_ranges import largest_difference

ALL_TASKS = "all tasks"
"""The decision over several tasks, beside those for each."""
COST_TOLERANCE = 0.05
"""Costs that differ by no more than this share count as equal: measured times repeat no better."""
CANDIDATES = {
    "task": "string",
    "metric": "string",
    "embedding": "string",
    "value": "float64",
    "best": "string",
    "difference_to_best": "float64",
    "bound": "float64",
    "margin": "float64",
    "p": "float64",
    "non_inferior": "bool",
    "fits": "bool",
    "exceeds": "string",
    "unknown": "string",
    "chosen": "bool",
    "tie": "bool",
    "reason": "string",
    "n": "int64",
}
RELAXATIONS = {
    "task": "string",
    "metric": "string",
    "budget": "string",
    "limit": "float64",
    "needed": "float64",
    "embedding": "string",
    "chosen": "string",
    "difference": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "binds": "bool",
}

JOINT_CHOICE = {
    "task": "string",
    "metric": "string",
    "embedding": "string",
    "competes": "bool",
    "reason": "string",
    "chosen": "bool",
    "value": "float64",
    "best": "string",
    "difference": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "margin": "float64",
}
WhyUnknown: TypeAlias = Mapping[str, Mapping[str, str]]
"""Of an embedding: costs that are not known, each with the reason."""
_NO_REASON: WhyUnknown = {}
_NOT_MEASURED = "not measured"


@dataclass(frozen=True, eq=False)
class Scored:
    """The candidates' scores on one task.

    Attributes
    ----------
    task, metric : str
        What they were scored on, and by what; higher is better.
    embeddings : list of str
        Names of the columns.
    values : ndarray of shape (n_embeddings,)
        Mean scores.
    resampled : ndarray of shape (n_resamples, n_embeddings)
        The same of resampled units.
    margin : float
        How much worse than the best is still good enough, in the metric's own scale.
    n_units : int
        Units that were scored.
    largest : float
        Largest difference that the metric can show: no bound is further away.
    """

    task: str
    metric: str
    embeddings: list[str]
    values: np.ndarray
    resampled: np.ndarray
    margin: float
    n_units: int
    largest: float = np.inf

    @classmethod
    def of_units(
        cls,
        task: str,
        metric: str,
        embeddings: Sequence[str],
        scores: np.ndarray,
        margin: float,
        *,
        n_resamples: int,
        rng: np.random.Generator,
        groups: np.ndarray | None = None,
    ) -> Scored:
        """From item scores of shape (n_units, n_embeddings); units of a group are drawn together."""
        resampled = bootstrap_means(scores, n_resamples=n_resamples, rng=rng, groups=groups, discordant=True)
        largest = largest_difference(metric)
        return cls(task, metric, list(embeddings), scores.mean(axis=0), resampled, margin, len(scores), largest)

    def among(self, names: Sequence[str]) -> Scored:
        """The same of some of the embeddings, in this order."""
        columns = [self.embeddings.index(name) for name in names]
        values, resampled = self.values[columns], self.resampled[:, columns]
        return Scored(self.task, self.metric, list(names), values, resampled, self.margin, self.n_units, self.largest)


@dataclass(frozen=True)
class Rules:
    """What a decision keeps to.

    Attributes
    ----------
    budgets : mapping of str to float
        Most that a cost may be.
    cheapest_by : sequence of str
        Costs by which the cheapest is found: the first counts, and each next where those before are equal to within 5 %.
    level : float
        Probability of calling any inferior embedding non-inferior.
    """

    budgets: Mapping[str, float] = field(default_factory=dict)
    cheapest_by: tuple[str, ...] = ("bytes_per_item", "latency_ms_p95", "train_seconds")
    level: float = 0.05


def non_inferiority(scored: Scored, level: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Test of each embedding against the best, whichever that truly is.

    Embedding j is not inferior if it is not worse than *any* other by the margin or more. Against each other i it is tested
    by ``t = (mean_j - mean_i + margin) / s_ij``, and compared with the largest such statistic of all embeddings against i
    under resampling (Dunnett's comparisons with i as the control, by bootstrap); its p is the largest of these. Whichever
    i is truly the best, an inferior j is let through only by a false alarm among the comparisons with that i: the
    probability of letting any through is at most the level, though the best is chosen from the same scores.

    Parameters
    ----------
    scored : Scored
        The candidates.
    level : float
        Of the bounds.

    Returns
    -------
    p : ndarray of shape (n_embeddings,)
        Adjusted. A single candidate has p = 1 / (n_resamples + 1): there is nothing to be inferior to.
    bound : ndarray of shape (n_embeddings,)
        Lower simultaneous bound of each one's mean minus the best other's: above ``-margin`` means not inferior.

    References
    ----------
    .. [1] Hsu (1996), Multiple Comparisons: Theory and Methods, ch. 4 (comparisons with the best).
    .. [2] Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24(4).
    .. [3] Piaggio et al. (2012), Reporting of noninferiority and equivalence randomized trials, JAMA 308(24).
    """
    values, deviations = scored.values, scored.resampled - scored.resampled.mean(axis=0)
    n_resamples, n = deviations.shape
    p, bound = np.full(n, 1 / (n_resamples + 1)), np.full(n, np.inf)
    for reference in range(n if n > 1 else 0):
        others = np.arange(n) != reference
        differences = deviations[:, others] - deviations[:, [reference]]
        spread = differences.std(axis=0)
        varies = spread > 1e-12
        standardised = np.divide(differences, spread, out=np.zeros_like(differences), where=varies)
        largest = np.sort(standardised.max(axis=1))
        observed = values[others] - values[reference]
        shifted = observed + scored.margin
        statistic = np.divide(shifted, spread, out=np.where(shifted > 0, np.inf, -np.inf), where=varies)
        against = (1 + n_resamples - np.searchsorted(largest, statistic)) / (1 + n_resamples)
        p[others] = np.maximum(p[others], against)
        bound[others] = np.minimum(bound[others], observed - np.quantile(largest, 1 - level) * spread)
    return p, np.where(np.isfinite(bound), np.clip(bound, -scored.largest, scored.largest), bound)


def joint(parts: Sequence[Scored], weights: Mapping[str, float]) -> Scored | None:
    """Several tasks as one: the weighted mean of scores in units of each task's margin; None if no embedding serves all.

    A weight says what a margin's worth on a task counts. Tasks have units of their own, so they are resampled by themselves.
    """
    counted = [part for part in parts if weights.get(part.task, 0) > 0]
    names = [name for name in counted[0].embeddings if all(name in part.embeddings for part in counted)] if counted else []
    if len(counted) < 2 or not names:
        return None
    shares = np.array([weights[part.task] for part in counted], dtype=np.float64)
    shares /= shares.sum()
    n_resamples = min(len(part.resampled) for part in counted)
    values, resampled = np.zeros(len(names)), np.zeros((n_resamples, len(names)))
    for share, part in zip(shares, (part.among(names) for part in counted), strict=True):
        values += share * part.values / part.margin
        resampled += share * part.resampled[:n_resamples] / part.margin
    largest = sum(share * part.largest / part.margin for share, part in zip(shares, counted, strict=True))
    n_units = sum(part.n_units for part in counted)
    return Scored(ALL_TASKS, "margins", names, values, resampled, 1.0, n_units, float(largest))


def decide(
    scored: Scored, costs: pd.DataFrame, rules: Rules, why_unknown: WhyUnknown = _NO_REASON
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose for one task (or for several as one).

    A cost that is not known neither fits a budget nor exceeds it. What is known to fit comes first. Where nothing is, those
    that exceed no budget compete, and the choice holds as far as is known: its ``unknown`` is not empty.

    Parameters
    ----------
    scored : Scored
        The candidates.
    costs : DataFrame indexed by embedding
        A column per cost; NaN where it was not measured.
    rules : Rules
        Budgets, what cheap means, and the level.
    why_unknown : mapping of str to mapping of str to str
        By embedding and cost: why a cost is not known. It may have a value in ``costs`` that it is not below.

    Returns
    -------
    candidates : DataFrame with the columns of CANDIDATES, and those of ``costs``
        One row per embedding, the best first. ``chosen``: the cheapest that fits and is not inferior to the best that fits;
        ``tie``: those too that cost as much. Nothing is chosen where everything exceeds a budget. ``exceeds`` and
        ``unknown``: budgets, separated by commas; ``reason``: why it was chosen, or was not.
    relaxations : DataFrame with the columns of RELAXATIONS
        For each budget: the best embedding that it alone excludes, the limit that would let it in, and what that would
        change. ``binds``: it is better than the chosen one by more than nothing, significantly. Where nothing fits, the
        smallest relaxation of each budget that lets something in, if one budget alone is in the way.

    Raises
    ------
    ValueError
        An embedding without a row of costs, or a budget or ``cheapest_by`` that no column is named for.
    """
    unknown = [name for name in (*rules.budgets, *rules.cheapest_by) if name not in costs.columns]
    if unknown:
        raise ValueError(f"decision: {unknown[0]!r} is no cost; these were measured: {', '.join(costs.columns)}")
    missing = [name for name in scored.embeddings if name not in costs.index]
    if missing:
        raise ValueError(f"{scored.task}: {missing[0]} has scores but no costs")
    of_each = costs.loc[scored.embeddings]
    exceeds = {
        name: [budget for budget, limit in rules.budgets.items() if of_each[budget].loc[name] > limit]
        for name in scored.embeddings
    }
    not_known = {
        name: {
            budget: why_unknown.get(name, {}).get(budget, _NOT_MEASURED)
            for budget in rules.budgets
            if budget not in exceeds[name] and (np.isnan(of_each[budget].loc[name]) or budget in why_unknown.get(name, {}))
        }
        for name in scored.embeddings
    }
    within = [name for name in scored.embeddings if not exceeds[name]]
    fitting = [name for name in within if not not_known[name]] or within
    tested = scored.among(fitting)
    p, bound = non_inferiority(tested, rules.level) if fitting else (np.empty(0), np.empty(0))
    best = fitting[int(tested.values.argmax())] if fitting else None
    good = [name for name, each in zip(fitting, p, strict=True) if each <= rules.level or name == best]
    ties = _cheapest(of_each.loc[good], rules.cheapest_by) if good else []
    chosen = ties[0] if ties else None
    value = dict(zip(scored.embeddings, scored.values.tolist(), strict=True))
    rows = [
        {
            "task": scored.task,
            "metric": scored.metric,
            "embedding": name,
            "value": value[name],
            "best": best,
            "difference_to_best": value[name] - value[best] if best else np.nan,
            "bound": bound[fitting.index(name)] if name in fitting else np.nan,
            "margin": scored.margin,
            "p": p[fitting.index(name)] if name in fitting else np.nan,
            "non_inferior": name in good,
            "fits": name in fitting,
            "exceeds": ", ".join(exceeds[name]),
            "unknown": ", ".join(not_known[name]),
            "chosen": name == chosen,
            "tie": name in ties and name != chosen,
            "reason": _sentence(
                *_reasons(name, of_each, rules, exceeds[name], not_known[name]),
                _standing(name, fitting, good, ties, best, scored.margin),
            ),
            "n": scored.n_units,
            **of_each.loc[name].to_dict(),
        }
        for name in sorted(scored.embeddings, key=lambda name: -value[name])
    ]
    candidates = pd.DataFrame(rows, columns=[*CANDIDATES, *of_each.columns]).astype(CANDIDATES)
    return candidates, _relaxations(scored, of_each, exceeds, chosen, rules)


def _standing(
    name: str, fitting: Sequence[str], good: Sequence[str], ties: Sequence[str], best: str | None, margin: float
) -> str:
    """What the test and the costs say of an embedding; nothing of one that does not compete."""
    if name not in fitting:
        return ""
    if name not in good:
        return f"not shown to be within {margin:g} of {best}"
    if name not in ties:
        return f"not inferior to {best}, but {ties[0]} is cheaper"
    if name != ties[0]:
        return f"as good and as cheap as {ties[0]}"
    return "the only one that is not inferior" if len(good) == 1 else f"the cheapest of {len(good)} that are not inferior"


def _reasons(name: str, costs: pd.DataFrame, rules: Rules, exceeds: Sequence[str], unknown: Mapping[str, str]) -> list[str]:
    over = [f"{budget} is {costs[budget].loc[name]:.4g}, above {rules.budgets[budget]:.4g}" for budget in exceeds]
    return [*over, *(f"{budget} is unknown: {why}" for budget, why in unknown.items())]


def _sentence(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def joint_choice(
    parts: Sequence[Scored], weights: Mapping[str, float], candidates: pd.DataFrame | None, level: float = 0.05
) -> pd.DataFrame:
    """Say who competes for all tasks together, and what the choice costs on each.

    Parameters
    ----------
    parts : sequence of Scored
        The tasks.
    weights : mapping of str to float
        What they count; a task without weight is left out.
    candidates : DataFrame, optional
        The rows of ``decide`` for the tasks as one; None where no embedding was evaluated on all of them.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame with the columns of JOINT_CHOICE
        A row for each embedding and each task that it was evaluated on. ``best`` is the best of the task whatever it
        costs, and ``difference`` the embedding's score minus its, with an interval.
    """
    counted = [part for part in parts if weights.get(part.task, 0) > 0]
    known = {} if candidates is None else {str(row["embedding"]): row for row in candidates.to_dict("records")}
    rows = []
    for part in counted:
        best = part.embeddings[int(part.values.argmax())] if part.embeddings else ""
        for name in part.embeddings:
            missed = [other.task for other in counted if name not in other.embeddings]
            row = known.get(name, {"fits": False, "chosen": False, "reason": f"not evaluated on {', '.join(missed)}"})
            pair = part.among([name, best])
            interval = percentile_interval(
                pair.values[0] - pair.values[1], pair.resampled[:, 0] - pair.resampled[:, 1], 1 - level
            )
            rows.append(
                {
                    "task": part.task,
                    "metric": part.metric,
                    "embedding": name,
                    "competes": bool(row["fits"]),
                    "reason": row["reason"],
                    "chosen": bool(row["chosen"]),
                    "value": pair.values[0],
                    "best": best,
                    "difference": interval.value,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "margin": part.margin,
                }
            )
    return pd.DataFrame(rows, columns=list(JOINT_CHOICE)).astype(JOINT_CHOICE)


def _cheapest(costs: pd.DataFrame, by: Sequence[str]) -> list[str]:
    """Names of the cheapest: those that are equal, to within the tolerance, by every cost; the very cheapest first.

    A cost that is unknown is not called the lowest; where it is unknown of all, the next one decides.
    """
    left = costs
    for name in by:
        if left[name].notna().any():
            left = left[left[name] <= left[name].min() * (1 + COST_TOLERANCE)]
    return list(left.sort_values(list(by), kind="stable", na_position="last").index)


def _relaxations(
    scored: Scored, costs: pd.DataFrame, exceeds: Mapping[str, list[str]], chosen: str | None, rules: Rules
) -> pd.DataFrame:
    rows = []
    for budget, limit in rules.budgets.items():
        of_budget = {name: float(value) for name, value in zip(costs.index, costs[budget].to_numpy(), strict=True)}
        alone = [name for name in scored.embeddings if exceeds[name] == [budget] and not np.isnan(of_budget[name])]
        if not alone:
            continue
        if chosen is None:
            name = min(alone, key=of_budget.__getitem__)
            difference = [np.nan] * 3
        else:
            name = max(alone, key=lambda name: scored.values[scored.embeddings.index(name)])
            pair = scored.among([name, chosen])
            interval = percentile_interval(
                pair.values[0] - pair.values[1], pair.resampled[:, 0] - pair.resampled[:, 1], 1 - rules.level
            )
            low, high = max(interval.low, -scored.largest), min(interval.high, scored.largest)
            difference = [interval.value, low, high]
        rows.append(
            {
                "task": scored.task,
                "metric": scored.metric,
                "budget": budget,
                "limit": limit,
                "needed": of_budget[name],
                "embedding": name,
                "chosen": chosen,
                "difference": difference[0],
                "ci_low": difference[1],
                "ci_high": difference[2],
                "binds": chosen is None or difference[1] > 0,
            }
        )
    return pd.DataFrame(rows, columns=list(RELAXATIONS)).astype(RELAXATIONS)
