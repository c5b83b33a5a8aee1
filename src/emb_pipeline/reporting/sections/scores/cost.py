"""Scores against what they cost."""

from __future__ import annotations

import math
import re
from functools import partial
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.drawing import (
    choose_tick_format,
    find_room,
    make_empty_figure,
    name_axis,
    split_by_origin,
    write_hover_texts,
)
from emb_pipeline.reporting.results import Result
from emb_pipeline.reporting.rows import costs
from emb_pipeline.reporting.section import Chart, Report, Section, embed
from emb_pipeline.reporting.theme import TEXT, look
from emb_pipeline.reporting.wording import (
    LATENCIES,
    name_metric,
    write_milliseconds,
    write_price,
    write_seconds,
    write_share,
    write_size,
    write_value,
)
from emb_pipeline.statistics.costs import OF_TRAINING

EMBEDDING_COLUMNS = (
    "embedding",
    "origin",
    "dim",
    "corpus_tokens",
    "vocabulary",
    *OF_TRAINING,
    "final_loss",
)
_WIDTH, _HEIGHT = 300, 250  # pixels of a small plot, to keep names from overlapping
_GAP = 0.6  # powers of ten between the smallest cost and none
SECONDS = "seconds to train, encode, and fit or search"
"""Name of the axis of `costs`."""


def view(report: Report) -> dict[str, Any]:
    """Show scores against costs, their numbers, and what training cost."""
    return {
        "tasks": [
            {"name": each.task, "metric": name_metric(each.metric), "charts": charts, **_write_numbers(each, report)}
            for each in report.results
            if (charts := _draw_charts(each, report))
        ],
        "embeddings": report.tables.embeddings.reindex(columns=list(EMBEDDING_COLUMNS)).to_dict("records"),
    }


def _write_numbers(each: Result, report: Report) -> dict[str, Any]:
    """Write what each embedding costs on a task; ``served``: some have answered requests; ``paid``: a service."""
    board = report.tables.leaderboard
    of_task = board[(board["task"] == each.task) & board["metric"].isin(LATENCIES)]
    taken = {(str(row["embedding"]), str(row["metric"])): row["value"] for row in of_task.to_dict("records")[::-1]}
    return {
        "paid": bool((each.rows.get("usd_per_million_texts", pd.Series(dtype="float64")).fillna(1) > 0).any()),
        "served": any((str(name), LATENCIES[0]) in taken for name in each.rows["embedding"]),
        "lines": [
            {
                "embedding": str(row["embedding"]),
                "origin": str(row["origin"]),
                "cells": [
                    write_value(row["value"], each.metric),
                    write_seconds(row["train_seconds"]),
                    write_seconds(row["encode_seconds"]),
                    write_seconds(row["fit_seconds"]),
                    write_seconds(row.get("tune_seconds")),
                    write_size(row["bytes_per_item"]),
                    write_share(row.get("known_tokens")),
                ],
                "price": write_price(row.get("usd_per_million_texts")),
                "latencies": [write_milliseconds(taken.get((str(row["embedding"]), metric))) for metric in LATENCIES],
            }
            for row in each.rows.to_dict("records")
        ],
    }


def _draw_charts(each: Result, report: Report) -> list[Chart]:
    board, charts = report.tables.leaderboard, []
    for against, name, what in (("seconds", "cost", SECONDS), ("bytes_per_item", "bytes", "bytes per vector")):
        figure = report.figure(f"{each.task}_{name}", partial(plot_costs, board, each.task, against=against))
        if figure.data:
            charts.append(
                embed(
                    figure,
                    f"cost-{against}-{each.task}",
                    f"{name_metric(each.metric)} on {each.task} against {what}, logarithmic. The leaderboard table "
                    "holds the numbers.",
                    f"{each.task}: score against {what}. On the dotted line: nothing cheaper scores as high.{_free(figure)}",
                )
            )
    return charts


def _free(figure: go.Figure) -> str:
    """Say where embeddings without a cost are, on an axis that has no place for zero."""
    return " At 0, left of the scale: what costs nothing." if figure.layout.meta == {"has_zero": True} else ""


