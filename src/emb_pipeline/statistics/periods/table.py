"""The tables of scores over time: scores by period, and whether what was chosen before the last one still holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.decision.run_decision import RunScores, decide_tasks, score_tasks
from emb_pipeline.statistics.decision.scored import Scored
from emb_pipeline.statistics.intervals.simultaneous import FEWEST_OF_PART, Together, count_groups
from emb_pipeline.statistics.periods.choice import BEST, RULE, UNDECIDED, hold_choice
from emb_pipeline.statistics.periods.cut import Periods, cut_periods
from emb_pipeline.statistics.periods.options import DriftOptions
from emb_pipeline.statistics.periods.scores import PERIODS, score_by_period, score_periods
from emb_pipeline.statistics.periods.trend import estimate_trends
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, make_table
from emb_pipeline.statistics.unit_scores import read_primary_scores

PERIOD_CHOICES = {
    "task": "string",
    "kind": "string",
    "metric": "string",
    "chosen_by": "string",
    "embedding": "string",
    "origin": "string",
    "period": "string",
    "n_earlier": "int64",
    "n": "int64",
    "earlier": "float64",
    "value": "float64",
    "best": "string",
    "best_value": "float64",
    "difference": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "p_adjusted": "float64",
    "margin": "float64",
    "p_not_inferior": "float64",
    "verdict": "string",
    "units_needed": "float64",
    "among": "int64",
    "slope": "float64",
    "slope_low": "float64",
    "slope_high": "float64",
    "change": "float64",
    "change_low": "float64",
    "change_high": "float64",
}
FindTimes: TypeAlias = Callable[[str, list[str]], np.ndarray | None]
"""Finds the times of units of a task; None where it has none."""


def measure_periods(
    run: RunScores,
    find_times: FindTimes,
    candidates: set[str],
    lacking: Mapping[str, Set[str]],
    drift: DriftOptions,
    decision: DecisionOptions,
    resampling: Resampling,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure scores by period, and hold what was chosen before the last one against the last.

    Two embeddings are chosen on all periods but the last: the one that is measured best, and the one that the decision rule
    takes; where these are the same, it is held to what the best one has to be. The trends are those of the chosen ones.

    Parameters
    ----------
    run : RunScores
        All measurements.
    find_times : callable
        Finds the times of units of a task.
    candidates : set of str
        Embeddings that may be chosen.
    lacking : mapping of str to set of str
        By task, those of them that the decision rule does not take, for they lack something that is required.
    drift, decision : DriftOptions, DecisionOptions
        How periods are cut; margins and budgets of the choice.
    resampling : Resampling
        Resamples, level and seed.

    Returns
    -------
    tuple of DataFrame of `PERIODS`, and of `PERIOD_CHOICES`
        Of tasks whose units have a time and are of two periods at least.
    """
    kinds = dict(zip(run.cells["task"], run.cells["kind"], strict=True))
    timed = [task for task in run.metrics if find_times(task, []) is not None]
    scores, choices = [make_table([], PERIODS)], [make_table([], PERIOD_CHOICES)]
    for task in timed:
        found = read_primary_scores([run.item_scores], [task], run.metrics)[task]
        times = find_times(task, found.units)
        periods = cut_periods(np.zeros(0, "datetime64[us]") if times is None else times, drift)
        if len(periods.periods) > 1:
            scores.append(score_periods(found, str(kinds[task]), run.metrics[task], periods, resampling))
            rows = list(_list_choices(run, found, periods, candidates, lacking.get(task, frozenset()), decision, resampling))
            choices.append(make_table([{**row, "kind": str(kinds[task])} for row in rows], PERIOD_CHOICES))
    return pd.concat(scores, ignore_index=True), pd.concat(choices, ignore_index=True)


