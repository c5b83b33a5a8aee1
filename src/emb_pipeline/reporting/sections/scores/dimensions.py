"""Scores by the number of dimensions, and which size of an embedding is enough."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting import wording
from emb_pipeline.reporting.drawing import (
    choose_tick_format,
    label_ends,
    make_empty_figure,
    make_error_bars,
    name_axis,
    write_hover_texts,
)
from emb_pipeline.reporting.results import Result
from emb_pipeline.reporting.section import Chart, Report, Section, embed
from emb_pipeline.reporting.sections.scores.sizes import describe_sizes, find_pip_losses
from emb_pipeline.reporting.theme import METHOD_DASHES, look
from emb_pipeline.reporting.wording import (
    name_metric,
)

_Row = Mapping[Hashable, Any]


def view(report: Report) -> dict[str, Any]:
    """Show curves over dimensions, and for embeddings of several sizes the one that is enough."""
    return {
        "charts": [chart for each in report.results if (chart := _draw_chart(each, report)) is not None],
        "sizes": _sizes(report),
    }


def _draw_chart(each: Result, report: Report) -> Chart | None:
    figure = report.figure(f"{each.task}_dimension", lambda: plot_dimensions(report.tables.leaderboard, each.task))
    if not figure.data:
        return None
    return embed(
        figure,
        f"dimensions-{each.task}",
        f"{name_metric(each.metric)} on {each.task} against the number of dimensions. The leaderboard table holds the "
        "numbers.",
        f"{each.task}: a line per origin and method, and per embedding that was reduced; sparse baselines and the best "
        "control as level lines.",
        task=each.task,
    )


def _sizes(report: Report) -> list[dict[str, Any]]:
    """Show for each task a sentence for each embedding of several sizes, and a line for each size."""
    losses = find_pip_losses(report.tables.checks)
    return [
        {
            "task": task,
            "metric": wording.name_metric(str(rows["metric"].iloc[0])),
            "findings": describe_sizes(rows),
            "lines": [
                {
                    "family": row["family"],
                    "embedding": row["embedding"],
                    "origin": row["origin"],
                    "chosen": row["chosen"],
                    "cells": [
                        wording.write_count(row["dim"]),
                        wording.write_size(row["bytes_per_item"]),
                        wording.write_value(row["value"], row["metric"]),
                        wording.write_difference(row["difference_to_best"], row["metric"]),
                        wording.write_difference(row["bound"], row["metric"]) if row["embedding"] != row["best"] else "",
                        wording.write_number(losses.get(row["embedding"])),
                    ],
                }
                for row in rows.to_dict("records")
            ],
        }
        for task, rows in report.in_order(report.tables.sizes).groupby("task", sort=False)
    ]


def plot_dimensions(leaderboard: pd.DataFrame, task: str) -> go.Figure:
    """Draw the primary metric against the number of dimensions: a line per origin and method, baselines and controls dashed.

    An embedding that was reduced has a line of its own. Copies trained on changed text, or fine-tuned, are in none.

    Parameters
    ----------
    leaderboard : DataFrame
        The report's table.
    task : str
        The task.

    Returns
    -------
    Figure
        One trace per ``curve`` with two dimensions or more, and one per level, named at their right ends; further seeds are
        left out.
    """
    rows = pick.drop_repetitions(pick.select_primary(leaderboard, task))
    figure = make_empty_figure(height=380)
    if rows.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    trained = pick.select_curves(rows)
    methods = list(dict.fromkeys(trained["method"]))
    ends: list[tuple[str, float]] = []
    for name, part in trained.groupby("curve", sort=False):
        if part["dim"].nunique() < 2:
            continue
        part = part.sort_values("dim")
        method, style = part["method"].iloc[0], look(str(part["origin"].iloc[0]))
        figure.add_trace(
            go.Scatter(
                x=part["dim"].astype(int).tolist(),
                y=part["value"].tolist(),
                mode="lines+markers",
                name=escape(str(name)),
                text=write_hover_texts(part, metric),
                hoverinfo="text",
                line={"color": style.color, "width": 2, "dash": METHOD_DASHES[methods.index(method) % len(METHOD_DASHES)]},
                marker={"color": style.color, "symbol": style.symbol, "size": 8},
                error_y=make_error_bars(part, style.color, "value"),
            )
        )
        ends.append((str(name), float(part["value"].iloc[-1])))
    dims = sorted({x for trace in figure.data for x in trace.x})
    if not dims:
        return figure
    for row, dash in zip(_select_levels(rows), ("dash", "dot", "longdash", "dashdot") * 5, strict=False):
        figure.add_trace(
            go.Scatter(
                x=[dims[0] / 1.12, dims[-1] * 1.12],
                y=[row["value"]] * 2,
                mode="lines",
                name=escape(str(row["embedding"])),
                line={"color": look(str(row["origin"])).color, "width": 1.4, "dash": dash},
                text=write_hover_texts(pd.DataFrame([row]), metric) * 2,
                hoverinfo="text",
            )
        )
        ends.append((str(row["embedding"]), float(row["value"])))
    label_ends(figure, ends)
    figure.update_xaxes(
        type="log",
        tickvals=dims,
        ticktext=[str(dim) for dim in dims],
        title_text="dimensions (log scale)",
        range=[math.log10(dims[0] / 1.12), math.log10(dims[-1] * 1.12)],
    )
    return figure.update_yaxes(title_text=name_axis(metric), tickformat=choose_tick_format(metric))


def _select_levels(rows: pd.DataFrame) -> list[_Row]:
    """Select embeddings without a dimension of their own, and the best control."""
    sparse = pick.select_sparse(rows).to_dict("records")
    controls = rows[rows["origin"] == pick.CONTROL].head(1).to_dict("records")
    return [*sparse, *controls]


SECTION = Section("dimensions", "Dimensions", view)
