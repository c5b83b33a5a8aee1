"""The report's figures: tables in, plotly figures out.

All share one template (`theme`), keep the same colour and symbol for an origin, and show an interval wherever the table
holds one. Names from the user's configuration are escaped, because plotly reads some HTML in its texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.theme import INDEX_SYMBOLS, METHOD_DASHES, TEMPLATE, TEXT, in_order, look
from emb_pipeline.reporting.wording import (
    bytes_text,
    count_text,
    difference_text,
    interval_text,
    is_percent,
    metric_name,
    seconds_text,
    value_text,
)

ROW_HEIGHT = 24
PANEL_HEIGHT = 460
_WIDTH, _HEIGHT = 300, 250  # pixels of a small plot, to keep names from overlapping
_PANEL = 320  # pixels of one side of a map, on a phone
_HOVERED = 5
_GAP = 0.6  # powers of ten between the smallest cost and none
_Row = Mapping[Hashable, Any]
_DIRECTION_COLOURS = {1: look("domain").colour, 0: look("control").colour, -1: look("generic").colour}
SECONDS = "seconds to train, encode, and fit or search"
"""Name of the axis of `costs`."""


def leaderboard_figure(leaderboard: pd.DataFrame, task: str, *, ceiling: float | None = None) -> go.Figure:
    """Primary metric of all embeddings on a task, best first, with intervals; the letter groups stand beside them.

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
    rows = pick.primary_rows(leaderboard, task)
    figure = _empty(height=max(180, ROW_HEIGHT * len(rows) + 70))
    if rows.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    for origin, part in _by_origin(rows):
        figure.add_trace(_dots(part, part["embedding"], origin, metric))
    ends = [_number(high, value) for high, value in zip(rows["ci_high"], rows["value"], strict=True)]
    lows = [_number(low, value) for low, value in zip(rows["ci_low"], rows["value"], strict=True)]
    letters = [text if isinstance(text, str) else "" for text in rows["letters"]]
    figure.add_trace(
        go.Scatter(
            x=ends,
            y=_escaped(rows["embedding"]),
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
    figure.update_xaxes(title_text=_axis_title(metric), range=[lowest, highest], tickformat=_tick_format(metric))
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=_escaped(rows["embedding"]),
        range=[len(rows) - 0.4, -0.6],
        showgrid=True,
        tickfont={"size": 12},
    )
    return figure.update_layout(showlegend=False)


def origins_figure(origins: pd.DataFrame, *, level: float = 0.05) -> go.Figure:
    """Forest plot: what training on domain rather than generic text changes, by task, method and dimension.

    Parameters
    ----------
    origins : DataFrame
        Domain against generic; ``difference`` is domain minus generic. All rows are drawn, one panel per task and metric.
    level : float
        A difference whose p-value is at most this has the colour of the better origin; others are grey.

    Returns
    -------
    Figure
        One panel per task and metric, each with a line at zero.
    """
    labels = [] if origins.empty else [escape(pick.pair_name(row)) for row in origins.to_dict("records")]
    return _forest(origins.assign(label=labels), "← generic is better   ·   domain is better →", level)


def factors_figure(effects: pd.DataFrame, *, level: float = 0.05) -> go.Figure:
    """Forest plot: what one level of a factor changes against another, on average over the rest of the grid.

    Parameters
    ----------
    effects : DataFrame
        Of `emb_pipeline.statistics.effects.factorial.factor_effects`, for all tasks: rows of `overall_effects`.
    level : float
        A difference whose adjusted p is at most this is coloured.

    Returns
    -------
    Figure
        One panel per task and metric, each with a line at zero.
    """
    return _forest(
        effects.assign(label=[escape(factor_label(row)) for row in effects.to_dict("records")]),
        "← the second is better   ·   the first is better →",
        level,
    )


def overall_effects(effects: pd.DataFrame) -> pd.DataFrame:
    """Rows that hold over the whole of a crossing; single embeddings against each other are the leaderboard's matter."""
    return effects[(effects["within"] == "") & (effects["factor"] != "embedding")]


def factor_label(row: _Row) -> str:
    """``domain − generic (6 embeddings)``, ``word2vec − glove (at 100)``, ``domain − generic (glove − word2vec)``."""
    where = str(row["design"]).partition(" × ")[2]
    scope = where.removeprefix("method ").removeprefix("dimension ")
    if where == "embedding":
        scope = f"{row['pairs']} embeddings" if "pairs" in row else "whole grid"
    if row.get("instead_of"):
        scope = " − ".join(str(row[name]).partition(" = ")[2] for name in ("within", "instead_of"))
    return f"{row['level_a']} − {row['level_b']} ({scope})"


def _forest(rows: pd.DataFrame, direction: str, level: float) -> go.Figure:
    """Differences with intervals, one panel per task and metric, rows called by their ``label``."""
    panels = [] if rows.empty else list(rows.groupby(["task", "metric"], sort=False))
    if not panels:
        return _empty(height=120)
    sizes = [len(part) for _, part in panels]
    height = sum(ROW_HEIGHT * size + 92 for size in sizes)
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        row_heights=[ROW_HEIGHT * size + 24 for size in sizes],
        vertical_spacing=0 if len(panels) == 1 else min(0.9 / (len(panels) - 1), 68 / height),
        subplot_titles=[_panel_title(str(task), str(metric)) for (task, metric), _ in panels],
    )
    for number, ((_, name), part) in enumerate(panels, 1):
        metric = str(name)
        labels = part["label"].tolist()
        colours = [_DIRECTION_COLOURS[pick.effect_direction(row, level)] for row in part.to_dict("records")]
        texts = [
            f"{label}: {difference_text(row['difference'], metric)} {interval_text(row['ci_low'], row['ci_high'], metric)}"
            for label, row in zip(labels, part.to_dict("records"), strict=True)
        ]
        for colour in dict.fromkeys(colours):
            chosen = [index for index, each in enumerate(colours) if each == colour]
            some = _in_points(part.iloc[chosen], metric)
            figure.add_trace(
                go.Scatter(
                    x=some["difference"].tolist(),
                    y=[labels[index] for index in chosen],
                    mode="markers",
                    marker={"color": colour, "size": 10},
                    error_x=_bars(some, colour, "difference"),
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


def dimension_figure(leaderboard: pd.DataFrame, task: str) -> go.Figure:
    """Primary metric against the number of dimensions: a line per origin and method, baselines and controls dashed.

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
    rows = pick.first_seeds(pick.primary_rows(leaderboard, task))
    figure = _empty(height=380)
    if rows.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    trained = pick.on_curves(rows)
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
                text=_hover_texts(part, metric),
                hoverinfo="text",
                line={"color": style.colour, "width": 2, "dash": METHOD_DASHES[methods.index(method) % len(METHOD_DASHES)]},
                marker={"color": style.colour, "symbol": style.symbol, "size": 8},
                error_y=_bars(part, style.colour, "value"),
            )
        )
        ends.append((str(name), float(part["value"].iloc[-1])))
    dims = sorted({x for trace in figure.data for x in trace.x})
    if not dims:
        return figure
    for row, dash in zip(_levels(rows), ("dash", "dot", "longdash", "dashdot") * 5, strict=False):
        figure.add_trace(
            go.Scatter(
                x=[dims[0] / 1.12, dims[-1] * 1.12],
                y=[row["value"]] * 2,
                mode="lines",
                name=escape(str(row["embedding"])),
                line={"color": look(str(row["origin"])).colour, "width": 1.4, "dash": dash},
                text=_hover_texts(pd.DataFrame([row]), metric) * 2,
                hoverinfo="text",
            )
        )
        ends.append((str(row["embedding"]), float(row["value"])))
    _label_ends(figure, ends)
    figure.update_xaxes(
        type="log",
        tickvals=dims,
        ticktext=[str(dim) for dim in dims],
        title_text="dimensions (log scale)",
        range=[math.log10(dims[0] / 1.12), math.log10(dims[-1] * 1.12)],
    )
    return figure.update_yaxes(title_text=_axis_title(metric), tickformat=_tick_format(metric))


def learning_curve_figure(curves: pd.DataFrame, task: str, labels: str = "labels") -> go.Figure:
    """Primary metric against the number of labels, for the best embedding of each origin and those that lead anywhere.

    Parameters
    ----------
    curves : DataFrame
        Of `emb_pipeline.statistics.learning_curves.label_curves.learning_curves`.
    task : str
        The task.
    labels : str
        What is counted (`emb_pipeline.reporting.wording.label_name`).

    Returns
    -------
    Figure
        One trace per embedding, named at its right end; empty where the task has no curve.
    """
    rows = curves[curves["task"] == task]
    figure = _empty(height=420)
    if rows.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    ends: list[tuple[str, float]] = []
    drawn = shown_curves(rows)
    origins = [name.split(".", 1)[0] for name in drawn]
    for place, name in enumerate(drawn):
        part, style = rows[rows["embedding"] == name].sort_values("n_labels"), look(origins[place])
        dash = METHOD_DASHES[origins[:place].count(origins[place]) % len(METHOD_DASHES)]
        hover = [
            f"{escape(name)}<br>{count:,} {labels}: {value_text(value, metric)} {interval_text(low, high, metric)}"
            for count, value, low, high in zip(part["n_labels"], part["value"], part["ci_low"], part["ci_high"], strict=True)
        ]
        figure.add_trace(
            go.Scatter(
                x=part["n_labels"].astype(int).tolist(),
                y=part["value"].tolist(),
                mode="lines+markers",
                name=escape(name),
                text=hover,
                hoverinfo="text",
                line={"color": style.colour, "width": 2, "dash": dash},
                marker={"color": style.colour, "symbol": style.symbol, "size": 8},
                error_y=_bars(part, style.colour, "value"),
            )
        )
        ends.append((name, float(part["value"].iloc[-1])))
    counts = sorted(set(rows["n_labels"].astype(int)))
    _label_ends(figure, ends)
    figure.update_xaxes(
        type="log",
        tickvals=counts,
        ticktext=[f"{count:,}" for count in counts],
        title_text=f"{labels} learnt from (log scale)",
        range=[math.log10(counts[0] / 1.12), math.log10(counts[-1] * 1.12)],
    )
    return figure.update_yaxes(title_text=_axis_title(metric), tickformat=_tick_format(metric))


def shown_curves(rows: pd.DataFrame, most: int = 8) -> list[str]:
    """Embeddings worth a line: the best of each origin with all labels, and the best at each number of labels."""
    last = rows[rows["n_labels"] == rows["n_labels"].max()].sort_values("value", ascending=False)
    of_origin = last.groupby(last["embedding"].str.split(".").str[0], sort=False)["embedding"].first()
    leading = rows.sort_values("value", ascending=False).groupby("n_labels", sort=True)["embedding"].first()
    names = list(dict.fromkeys([*of_origin, *leading, *last["embedding"]]))[:most]
    return [name for name in last["embedding"] if name in names]


def methods_figure(leaderboard: pd.DataFrame, task: str) -> go.Figure:
    """Methods against each other at the dimension that most of them share, one symbol per origin.

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
    rows = pick.first_seeds(pick.primary_rows(leaderboard, task))
    trained = pick.with_dimensions(rows)
    figure = _empty(height=150)
    if trained.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    shared = shared_dimension(leaderboard, task)
    trained = trained[trained["dim"] == shared]
    several = trained.groupby(["origin", "method"])["embedding"].transform("size") > 1
    named = trained["method"].isin(trained.loc[several, "method"])
    keys = [pick.key_of(row) for row in trained.to_dict("records")]
    trained = trained.assign(row=trained["method"].where(~named, pd.Series(keys, index=trained.index)))
    order = list(trained.groupby("row")["value"].max().sort_values(ascending=False).index)
    origins = _by_origin(trained)
    of_row = {name: in_order(trained.loc[trained["row"] == name, "origin"]) for name in order}
    for origin, part in origins:
        part = part.iloc[part["row"].map(order.index).argsort(kind="stable")]
        positions = [
            order.index(name) + 0.22 * (of_row[name].index(origin) - (len(of_row[name]) - 1) / 2) for name in part["row"]
        ]
        figure.add_trace(_dots(part, positions, origin, metric))
    figure.update_yaxes(tickvals=list(range(len(order))), ticktext=_escaped(order), range=[len(order) - 0.4, -0.6])
    figure.update_xaxes(title_text=f"{_axis_title(metric)} at {shared} dimensions", tickformat=_tick_format(metric))
    return figure.update_layout(
        height=46 * len(order) + 120, showlegend=len(origins) > 1, margin={"t": 36}, legend={"y": 1.02, "yanchor": "bottom"}
    )


def shared_dimension(leaderboard: pd.DataFrame, task: str) -> int | None:
    """The dimension at which most methods were trained (the larger of two such); None without trained embeddings."""
    trained = pick.with_dimensions(pick.first_seeds(pick.primary_rows(leaderboard, task)))
    if trained.empty:
        return None
    methods = trained.groupby("dim")["method"].nunique()
    return int(max(methods[methods == methods.max()].index))


def cost_figure(leaderboard: pd.DataFrame, task: str, *, against: str = "seconds") -> go.Figure:
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
        One trace per origin, and the line. What costs nothing stands at a tick "0" left of the scale, since a logarithm has
        no place for it; what has no known cost is left out.

    Raises
    ------
    ValueError
        Another cost than these two.
    """
    if against not in ("seconds", "bytes_per_item"):
        raise ValueError(f"cost {against!r} is neither 'seconds' nor 'bytes_per_item'")
    rows = pick.first_seeds(pick.primary_rows(leaderboard, task))
    cost = costs(rows) if against == "seconds" else rows["bytes_per_item"].astype(float)
    rows = rows.assign(cost=cost)[cost.notna()]
    figure = _empty(height=360)
    if rows.empty:
        return figure
    rows, zero = _with_places(rows)
    metric = str(rows["metric"].iloc[0])
    write = seconds_text if against == "seconds" else bytes_text
    for origin, part in _by_origin(rows):
        style = look(origin)
        hover = [f"{text}<br>{write(each)}" for text, each in zip(_hover_texts(part, metric), part["cost"], strict=True)]
        figure.add_trace(
            go.Scatter(
                x=part["place"].tolist(),
                y=part["value"].tolist(),
                mode="markers",
                name=escape(origin),
                text=hover,
                hoverinfo="text",
                marker={"color": style.colour, "symbol": style.symbol, "size": 10},
            )
        )
    front = _front(rows)
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
    ticks = [tick for tick in _cost_ticks(against, low, high) if lowest <= math.log10(tick) <= high + pad]
    figure.update_xaxes(
        type="log",
        tickvals=ticks if zero is None else [zero, *ticks],
        ticktext=[*([] if zero is None else ["0"]), *(_tick_text(tick, against) for tick in ticks)],
        range=[low - pad, high + pad],
        title_text=SECONDS if against == "seconds" else "bytes per vector",
    )
    heights = [bottom - slack, top + slack]
    figure.update_yaxes(title_text=_axis_title(metric), tickformat=_tick_format(metric), range=heights)
    return figure if zero is None else figure.update_layout(meta={"has_zero": True})


def _with_places(rows: pd.DataFrame) -> tuple[pd.DataFrame, float | None]:
    """Rows with their ``place`` on a logarithmic axis of costs, and the place of those that cost nothing."""
    free = rows["cost"] <= 0
    smallest = float(rows.loc[~free, "cost"].min()) if (~free).any() else 1.0
    zero = smallest / 10**_GAP if free.any() else None
    return rows.assign(place=rows["cost"].mask(free, zero)), zero


def dose_figure(spoilt: pd.DataFrame, task: str) -> go.Figure:
    """What spoilt training text costs: the difference to the embedding that learnt from the text as it is, by dose.

    Parameters
    ----------
    spoilt : DataFrame
        Effects of the factor spoiling, with the ``corruption`` of ``embedding_a``'s training text and its level (0 to 1).
    task : str
        The task.

    Returns
    -------
    Figure
        One trace per embedding and kind of spoiling, from no difference at dose 0; empty where the task has none.
    """
    rows = spoilt[(spoilt["task"] == task) & spoilt["corruption"].notna()]
    figure = _empty(height=380)
    rows = rows.assign(kind=rows["corruption"], dose=100 * rows["corruption_level"].astype(float))
    if rows.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    kinds, ends = list(dict.fromkeys(rows["kind"])), []
    for (base, kind), part in rows.groupby(["embedding_b", "kind"], sort=False):
        part = _in_points(part.sort_values("dose"), metric)
        none = pd.DataFrame([{"dose": 0.0, "difference": 0.0, "ci_low": 0.0, "ci_high": 0.0}])
        style, name = look(str(base).split(".", 1)[0]), f"{base}, {str(kind).replace('_', ' ')}"
        drawn = pd.concat([none, part[none.columns]], ignore_index=True)
        place = kinds.index(kind)
        figure.add_trace(
            go.Scatter(
                x=drawn["dose"].tolist(),
                y=drawn["difference"].tolist(),
                mode="lines+markers",
                name=escape(name),
                text=[
                    f"{escape(name)}, {dose:.0f} %: {difference:+.3g} [{low:.3g}, {high:.3g}]"
                    for dose, difference, low, high in drawn[none.columns].itertuples(index=False)
                ],
                hoverinfo="text",
                line={"color": style.colour, "width": 2, "dash": METHOD_DASHES[place % len(METHOD_DASHES)]},
                marker={"color": style.colour, "symbol": INDEX_SYMBOLS[place % len(INDEX_SYMBOLS)], "size": 8},
                error_y=_bars(drawn, style.colour, "difference"),
            )
        )
        ends.append((name, float(drawn["difference"].iloc[-1])))
    _label_ends(figure, ends)
    figure.update_xaxes(title_text="share of the training text that is left out, shuffled or misspelt, %", range=[-3, 103])
    return figure.update_yaxes(title_text=f"{metric_name(metric)}: difference{', points' if is_percent(metric) else ''}")


def search_figure(searches: pd.DataFrame, task: str) -> go.Figure:
    """Queries a second against the share of the nearest passages that is found, a line for each index.

    Parameters
    ----------
    searches : DataFrame
        Of `emb_pipeline.tasks.retrieval.vector_search.SearchCosts`; indexes with a fault are left out.
    task : str
        The task.

    Returns
    -------
    Figure
        One trace per embedding and index; empty where the task has none.
    """
    rows = searches[(searches["task"] == task) & (searches["index"] != pick.EXACT) & searches["fault"].isna()]
    figure = _empty(height=360)
    if rows.empty:
        return figure
    for place, ((name, index), part) in enumerate(rows.groupby(["embedding", "index"], sort=False)):
        style = look(str(name).split(".", 1)[0])
        hover = [
            f"{escape(str(name))}<br>{pick.setting_text(row)}: {row['recall']:.3f} of the nearest, "
            f"{count_text(row['queries_per_second'])} queries a second, "
            f"{value_text(row['value'], row['metric'])} {escape(metric_name(row['metric']))}"
            for row in part.to_dict("records")
        ]
        figure.add_trace(
            go.Scatter(
                x=part["recall"].tolist(),
                y=part["queries_per_second"].tolist(),
                mode="lines+markers",
                name=escape(f"{name} {index}" if rows["embedding"].nunique() > 1 else str(index)),
                text=hover,
                hoverinfo="text",
                line={"color": style.colour, "width": 2, "dash": METHOD_DASHES[place % len(METHOD_DASHES)]},
                marker={"color": style.colour, "symbol": INDEX_SYMBOLS[place % len(INDEX_SYMBOLS)], "size": 9},
            )
        )
    low, high = math.log10(rows["queries_per_second"].min()), math.log10(rows["queries_per_second"].max())
    ticks = [each * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for each in (1, 2, 5)]
    ticks = [tick for tick in ticks if low - 0.2 <= math.log10(tick) <= high + 0.2]
    figure.update_xaxes(title_text="share of the nearest that is found", range=[min(rows["recall"].min(), 0.9) - 0.03, 1.03])
    return figure.update_yaxes(
        type="log",
        title_text="queries a second, all at once (log scale)",
        tickvals=ticks,
        ticktext=[count_text(tick) for tick in ticks],
        range=[low - 0.2, high + 0.2],
    )


def word_map_figure(word_map: pd.DataFrame) -> go.Figure:
    """Words in two dimensions, a panel for each embedding; lines lead from the probe words to what is nearest to them.

    Parameters
    ----------
    word_map : DataFrame
        Of `emb_pipeline.diagnostics.word_map.side_by_side`.

    Returns
    -------
    Figure
        Of each panel a trace of all words, and one of each probe word with its neighbours. All panels show the same square.
        A narrow page puts the panels one below the other: ``layout.meta`` says that they may be.
    """
    panels = list(word_map.groupby("embedding", sort=False))
    if not panels:
        return _empty(height=120)
    columns = min(2, len(panels))
    figure = make_subplots(
        rows=math.ceil(len(panels) / columns), cols=columns, horizontal_spacing=0.03, vertical_spacing=0.06
    )
    centre = (word_map[["x", "y"]].max() + word_map[["x", "y"]].min()) / 2
    reach = 1.05 * float((word_map[["x", "y"]] - centre).abs().to_numpy().max()) or 1.0
    for number, (name, rows) in enumerate(panels):
        at = {"row": number // columns + 1, "col": number % columns + 1}
        style = look(str(name).split(".", 1)[0])
        rows = rows.assign(of=rows["word"].where(rows["probe"], rows["near"]))
        figure.add_trace(_words(rows[rows["of"].isna()], "words", marker={"color": TEXT, "opacity": 0.3, "size": 4}), **at)
        for probe, part in rows.groupby("of", sort=False):
            figure.add_trace(_probe_and_neighbours(part, str(probe), style.colour), **at)
        for annotation in _probe_names(rows, centre, reach):
            figure.add_annotation(annotation, **at)
        title = {
            "text": escape(str(name)),
            "font": {"size": 13},
            "x": 0,
            "y": 1,
            "xanchor": "left",
            "yanchor": "bottom",
            "yshift": 2,
        }
        figure.add_annotation(title, xref="x domain", yref="y domain", **at)
        hidden = {"showgrid": False, "showticklabels": False, "showline": True, "mirror": True}
        figure.update_xaxes(range=[centre["x"] - reach, centre["x"] + reach], constrain="domain", **hidden, **at)
        figure.update_yaxes(
            range=[centre["y"] - reach, centre["y"] + reach],
            constrain="domain",
            scaleanchor="x" if number == 0 else f"x{number + 1}",
            **hidden,
            **at,
        )
    height = PANEL_HEIGHT * math.ceil(len(panels) / columns)
    return figure.update_layout(
        template=TEMPLATE, height=height, margin={"t": 24}, showlegend=False, meta={"side_by_side": columns > 1}
    )


def costs(rows: pd.DataFrame) -> pd.Series:
    """Seconds to train an embedding, to encode a task with it, and to tune and fit the probe or to search; NaN where none is
    known."""
    return rows[["train_seconds", "encode_seconds", "fit_seconds"]].astype(float).sum(axis=1, min_count=1)


def _empty(height: int) -> go.Figure:
    return go.Figure(layout={"template": TEMPLATE, "height": height})


def _by_origin(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(origin, rows[rows["origin"] == origin]) for origin in in_order(rows["origin"])]


def _dots(rows: pd.DataFrame, y: Iterable[Any], origin: str, metric: str) -> go.Scatter:
    style = look(origin)
    places = [escape(each) if isinstance(each, str) else each for each in y]
    return go.Scatter(
        x=rows["value"].tolist(),
        y=places,
        mode="markers",
        name=escape(origin),
        marker={"color": style.colour, "symbol": style.symbol, "size": 9},
        error_x=_bars(rows, style.colour, "value"),
        text=_hover_texts(rows, metric),
        hoverinfo="text",
    )


def _words(rows: pd.DataFrame, name: str, **style: Any) -> go.Scatter:
    """Words at their places; under the pointer, what is nearest to them."""
    near = [f"<br>among the nearest of {escape(near)}" if isinstance(near, str) else "" for near in rows["near"]]
    nearest = [", ".join(names.split(", ")[:_HOVERED]) for names in rows["nearest"]]
    return go.Scatter(
        x=rows["x"].round(2).tolist(),
        y=rows["y"].round(2).tolist(),
        name=escape(name),
        text=[
            f"<b>{escape(word)}</b>{of}<br>nearest: {escape(names)}"
            for word, of, names in zip(rows["word"], near, nearest, strict=True)
        ],
        hoverinfo="text",
        **{"mode": "markers", **style},
    )


def _probe_and_neighbours(rows: pd.DataFrame, probe: str, colour: str) -> go.Scatter:
    """A star: the line goes from the probe word to each neighbour and back."""
    centre, around = rows[rows["word"] == probe], rows[rows["word"] != probe]
    star = pd.concat([centre, *(step for place in range(len(around)) for step in (around.iloc[[place]], centre))])
    size = [9 if word == probe else 6 for word in star["word"]]
    line, marker = {"color": colour, "width": 0.8}, {"color": colour, "size": size, "opacity": 1}
    return _words(star, probe, mode="lines+markers", line=line, marker=marker)


def _probe_names(rows: pd.DataFrame, centre: pd.Series, reach: float) -> list[dict[str, Any]]:
    """Names of the probe words, then of one neighbour of each, where they find room."""
    probes, near = rows[rows["probe"]], dict(zip(rows["word"], rows["near"], strict=True))
    nearest = [
        next((each for each in names.split(", ") if near.get(each) == probe), "")
        for probe, names in zip(probes["word"], probes["nearest"], strict=True)
    ]
    named = pd.concat([probes, rows[rows["word"].isin(nearest) & ~rows["probe"]]])
    places = [
        (_PANEL * (x - centre["x"] + reach) / (2 * reach), _PANEL * (y - centre["y"] + reach) / (2 * reach))
        for x, y in zip(named["x"], named["y"], strict=True)
    ]
    words = named["word"].tolist()
    texts = [f"<b>{escape(word)}</b>" if probe else escape(word) for word, probe in zip(words, named["probe"], strict=True)]
    return [
        {"x": named["x"].iloc[number], "y": named["y"].iloc[number], "text": texts[number], **beside}
        for number, beside in _with_room(words, places, places[: len(probes)], width=_PANEL)
    ]


def _bars(rows: pd.DataFrame, colour: str, column: str) -> dict[str, Any]:
    centre = rows[column].astype(float)
    above, below = (rows["ci_high"].astype(float) - centre), (centre - rows["ci_low"].astype(float))
    return {
        "type": "data",
        "symmetric": False,
        "array": above.fillna(0).clip(lower=0).tolist(),
        "arrayminus": below.fillna(0).clip(lower=0).tolist(),
        "color": colour,
        "thickness": 1.6,
        "width": 0,
    }


def _hover_texts(rows: pd.DataFrame, metric: str) -> list[str]:
    return [
        f"{escape(str(row['embedding']))}<br>{metric_name(metric)} {value_text(row['value'], metric)} "
        f"{interval_text(row['ci_low'], row['ci_high'], metric)}"
        for row in rows.to_dict("records")
    ]


def _levels(rows: pd.DataFrame) -> list[_Row]:
    """Embeddings without a dimension of their own, and the best control."""
    sparse = pick.sparse_rows(rows).to_dict("records")
    controls = rows[rows["origin"] == pick.CONTROL].head(1).to_dict("records")
    return [*sparse, *controls]


def _front(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that no cheaper row matches, cheapest first; controls and embeddings of changed text are no choice."""
    ordered = pick.choosable(rows).sort_values(["cost", "value"], ascending=[True, False])
    best = ordered["value"].cummax().shift(fill_value=-math.inf)
    return ordered[ordered["value"] > best]


def _escaped(names: Iterable[object]) -> list[str]:
    return [escape(str(name)) for name in names]


def _number(value: object, otherwise: float) -> float:
    return float(otherwise) if value is None or pd.isna(value) else float(value)  # type: ignore[call-overload,arg-type]


def _axis_title(metric: str) -> str:
    return escape(metric_name(metric))


def _tick_format(metric: str) -> str:
    return ".1~%" if is_percent(metric) else ".3~f"


def _panel_title(task: str, metric: str) -> str:
    return escape(f"{task}: {metric_name(metric)}{' (percentage points)' if is_percent(metric) else ''}")


def _in_points(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Differences of shares as percentage points: an axis that reads +5 % could mean five per cent more of it."""
    columns = ["difference", "ci_low", "ci_high"]
    return rows.assign(**{name: rows[name].astype(float) * (100 if is_percent(metric) else 1) for name in columns})


def _label_ends(figure: go.Figure, ends: Sequence[tuple[str, float]]) -> None:
    """Name lines at their right ends, pushed apart where they would overlap."""
    values = [value for trace in figure.data for value in trace.y]
    gap = 0.052 * ((max(values) - min(values)) or 1)
    places: list[float] = []
    for _, value in sorted(ends, key=lambda end: end[1]):
        places.append(max(value, places[-1] + gap) if places else value)
    for (name, _), place in zip(sorted(ends, key=lambda end: end[1]), places, strict=True):
        figure.add_annotation(x=1, xref="paper", xanchor="left", xshift=6, y=place, text=escape(name))
    figure.update_layout(showlegend=False, margin={"r": 22 + 6.4 * max(len(name) for name, _ in ends)})


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
    for number, beside in _with_room(names, places, points, width=_WIDTH):
        row = last_first.iloc[number]
        figure.add_annotation(x=math.log10(row["place"]), y=row["value"], text=escape(names[number]), **beside)


def _with_room(
    names: Sequence[str], places: Sequence[tuple[float, float]], points: Iterable[tuple[float, float]], *, width: float
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The numbers of the names that cover neither a name before them nor a point, and where each stands beside its place.

    ``places`` and ``points`` in pixels, ``width`` what a name must stay within.
    """
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    for number, (name, (x, y)) in enumerate(zip(names, places, strict=True)):
        length = 7 * len(name)
        for right, shift in ((True, 0), (False, 0), (True, 14), (False, 14), (True, -14), (False, -14)):
            left = x + 9 if right else x - 9 - length
            box = (left, y + shift - 7, left + length, y + shift + 7)
            if left >= 0 and left + length <= width and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                anchor = {"xanchor": "left", "xshift": 9} if right else {"xanchor": "right", "xshift": -9}
                yield number, {**anchor, "yshift": shift}
                break


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def _cost_ticks(against: str, low: float, high: float) -> list[float]:
    """Ticks of a cost axis; ``low`` and ``high`` are its decimal logarithms."""
    if against == "seconds" and high - low > 1:
        return [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000]
    steps = (1,) if high - low > 3 else (1, 3) if high - low > 1.5 else (1, 2, 5)
    return [step * 10.0**power for power in range(math.floor(low) - 1, math.ceil(high) + 1) for step in steps]


def _tick_text(tick: float, against: str) -> str:
    if against == "bytes_per_item":
        return re.sub(r"\.0+(?=\D)", "", bytes_text(tick))
    return f"{tick:g} s" if tick < 60 else f"{tick / 60:g} min" if tick < 3600 else f"{tick / 3600:g} h"
