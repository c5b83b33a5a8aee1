"""Effect of a factor on average over tasks, and how much that depends on the task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emb_pipeline.statistics.comparisons.corrections import adjust_by_holm
from emb_pipeline.statistics.comparisons.step_down import SeedVariance
from emb_pipeline.statistics.effects.contrasts import CONTRAST_KEYS
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference
from emb_pipeline.statistics.score_tables import make_table

ACROSS_TASKS = {
    "design": "string",
    "factor": "string",
    "level_a": "string",
    "level_b": "string",
    "within": "string",
    "instead_of": "string",
    "tasks": "int64",
    "difference": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "p": "float64",
    "p_adjusted": "float64",
    "sample_low": "float64",
    "sample_high": "float64",
    "heterogeneity_p": "float64",
    "i_squared": "float64",
    "lowest_task": "string",
    "lowest": "float64",
    "highest_task": "string",
    "highest": "float64",
}


def average_effects_across_tasks(
    effects: pd.DataFrame, level: float = 0.95, *, seeds: SeedVariance | None = None, tasks: Sequence[str] = ()
) -> pd.DataFrame:
    """Main effects and interactions of the grid, averaged over the tasks that have them.

    Parameters
    ----------
    effects : DataFrame with the columns of FACTOR_EFFECTS
        Of all tasks, on each one's own primary metric; all of these are better when higher, and none is larger than 1.
    level : float
        Of the intervals.
    seeds : SeedVariance, optional
        A training that is lucky on one task may be lucky on another: the covariance over ``tasks``.
    tasks : sequence of str
        In the order of that covariance.

    Returns
    -------
    DataFrame with the columns of ACROSS_TASKS
        ``difference`` is the plain mean over tasks. ``ci_low`` and ``ci_high`` hold other test units of these same tasks,
        and other seeds; ``sample_low`` and ``sample_high`` take the tasks for a sample of their kind (Student's t over
        tasks): what to expect of tasks like these. ``heterogeneity_p`` and ``i_squared`` (Cochran's Q; Higgins & Thompson
        2002 [1]_) say whether the effect depends on the task, and which share of its spread is not chance. Tests of the
        means are corrected for their number (Holm).

    Notes
    -----
    The units of tasks count as independent: two tasks that label the same texts are less than two.

    References
    ----------
    .. [1] Higgins & Thompson (2002), Quantifying heterogeneity in a meta-analysis, Statistics in Medicine 21(11).
    """
    chosen = effects[((effects["within"] == "") & (effects["factor"] != "embedding")) | (effects["instead_of"] != "")]
    correlation = _estimate_correlation(seeds, tasks)
    freedom = seeds.freedom if seeds else np.inf
    rows = [
        {**dict(zip(CONTRAST_KEYS, key, strict=True)), **_average(part, level, correlation, freedom)}
        for key, part in chosen.groupby(list(CONTRAST_KEYS), sort=False)
        if part["task"].nunique() > 1
    ]
    table = make_table(rows, ACROSS_TASKS)
    return table.assign(p_adjusted=adjust_by_holm(table["p"].to_numpy()))


def _estimate_correlation(seeds: SeedVariance | None, tasks: Sequence[str]) -> pd.DataFrame:
    """Correlation over tasks of a training's luck."""
    if seeds is None:
        return pd.DataFrame()
    deviations = np.sqrt(np.diag(seeds.covariance))
    ends = np.outer(deviations, deviations)
    correlation = np.divide(seeds.covariance, ends, out=np.zeros_like(ends), where=ends > 0)
    return pd.DataFrame(correlation, index=list(tasks), columns=list(tasks))


def _average(part: pd.DataFrame, level: float, correlation: pd.DataFrame, freedom: float) -> dict[str, object]:
    from scipy.stats import chi2
    from scipy.stats import t as student

    differences, n_tasks = part["difference"].to_numpy(dtype=np.float64), len(part)
    errors = np.maximum(part["error"].to_numpy(dtype=np.float64), np.finfo(np.float64).eps)
    of_seeds = part["seed_error"].to_numpy(dtype=np.float64)
    names = part["task"].to_list()
    shared = np.zeros((n_tasks, n_tasks)) if correlation.empty else correlation.loc[names, names].to_numpy(copy=True)
    shared[np.diag_indices(n_tasks)] = 1.0
    seed_part = max(float(of_seeds @ shared @ of_seeds), 0.0)
    squared = float(np.square(errors).sum() - np.square(of_seeds).sum()) + seed_part
    mean, error = differences.mean(), np.sqrt(max(squared, np.finfo(np.float64).tiny)) / n_tasks
    certain = freedom * (squared / seed_part) ** 2 if seed_part > 0 else np.inf
    weights = 1 / np.square(errors)
    cochran = float(weights @ np.square(differences - np.average(differences, weights=weights)))
    width = student.ppf((1 + level) / 2, certain) * error
    spread = student.ppf((1 + level) / 2, n_tasks - 1) * differences.std(ddof=1) / np.sqrt(n_tasks)
    tasks = part["task"].to_numpy()
    largest = max(map(find_largest_difference, part["metric"])) * (2 if part["instead_of"].iloc[0] else 1)
    low, high, sample_low, sample_high = np.clip(
        [mean - width, mean + width, mean - spread, mean + spread], -largest, largest
    )
    return {
        "tasks": n_tasks,
        "difference": mean,
        "ci_low": low,
        "ci_high": high,
        "p": 2 * student.sf(abs(mean) / error, certain),
        "sample_low": sample_low,
        "sample_high": sample_high,
        "heterogeneity_p": chi2.sf(cochran, n_tasks - 1),
        "i_squared": max(0.0, 1 - (n_tasks - 1) / cochran) if cochran > 0 else 0.0,
        "lowest_task": tasks[differences.argmin()],
        "lowest": differences.min(),
        "highest_task": tasks[differences.argmax()],
        "highest": differences.max(),
    }
