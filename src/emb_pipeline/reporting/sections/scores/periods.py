"""Scores over time: a score for each period, and whether what was chosen before the last one still holds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.reporting.drawing import choose_tick_format, label_ends, make_empty_figure, make_error_bars, name_axis
from emb_pipeline.reporting.findings import Finding, embedding
from emb_pipeline.reporting.section import Report, Section, embed
from emb_pipeline.reporting.theme import METHOD_DASHES, look
from emb_pipeline.reporting.wording import (
    name_metric,
    name_units,
    write_count,
    write_difference,
    write_distance,
    write_interval,
    write_value,
)
from emb_pipeline.statistics.periods.choice import BEST, HOLDS, NO_LONGER, ONLY

_LINES = 6
"""Embeddings that the figure shows."""
_CHOSEN = {True: "measured best", False: "the decision rule’s choice"}


def view(report: Report) -> dict[str, Any] | None:
    """Show for each task with times what still holds, a figure, and a table of all periods."""
    scores = report.in_order(report.tables.periods)
    tasks = [_show_task(report, str(task), rows) for task, rows in scores.groupby("task", sort=False)]
    return {"tasks": tasks} if tasks else None


def _show_task(report: Report, task: str, rows: pd.DataFrame) -> dict[str, Any]:
    choices = report.tables.period_choices
    choices, metric = choices[choices["task"] == task], str(rows["metric"].iloc[0])
    periods = rows.drop_duplicates("period")
    last = rows[rows["period"] == periods["period"].iloc[-1]].sort_values("value", ascending=False, kind="stable")
    of = {(row["embedding"], row["period"]): row for row in rows.to_dict("records")}
    return {
        "name": task,
        "metric": name_metric(metric),
        "findings": describe_periods(rows, choices),
        "chart": embed(
            report.figure(f"{task}_periods", lambda: plot_periods(rows, choices, task)),
            f"periods-{task}",
            f"{name_metric(metric)} on {task} by period. The table below holds the same numbers.",
            f"{task}: what was chosen, and the best of the last period. The intervals of one embedding hold for all periods "
            "at once.",
        ),
        "periods": [(str(name), write_count(n)) for name, n in zip(periods["period"], periods["n"], strict=True)],
        "lines": [
            (name, origin, [_write_cell(of[name, period], metric) for period in periods["period"]])
            for name, origin in zip(last["embedding"], last["origin"], strict=True)
        ],
    }


def _write_cell(row: Mapping[Hashable, Any], metric: str) -> tuple[str, str]:
    return write_value(row["value"], metric), _write_ends(row, "together", metric)


def _write_ends(row: Mapping[Hashable, Any], name: str, metric: str) -> str:
    low, high = (float(row[f"{name}_{end}"]) if pd.notna(row[f"{name}_{end}"]) else None for end in ("low", "high"))
    return write_interval(low, high, metric)


def describe_periods(rows: pd.DataFrame, choices: pd.DataFrame) -> list[Finding]:
    """Say of each choice whether it still holds and how its score changes, and how many units have no time.

    Parameters
    ----------
    rows, choices : DataFrame
        A task's rows of the tables ``periods`` and ``period_choices``.
    """
    found = [finding for row in choices.to_dict("records") for finding in (*_describe_choice(row), *_describe_trend(row))]
    first = rows.iloc[0]
    if untimed := int(first["n_untimed"]):
        total = untimed + int(rows.drop_duplicates("period")["n"].sum())
        text = Markup("{} of {} {} have no time, and are in no period.").format(
            write_count(untimed), write_count(total), name_units(str(first["kind"]))
        )
        found.append(Finding(text))
    return found


def _describe_choice(row: Mapping[Hashable, Any]) -> list[Finding]:
    if row["verdict"] == ONLY:
        return []
    name, last, is_best = embedding(row["embedding"]), str(row["period"]), row["chosen_by"] == BEST
    units = f"{write_count(row['n'])} {name_units(str(row['kind']))}"
    if row["verdict"] == NO_LONGER:
        text = Markup("{} was {} before the last period, {}, and no longer is: {} is better by {} there.").format(
            name, _CHOSEN[is_best], last, embedding(row["best"]), _write_lead(row)
        )
        found = [Finding(text, "warning")]
        if not is_best:
            found.append(Finding(Markup("That is more than the margin of {}.").format(_write_margin(row))))
        return found
    if row["verdict"] == HOLDS:
        text = Markup("{} was {} before the last period, {}, and still holds: no other is better by {} or more.").format(
            name, _CHOSEN[is_best], last, _write_margin(row)
        )
        return [Finding(text, "lead"), _compare_with_best(row)]
    text = Markup("{} was {} before the last period, {}. Whether that still holds cannot be decided: {}.").format(
        name, _CHOSEN[is_best], last, units
    )
    found = [Finding(text, "lead")]
    if pd.notna(row["difference"]):
        found.append(_compare_with_best(row))
    if pd.notna(row["units_needed"]) and np.isfinite(row["units_needed"]):
        needed = Markup("About {} {} in the last period would show in 80 % of cases that it is good enough.")
        found.append(Finding(needed.format(write_count(row["units_needed"]), name_units(str(row["kind"])))))
    return found


def _compare_with_best(row: Mapping[Hashable, Any]) -> Finding:
    best, metric, lead = embedding(row["best"]), str(row["metric"]), float(row["difference"])
    if lead > 0:
        return Finding(Markup("{} is measured better there by {}.").format(best, _write_lead(row)))
    ahead = write_interval(-float(row["ci_high"]), -float(row["ci_low"]), metric)
    if lead < 0:
        text = Markup("It is measured best there, too, ahead of {} by {} {}.")
        return Finding(text.format(best, write_distance(lead, metric), ahead))
    return Finding(Markup("{} is measured equal there, within {}.").format(best, ahead))


def _write_lead(row: Mapping[Hashable, Any]) -> str:
    metric = str(row["metric"])
    return f"{write_distance(float(row['difference']), metric)} {_write_ends(row, 'ci', metric)}"


def _write_margin(row: Mapping[Hashable, Any]) -> str:
    return write_distance(float(row["margin"]), str(row["metric"]))


def _describe_trend(row: Mapping[Hashable, Any]) -> list[Finding]:
    if pd.isna(row["slope"]):
        return []
    metric, name = str(row["metric"]), embedding(row["embedding"])
    slope = f"{write_difference(float(row['slope']), metric)} {_write_ends(row, 'slope', metric)}"
    if row["slope_high"] < 0:
        return [Finding(Markup("The score of {} falls from period to period: {} each.").format(name, slope), "warning")]
    if row["slope_low"] > 0:
        return [Finding(Markup("The score of {} rises from period to period: {} each.").format(name, slope))]
    return [Finding(Markup("The score of {} has no significant trend: {} from period to period.").format(name, slope))]


def plot_periods(scores: pd.DataFrame, choices: pd.DataFrame, task: str) -> go.Figure:
    """Draw the scores by period, with intervals that hold for all periods at once: a line for each of some embeddings.

    Parameters
    ----------
    scores, choices : DataFrame
        Tables ``periods`` and ``period_choices``.
    task : str
        The task.

    Returns
    -------
    Figure
        What was chosen, the best of the last period, and the best of each origin there; empty where the task has no periods.
    """
    rows = scores[scores["task"] == task]
    figure = make_empty_figure(height=380)
    if rows.empty:
        return figure
    metric, periods = str(rows["metric"].iloc[0]), list(dict.fromkeys(rows["period"]))
    origin_of = dict(zip(rows["embedding"], rows["origin"], strict=True))
    drawn = choose_lines(rows, choices[choices["task"] == task])
    origins = [str(origin_of[name]) for name in drawn]
    ends: list[tuple[str, float]] = []
    for place, name in enumerate(drawn):
        part = rows[rows["embedding"] == name].assign(
            ci_low=lambda each: each["together_low"], ci_high=lambda each: each["together_high"]
        )
        style, shift = look(origins[place]), 0.05 * (place - (len(drawn) - 1) / 2)
        figure.add_trace(
            go.Scatter(
                x=[periods.index(period) + shift for period in part["period"]],
                y=part["value"].tolist(),
                mode="lines+markers",
                name=escape(name),
                text=[_write_hover(row, metric) for row in part.to_dict("records")],
                hoverinfo="text",
                line={
                    "color": style.color,
                    "width": 2,
                    "dash": METHOD_DASHES[origins[:place].count(origins[place]) % len(METHOD_DASHES)],
                },
                marker={"color": style.color, "symbol": style.symbol, "size": 8},
                error_y=make_error_bars(part, style.color, "value"),
            )
        )
        ends.append((name, float(part["value"].iloc[-1])))
    label_ends(figure, ends)
    figure.update_xaxes(
        tickvals=list(range(len(periods))),
        ticktext=[escape(str(each)) for each in periods],
        range=[-0.4, len(periods) - 0.6],
    )
    return figure.update_yaxes(title_text=name_axis(metric), tickformat=choose_tick_format(metric))


def choose_lines(rows: pd.DataFrame, choices: pd.DataFrame) -> list[str]:
    """Choose embeddings worth a line: what was chosen, the best of the last period, and the best of each origin there."""
    last = rows[rows["period"] == rows["period"].iloc[-1]] if len(rows) else rows
    ranked = last.sort_values("value", ascending=False, kind="stable")
    wanted = [
        *choices["embedding"],
        *ranked["embedding"].head(1),
        *ranked.groupby("origin", sort=False)["embedding"].first(),
    ]
    known = set(rows["embedding"])
    names = [str(name) for name in dict.fromkeys(wanted) if name in known][:_LINES]
    return [str(name) for name in ranked["embedding"] if name in names]


def _write_hover(row: Mapping[Hashable, Any], metric: str) -> str:
    value, interval = _write_cell(row, metric)
    return f"{escape(str(row['embedding']))}<br>{escape(str(row['period']))}: {value} {interval}, n = {row['n']}"


SECTION = Section("periods", "Over time", view, heading="Does last period’s choice still hold?")
