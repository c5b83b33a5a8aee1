"""Differences with intervals, as figure and as lines of a table."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting import wording
from emb_pipeline.reporting.drawing import (
    ROW_HEIGHT,
    make_empty_figure,
    make_error_bars,
    scale_to_points,
)
from emb_pipeline.reporting.theme import TEMPLATE, TEXT, look
from emb_pipeline.reporting.wording import (
    is_percent,
    name_metric,
    write_difference,
    write_interval,
)

_DIRECTION_COLORS = {1: look("domain").color, 0: look("control").color, -1: look("generic").color}

MOST_ROWS = 60
"""Differences of one task that are shown, the largest."""


def draw_forest(rows: pd.DataFrame, direction: str, level: float) -> go.Figure:
    """Draw differences with intervals, one panel per task and metric, rows called by their ``label``.

    Of a panel with more than `MOST_ROWS` the largest differences are drawn.
    """
    grouped = [] if rows.empty else list(rows.groupby(["task", "metric"], sort=False))
    panels = [(names, select_largest(part)) for names, part in grouped]
    if not panels:
        return make_empty_figure(height=120)
    sizes = [len(part) for _, part in panels]
    height = sum(ROW_HEIGHT * size + 92 for size in sizes)
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        row_heights=[ROW_HEIGHT * size + 24 for size in sizes],
        vertical_spacing=0 if len(panels) == 1 else min(0.9 / (len(panels) - 1), 68 / height),
        subplot_titles=[_write_panel_title(str(task), str(metric)) for (task, metric), _ in panels],
    )
    for number, ((_, name), part) in enumerate(panels, 1):
        metric = str(name)
        labels = part["label"].tolist()
        colors = [_DIRECTION_COLORS[pick.find_direction(row, level)] for row in part.to_dict("records")]
        texts = [
            f"{label}: {write_difference(row['difference'], metric)} {write_interval(row['ci_low'], row['ci_high'], metric)}"
            for label, row in zip(labels, part.to_dict("records"), strict=True)
        ]
        for color in dict.fromkeys(colors):
            chosen = [index for index, each in enumerate(colors) if each == color]
            some = scale_to_points(part.iloc[chosen], metric)
            figure.add_trace(
                go.Scatter(
                    x=some["difference"].tolist(),
                    y=[labels[index] for index in chosen],
                    mode="markers",
                    marker={"color": color, "size": 10},
                    error_x=make_error_bars(some, color, "difference"),
                    text=[texts[index] for index in chosen],
                    hoverinfo="text",
                    showlegend=False,
                    name="difference",
                ),
                row=number,
                col=1,
            )
        figure.add_vline(x=0, line={"color": TEXT, "width": 1.5}, row=number, col=1)
        figure.update_xaxes(tickformat="+.3~f", row=number, col=1)
        figure.update_yaxes(categoryorder="array", categoryarray=labels, range=[len(labels) - 0.4, -0.6], row=number, col=1)
    figure.update_xaxes(title_text=direction, row=len(panels), col=1)
    figure.update_annotations(font={"size": 13}, x=0, xanchor="left")
    return figure.update_layout(template=TEMPLATE, height=height, margin={"t": 30})


def select_largest(rows: pd.DataFrame) -> pd.DataFrame:
    """Select the rows with the largest differences, at most `MOST_ROWS`, in their own order."""
    if len(rows) <= MOST_ROWS:
        return rows
    largest = rows["difference"].abs().reset_index(drop=True).nlargest(MOST_ROWS).index
    return rows.iloc[sorted(largest)]


def _write_panel_title(task: str, metric: str) -> str:
    return escape(f"{task}: {name_metric(metric)}{' (percentage points)' if is_percent(metric) else ''}")


def describe_effect(row: Mapping[Hashable, Any], level: float, verdicts: Mapping[int, str]) -> dict[str, Any]:
    """Write a difference in the cells of a table; where its interval leaves out zero but the test does not, say why."""
    direction = pick.find_direction(row, level)
    is_only_alone = direction == 0 and (row["ci_low"] > 0 or row["ci_high"] < 0)
    return {
        "task": row["task"],
        "metric": wording.name_metric(row["metric"]),
        "difference": wording.write_difference(row["difference"], row["metric"]),
        "interval": wording.write_interval(row["ci_low"], row["ci_high"], row["metric"]),
        "p": wording.write_p(row.get("p_adjusted", row["p"])),
        "verdict": "significant alone, not after adjusting" if is_only_alone else verdicts[direction],
        "n": wording.write_count(row["n"]),
    }
