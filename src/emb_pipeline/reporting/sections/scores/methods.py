"""Methods against each other, and how far training them again moves their scores."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.drawing import (
    choose_tick_format,
    draw_dots,
    escape_names,
    make_empty_figure,
    name_axis,
    split_by_origin,
)
from emb_pipeline.reporting.findings import Finding, embedding
from emb_pipeline.reporting.results import Result
from emb_pipeline.reporting.section import Chart, Report, Section, embed
from emb_pipeline.reporting.theme import in_order
from emb_pipeline.reporting.wording import (
    name_metric,
    write_distance,
    write_value,
)


def view(report: Report) -> dict[str, Any]:
    """Show methods at the same dimension, and embeddings that were trained several times."""
    results = report.results
    return {
        "charts": [chart for each in results if (chart := _draw_chart(each, report)) is not None],
        "findings": [
            (each.task, found)
            for each in results
            if (found := [one for one in (describe_seeds(each), describe_samples(each)) if one is not None])
        ],
        "repetitions": [line for each in results for line in _list_repetitions(each)],
    }


def _draw_chart(each: Result, report: Report) -> Chart | None:
    board = report.tables.leaderboard
    shared = find_shared_dimension(board, each.task)
    if shared is None:
        return None
    return embed(
        report.figure(f"{each.task}_methods", lambda: plot_methods(board, each.task)),
        f"methods-{each.task}",
        f"Methods on {each.task} at {shared} dimensions, by origin. The leaderboard table holds the numbers.",
        f"{each.task}: every embedding of {shared} dimensions that is no copy of another (reduced, fine-tuned, or trained "
        "on changed text).",
        task=each.task,
    )


def _list_repetitions(each: Result) -> list[tuple[object, ...]]:
    return [
        (
            each.task,
            name,
            again,
            count,
            write_value(low, each.metric),
            write_value(high, each.metric),
            write_distance(high - low, each.metric),
        )
        for again, ranges in (("other seeds", find_seed_ranges(each)), ("resamples of its corpus", find_sample_ranges(each)))
        for name, count, low, high in ranges
    ]


def plot_methods(leaderboard: pd.DataFrame, task: str) -> go.Figure:
    """Draw methods against each other at the dimension that most of them share, one symbol per origin.

    Parameters
    ----------
    leaderboard : DataFrame
        The report's table.
    task : str
        The task.

    Returns
    -------
    Figure
        One trace per origin, each with one point per row: a method, or an embedding of it where an origin has several. First
        seeds only, and no copies of other embeddings.
    """
    rows = pick.drop_repetitions(pick.select_primary(leaderboard, task))
    trained = pick.select_dimensions(rows)
    figure = make_empty_figure(height=150)
    if trained.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    shared = find_shared_dimension(leaderboard, task)
    trained = trained[trained["dim"] == shared]
    several = trained.groupby(["origin", "method"])["embedding"].transform("size") > 1
    named = trained["method"].isin(trained.loc[several, "method"])
    trained = trained.assign(row=trained["method"].where(~named, trained["key"]))
    order = list(trained.groupby("row")["value"].max().sort_values(ascending=False).index)
    origins = split_by_origin(trained)
    of_row = {name: in_order(trained.loc[trained["row"] == name, "origin"]) for name in order}
    for origin, part in origins:
        part = part.iloc[part["row"].map(order.index).argsort(kind="stable")]
        positions = [
            order.index(name) + 0.22 * (of_row[name].index(origin) - (len(of_row[name]) - 1) / 2) for name in part["row"]
        ]
        figure.add_trace(draw_dots(part, positions, origin, metric))
    figure.update_yaxes(tickvals=list(range(len(order))), ticktext=escape_names(order), range=[len(order) - 0.4, -0.6])
    figure.update_xaxes(title_text=f"{name_axis(metric)} at {shared} dimensions", tickformat=choose_tick_format(metric))
    return figure.update_layout(
        height=46 * len(order) + 120, showlegend=len(origins) > 1, margin={"t": 36}, legend={"y": 1.02, "yanchor": "bottom"}
    )


def find_shared_dimension(leaderboard: pd.DataFrame, task: str) -> int | None:
    """Find the dimension at which most methods were trained (the larger of two such); None without trained embeddings."""
    trained = pick.select_dimensions(pick.drop_repetitions(pick.select_primary(leaderboard, task)))
    if trained.empty:
        return None
    methods = trained.groupby("dim")["method"].nunique()
    return int(max(methods[methods == methods.max()].index))


def find_seed_ranges(result: Result) -> list[tuple[str, int, float, float]]:
    """Find embedding, number of training seeds, lowest and highest value, where one was trained more than once."""
    return _find_ranges(pick.drop_controls(result.rows), "family")


def find_sample_ranges(result: Result) -> list[tuple[str, int, float, float]]:
    """Find embedding, number of resamples of its corpus, lowest and highest value on them, where there are several."""
    return [] if result.samples is None else _find_ranges(result.samples, "base")


def _find_ranges(rows: pd.DataFrame, repeated: str) -> list[tuple[str, int, float, float]]:
    by_name: dict[str, list[float]] = {}
    for row in rows.to_dict("records"):
        by_name.setdefault(str(row[repeated]), []).append(float(row["value"]))
    return [(name, len(values), min(values), max(values)) for name, values in sorted(by_name.items()) if len(values) > 1]


def describe_seeds(result: Result) -> Finding | None:
    """Say how far training seeds alone move the score."""
    return _describe_range(
        result, find_seed_ranges(result), "{}: training seeds alone move {} by up to {} ({} over {} seeds)."
    )


def describe_samples(result: Result) -> Finding | None:
    """Say how far another sample of the corpus moves the score."""
    sentence = "{}: another sample of the corpus moves {} by up to {} ({} over {} resamples)."
    return _describe_range(result, find_sample_ranges(result), sentence)


def _describe_range(result: Result, ranges: list[tuple[str, int, float, float]], sentence: str) -> Finding | None:
    if not ranges:
        return None
    name, trainings, low, high = max(ranges, key=lambda each: each[3] - each[2])
    return Finding(
        Markup(sentence).format(
            result.task, name_metric(result.metric), write_distance(high - low, result.metric), embedding(name), trainings
        )
    )


SECTION = Section("methods", "Method by method", view)