def _list_choices(
    run: RunScores,
    found: TaskScores,
    periods: Periods,
    candidates: set[str],
    lacking: Set[str],
    options: DecisionOptions,
    resampling: Resampling,
) -> Iterator[dict[str, object]]:
    metric, names = run.metrics[found.task], [name for name in found.families if name in candidates]
    if not names:
        return
    columns = [list(found.families).index(name) for name in names]
    scores, last = score_by_period(found, metric, periods)[:, columns], len(periods.periods) - 1
    is_last, is_earlier = periods.codes == last, (periods.codes >= 0) & (periods.codes < last)
    has_groups = min(count_groups(found.groups, is_in) for is_in in (is_last, is_earlier)) >= FEWEST_OF_PART
    earlier, later = (found.average_families_on(metric, is_in)[:, columns].mean(axis=0) for is_in in (is_earlier, is_last))
    chosen = {names[int(earlier.argmax())]: BEST}
    tested: Scored | None = None
    if has_groups:
        before, rule = _select(run, found, is_earlier), options.model_copy(update={"refuse": {}})
        decided = decide_tasks(before, set(names), rule, resampling)[0]
        chosen = {str(decided["embedding"].iloc[0]): BEST}
        if lacking & set(names):
            decided = decide_tasks(before, set(names) - lacking, rule, resampling)[0]
        for name in decided.loc[decided["chosen"], "embedding"]:
            chosen.setdefault(str(name), RULE)
        ((tested, *_), _) = score_tasks(_select(run, found, is_last), set(names), options, resampling)
    timed, place = periods.codes >= 0, {name: number for number, name in enumerate(names)}
    trends = estimate_trends(scores[timed], periods.codes[timed], found.groups[timed], resampling) if has_groups else None
    origins = dict(zip(found.families, found.list_family_origins(), strict=True))
    for name, by in chosen.items():
        row: dict[str, object] = {
            "task": found.task,
            "metric": metric,
            "chosen_by": by,
            "embedding": name,
            "origin": origins[name],
            "period": periods.periods[last].name,
            "n_earlier": int(is_earlier.sum()),
            "n": int(is_last.sum()),
            "earlier": float(earlier[place[name]]),
            "value": float(later[place[name]]),
            "verdict": UNDECIDED,
            "margin": options.margins.get(found.task, options.margin),
            "among": len(names),
        }
        if trends is not None and tested is not None:
            row |= _describe_trend("slope", trends.slopes, place[name])
            row |= _describe_trend("change", trends.changes, place[name])
            row |= _hold(tested, name, by, resampling.level)
        yield row


def _hold(last: Scored, name: str, by: str, level: float) -> dict[str, object]:
    held = hold_choice(last, name, allowed=0.0 if by == BEST else last.margin, level=level)
    values = dict(zip(last.embeddings, last.values.tolist(), strict=True))
    return {
        "value": values[name],
        "best": held.best,
        "best_value": values.get(str(held.best), np.nan),
        "difference": held.difference.value,
        "ci_low": held.difference.low,
        "ci_high": held.difference.high,
        "p_adjusted": held.p,
        "p_not_inferior": held.p_not_inferior,
        "verdict": held.verdict,
        "units_needed": held.units_needed,
    }


def _describe_trend(name: str, trend: Together, place: int) -> dict[str, object]:
    return {
        name: float(trend.values[place]),
        f"{name}_low": float(trend.low[place]),
        f"{name}_high": float(trend.high[place]),
    }


def _select(run: RunScores, found: TaskScores, is_in: np.ndarray) -> RunScores:
    """Select the scores of some units of a task; those of the primary metric are the scores on these units."""
    units = [unit for unit, wanted in zip(found.units, is_in.tolist(), strict=True) if wanted]
    item_scores, draws = (_select_units(table, found.task, units) for table in (run.item_scores, run.training_draws))
    metric = run.metrics[found.task]
    wanted = pc.and_(
        pc.equal(item_scores["metric"].cast(pa.string()), metric),
        pc.equal(pc.fill_null(item_scores["label_fraction"], 1.0), 1.0),
    ).to_numpy()
    rows = item_scores.filter(pa.array(wanted))
    places, columns = (
        pd.Index(names).get_indexer(rows[column].cast(pa.string()).to_pandas())
        for names, column in ((units, "unit_id"), (found.embeddings, "embedding"))
    )
    values = item_scores["value"].to_numpy().copy()
    values[wanted] = np.asarray(found.score_on(metric, is_in))[places, columns]
    item_scores = item_scores.set_column(item_scores.column_names.index("value"), "value", pa.array(values))
    return replace(run, item_scores=item_scores, training_draws=draws, metrics={found.task: metric})


def _select_units(table: pa.Table, task: str, units: Collection[str]) -> pa.Table:
    of_task = table.filter(pc.equal(table["task"].cast(pa.string()), task))
    return of_task.filter(pc.is_in(of_task["unit_id"].cast(pa.string()), value_set=pa.array(list(units), pa.string())))
