"""Leaderboards: all embeddings on each task, best first, with intervals and significance groups."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting import wording
from emb_pipeline.reporting.drawing import (
    ROW_HEIGHT,
    choose_tick_format,
    draw_dots,
    escape_names,
    make_empty_figure,
    name_axis,
    split_by_origin,
)
from emb_pipeline.reporting.results import Result
from emb_pipeline.reporting.rows import Contrast
from emb_pipeline.reporting.section import Report, Section, anchor, embed
from emb_pipeline.reporting.sections.scores.classes import show_classes
from emb_pipeline.reporting.theme import TEXT
from emb_pipeline.reporting.wording import (
    LATENCIES,
    name_metric,
)
from emb_pipeline.statistics.comparisons.listed_pairs import MOST_IN_ALL_PAIRS
from emb_pipeline.tasks.registry import find_metric


def view(report: Report) -> dict[str, Any]:
    """Show for each task its figure and table, and all tasks side by side."""
    has_many = any(len(each.distinct) > MOST_IN_ALL_PAIRS for each in report.results)
    return {
        "many": MOST_IN_ALL_PAIRS if has_many else 0,
        "overview": _build_overview(report.results) if len(report.results) > 1 else None,
        "tasks": [_task(report, each) for each in report.results],
    }


def _task(report: Report, each: Result) -> dict[str, Any]:
    tables, metric = report.tables, name_metric(each.metric)
    ceiling = each.ceiling if each.metric == "accuracy" else None
    return {
        "name": each.task,
        "anchor": anchor(each.task),
        "size": each.items,
        "metric": metric,
        "board": _build_board(each, tables.leaderboard),
        "chart": embed(
            report.figure(
                f"{each.task}_leaderboard", lambda: plot_leaderboard(tables.leaderboard, each.task, ceiling=ceiling)
            ),
            f"leaderboard-{each.task}",
            f"{metric} of every embedding on {each.task} with its interval, best first. The table above holds the same "
            "numbers.",
            f"{metric} with intervals; letters: significance groups.",
        ),
        "classes": show_classes(each, tables.class_results, tables.confusions),
    }


def _build_board(each: Result, leaderboard: pd.DataFrame) -> dict[str, Any]:
    """The leaderboard table of a task: rows of plain text, and which of them lead."""
    further = pick.find_secondary_metrics(leaderboard, each.task)
    secondary = [metric for metric in further if metric not in LATENCIES and not find_metric(metric).is_estimate]
    leading = {row["family"] for row in each.leading()}
    cells = leaderboard[leaderboard["task"] == each.task].drop_duplicates(["embedding", "metric"])
    of_cell = {(str(row["embedding"]), str(row["metric"])): row for row in cells.to_dict("records")}
    lowest, highest = _find_range(each.rows)
    lines: list[dict[str, Any]] = []
    for row in each.rows.to_dict("records"):
        name = str(row["embedding"])
        behind = None if each.leader is None else each.contrast(row, each.leader)
        others = [of_cell.get((name, metric), {}) for metric in secondary]
        lines.append(
            {
                "embedding": name,
                "origin": str(row["origin"]),
                "leads": row["family"] in leading,
                "value": wording.write_value(row["value"], each.metric),
                "interval": wording.write_interval(row["ci_low"], row["ci_high"], each.metric),
                "strip": _place_on_strip(row, lowest, highest),
                "letters": _take_text(row["letters"]),
                **_write_distance_behind(behind, each.metric),
                "secondary": [
                    (
                        wording.write_value(other.get("value"), metric),
                        wording.write_interval(other.get("ci_low"), other.get("ci_high"), metric),
                        _take_text(other.get("letters")),
                    )
                    for metric, other in zip(secondary, others, strict=True)
                ],
            }
        )
    return {
        "secondary": [wording.name_metric(metric) for metric in secondary],
        "lowest": wording.write_value(lowest, each.metric),
        "highest": wording.write_value(highest, each.metric),
        "lines": lines,
        "compared": any(line["behind"] for line in lines),
        "points": bool(wording.points(each.metric)),
    }


def _find_range(rows: pd.DataFrame) -> tuple[float, float]:
    """Find the least and the largest value or end of an interval."""
    values = rows[["value", "ci_low", "ci_high"]].astype(float)
    return float(values.min().min()), float(values.max().max())


def _place_on_strip(row: Mapping[Hashable, Any], lowest: float, highest: float) -> list[float]:
    """Place low end, value and high end on a scale of 0 to 100."""
    span = (highest - lowest) or 1.0
    ends = [_take_number(row[name], row["value"]) for name in ("ci_low", "value", "ci_high")]
    return [round(100 * (end - lowest) / span, 1) for end in ends]


def _write_distance_behind(contrast: Contrast | None, metric: str) -> dict[str, str]:
    if contrast is None:
        return {"behind": "", "behind_interval": "", "p": ""}
    return {
        "behind": wording.write_difference(contrast.difference, metric).removesuffix(" points"),
        "behind_interval": wording.write_interval(contrast.low, contrast.high, metric),
        "p": wording.write_p(contrast.p).removeprefix("p ").removeprefix("= "),
    }


def _build_overview(results: Sequence[Result]) -> dict[str, Any]:
    """Embeddings by tasks, those that lead most tasks first, then by their mean standing on a task."""
    standing: dict[str, list[float]] = {}
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    origin_of: dict[str, str] = {}
    for each in results:
        leading = {str(row["embedding"]) for row in each.leading()}
        for place, row in enumerate(each.distinct.to_dict("records")):
            name = str(row["embedding"])
            origin_of[name] = str(row["origin"])
            standing.setdefault(name, []).append(place / max(1, len(each.distinct) - 1))
            cells[name, each.task] = {"value": wording.write_value(row["value"], each.metric), "leads": name in leading}
    leads = {name: sum(cell["leads"] for (of, _), cell in cells.items() if of == name) for name in standing}
    order = sorted(standing, key=lambda name: (-leads[name], sum(standing[name]) / len(standing[name]), name))
    return {
        "tasks": [(each.task, wording.name_metric(each.metric)) for each in results],
        "lines": [(name, origin_of[name], [cells.get((name, each.task)) for each in results]) for name in order],
    }


def plot_leaderboard(leaderboard: pd.DataFrame, task: str, *, ceiling: float | None = None) -> go.Figure:
    """Primary metric of all embeddings on a task, best first, with intervals; the letter groups are next to them.

    Parameters
    ----------
    leaderboard : DataFrame
        The report's table.
    task : str
        The task.
    ceiling : float, optional
        Best value that the labels permit, drawn as a line where it is near enough to be of interest.

    Returns
    -------
    Figure
        One trace per origin, and one of letters.
    """
    rows = pick.select_primary(leaderboard, task)
    figure = make_empty_figure(height=max(180, ROW_HEIGHT * len(rows) + 70))
    if rows.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    for origin, part in split_by_origin(rows):
        figure.add_trace(draw_dots(part, part["embedding"], origin, metric))
    ends = [_take_number(high, value) for high, value in zip(rows["ci_high"], rows["value"], strict=True)]
    lows = [_take_number(low, value) for low, value in zip(rows["ci_low"], rows["value"], strict=True)]
    letters = [text if isinstance(text, str) else "" for text in rows["letters"]]
    figure.add_trace(
        go.Scatter(
            x=ends,
            y=escape_names(rows["embedding"]),
            mode="text",
            text=[f"  {text}" for text in letters],
            textposition="middle right",
            textfont={"size": 12},
            cliponaxis=False,
            hoverinfo="skip",
            showlegend=False,
            name="letters",
        )
    )
    span = (max(ends) - min(lows)) or 0.1
    lowest, highest = min(lows) - 0.04 * span, max(ends) + (0.06 + 0.012 * max(map(len, letters))) * span
    if ceiling is not None and ceiling < 0.9995 and ceiling <= highest + 0.35 * span:
        highest = max(highest, ceiling + 0.04 * span)
        figure.add_vline(x=ceiling, line={"color": TEXT, "width": 1, "dash": "dot"})
        figure.add_annotation(x=ceiling, y=1, yref="paper", yanchor="bottom", xanchor="right", text="ceiling ")
        figure.update_layout(margin={"t": 24})
    figure.update_xaxes(title_text=name_axis(metric), range=[lowest, highest], tickformat=choose_tick_format(metric))
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=escape_names(rows["embedding"]),
        range=[len(rows) - 0.4, -0.6],
        showgrid=True,
        tickfont={"size": 12},
    )
    return figure.update_layout(showlegend=False)


def _take_number(value: object, otherwise: float) -> float:
    return float(otherwise) if value is None or pd.isna(value) else float(value)  # type: ignore[call-overload,arg-type]


def _take_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


SECTION = Section("leaderboards", "Leaderboards", view)