def plot_costs(leaderboard: pd.DataFrame, task: str, *, against: str = "seconds") -> go.Figure:
    """Primary metric against cost. The embeddings that nothing cheaper matches are named and joined by a line.

    Parameters
    ----------
    leaderboard : DataFrame
        The report's table.
    task : str
        The task.
    against : {'seconds', 'bytes_per_item'}
        Seconds to train, encode, and fit or search, or bytes per vector.

    Returns
    -------
    Figure
        One trace per origin, and the line. What costs nothing is at a tick "0" left of the scale, since a logarithm has
        no place for it; what has no known cost is left out.

    Raises
    ------
    ValueError
        Another cost than these two.
    """
    if against not in ("seconds", "bytes_per_item"):
        raise ValueError(f"cost {against!r} is neither 'seconds' nor 'bytes_per_item'")
    rows = pick.drop_repetitions(pick.select_primary(leaderboard, task))
    cost = costs(rows) if against == "seconds" else rows["bytes_per_item"].astype(float)
    rows = rows.assign(cost=cost)[cost.notna()]
    figure = make_empty_figure(height=360)
    if rows.empty:
        return figure
    rows, zero = _add_places(rows)
    metric = str(rows["metric"].iloc[0])
    write = write_seconds if against == "seconds" else write_size
    for origin, part in split_by_origin(rows):
        style = look(origin)
        hover = [
            f"{text}<br>{write(each)}" for text, each in zip(write_hover_texts(part, metric), part["cost"], strict=True)
        ]
        figure.add_trace(
            go.Scatter(
                x=part["place"].tolist(),
                y=part["value"].tolist(),
                mode="markers",
                name=escape(origin),
                text=hover,
                hoverinfo="text",
                marker={"color": style.color, "symbol": style.symbol, "size": 10},
            )
        )
    front = _select_front(rows)
    figure.add_trace(
        go.Scatter(
            x=front["place"].tolist(),
            y=front["value"].tolist(),
            mode="lines",
            line={"color": TEXT, "width": 1, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
            name="front",
        )
    )
    low, high = math.log10(rows["place"].min()), math.log10(rows["place"].max())
    pad = 0.07 * (high - low) or 0.3
    bottom, top = float(rows["value"].min()), float(rows["value"].max())
    slack = 0.1 * (top - bottom) or 0.05
    _label_points(figure, front, rows, (low - pad, high + pad), (bottom - slack, top + slack))
    lowest = low - pad if zero is None else math.log10(zero) + _GAP / 2
    ticks = [tick for tick in _choose_cost_ticks(against, low, high) if lowest <= math.log10(tick) <= high + pad]
    figure.update_xaxes(
        type="log",
        tickvals=ticks if zero is None else [zero, *ticks],
        ticktext=[*([] if zero is None else ["0"]), *(_write_tick(tick, against) for tick in ticks)],
        range=[low - pad, high + pad],
        title_text=SECONDS if against == "seconds" else "bytes per vector",
    )
    heights = [bottom - slack, top + slack]
    figure.update_yaxes(title_text=name_axis(metric), tickformat=choose_tick_format(metric), range=heights)
    return figure if zero is None else figure.update_layout(meta={"has_zero": True})


def _add_places(rows: pd.DataFrame) -> tuple[pd.DataFrame, float | None]:
    """Rows with their ``place`` on a logarithmic axis of costs, and the place of those that cost nothing."""
    free = rows["cost"] <= 0
    smallest = float(rows.loc[~free, "cost"].min()) if (~free).any() else 1.0
    zero = smallest / 10**_GAP if free.any() else None
    return rows.assign(place=rows["cost"].mask(free, zero)), zero


def _select_front(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that no cheaper row matches, cheapest first; controls and embeddings of changed text are no choice."""
    ordered = pick.select_choosable(rows).sort_values(["cost", "value"], ascending=[True, False])
    best = ordered["value"].cummax().shift(fill_value=-math.inf)
    return ordered[ordered["value"] > best]


def _label_points(
    figure: go.Figure, named: pd.DataFrame, rows: pd.DataFrame, x_range: tuple[float, float], y_range: tuple[float, float]
) -> None:
    """Name points of a logarithmic figure where a name covers neither another name nor a point."""

    def place(cost: float, value: float) -> tuple[float, float]:
        return (
            _WIDTH * (math.log10(cost) - x_range[0]) / (x_range[1] - x_range[0]),
            _HEIGHT * (value - y_range[0]) / (y_range[1] - y_range[0]),
        )

    points = [place(cost, value) for cost, value in zip(rows["place"], rows["value"], strict=True)]
    last_first = named.iloc[::-1]
    names = [str(name) for name in last_first["embedding"]]
    places = [place(cost, value) for cost, value in zip(last_first["place"], last_first["value"], strict=True)]
    for number, beside in find_room(names, places, points, width=_WIDTH):
        row = last_first.iloc[number]
        figure.add_annotation(x=math.log10(row["place"]), y=row["value"], text=escape(names[number]), **beside)


def _choose_cost_ticks(against: str, low: float, high: float) -> list[float]:
    """Ticks of a cost axis; ``low`` and ``high`` are its decimal logarithms."""
    if against == "seconds" and high - low > 1:
        return [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000]
    steps = (1,) if high - low > 3 else (1, 3) if high - low > 1.5 else (1, 2, 5)
    return [step * 10.0**power for power in range(math.floor(low) - 1, math.ceil(high) + 1) for step in steps]


def _write_tick(tick: float, against: str) -> str:
    if against == "bytes_per_item":
        return re.sub(r"\.0+(?=\D)", "", write_size(tick))
    return f"{tick:g} s" if tick < 60 else f"{tick / 60:g} min" if tick < 3600 else f"{tick / 3600:g} h"


SECTION = Section("cost", "Cost", view)
