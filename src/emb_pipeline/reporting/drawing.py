"""Pieces that the figures of several sections are drawn with.

All figures share one template (`theme`), keep the same color and symbol for an origin, and show an interval wherever the
table holds one. Names from the user's configuration are escaped, because plotly reads some HTML in its texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from emb_pipeline.reporting.theme import TEMPLATE, in_order, look
from emb_pipeline.reporting.wording import (
    is_percent,
    name_metric,
    write_interval,
    write_value,
)

ROW_HEIGHT = 24


def make_empty_figure(height: int) -> go.Figure:
    return go.Figure(layout={"template": TEMPLATE, "height": height})


def split_by_origin(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(origin, rows[rows["origin"] == origin]) for origin in in_order(rows["origin"])]


def draw_dots(rows: pd.DataFrame, y: Iterable[Any], origin: str, metric: str) -> go.Scatter:
    style = look(origin)
    places = [escape(each) if isinstance(each, str) else each for each in y]
    return go.Scatter(
        x=rows["value"].tolist(),
        y=places,
        mode="markers",
        name=escape(origin),
        marker={"color": style.color, "symbol": style.symbol, "size": 9},
        error_x=make_error_bars(rows, style.color, "value"),
        text=write_hover_texts(rows, metric),
        hoverinfo="text",
    )


def make_error_bars(rows: pd.DataFrame, color: str, column: str) -> dict[str, Any]:
    center = rows[column].astype(float)
    above, below = (rows["ci_high"].astype(float) - center), (center - rows["ci_low"].astype(float))
    return {
        "type": "data",
        "symmetric": False,
        "array": above.fillna(0).clip(lower=0).tolist(),
        "arrayminus": below.fillna(0).clip(lower=0).tolist(),
        "color": color,
        "thickness": 1.6,
        "width": 0,
    }


def write_hover_texts(rows: pd.DataFrame, metric: str) -> list[str]:
    return [
        f"{escape(str(row['embedding']))}<br>{name_metric(metric)} {write_value(row['value'], metric)} "
        f"{write_interval(row['ci_low'], row['ci_high'], metric)}"
        for row in rows.to_dict("records")
    ]


def escape_names(names: Iterable[object]) -> list[str]:
    return [escape(str(name)) for name in names]


def name_axis(metric: str) -> str:
    return escape(name_metric(metric))


def choose_tick_format(metric: str) -> str:
    return ".1~%" if is_percent(metric) else ".3~f"


def scale_to_points(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Turn differences of shares into percentage points: an axis that reads +5 % could mean five per cent more of it."""
    columns = ["difference", "ci_low", "ci_high"]
    return rows.assign(**{name: rows[name].astype(float) * (100 if is_percent(metric) else 1) for name in columns})


def label_ends(figure: go.Figure, ends: Sequence[tuple[str, float]]) -> None:
    """Name lines at their right ends, pushed apart where they would overlap."""
    values = [value for trace in figure.data for value in trace.y]
    gap = 0.052 * ((max(values) - min(values)) or 1)
    places: list[float] = []
    for _, value in sorted(ends, key=lambda end: end[1]):
        places.append(max(value, places[-1] + gap) if places else value)
    for (name, _), place in zip(sorted(ends, key=lambda end: end[1]), places, strict=True):
        figure.add_annotation(x=1, xref="paper", xanchor="left", xshift=6, y=place, text=escape(name))
    figure.update_layout(showlegend=False, margin={"r": 22 + 6.4 * max(len(name) for name, _ in ends)})


def find_room(
    names: Sequence[str], places: Sequence[tuple[float, float]], points: Iterable[tuple[float, float]], *, width: float
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Find the names that cover neither a name before them nor a point, and where each is written next to its place.

    ``places`` and ``points`` in pixels, ``width`` what a name must stay within.
    """
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    for number, (name, (x, y)) in enumerate(zip(names, places, strict=True)):
        length = 7 * len(name)
        for right, shift in ((True, 0), (False, 0), (True, 14), (False, 14), (True, -14), (False, -14)):
            left = x + 9 if right else x - 9 - length
            box = (left, y + shift - 7, left + length, y + shift + 7)
            if left >= 0 and left + length <= width and not any(_do_overlap(box, other) for other in taken):
                taken.append(box)
                anchor = {"xanchor": "left", "xshift": 9} if right else {"xanchor": "right", "xshift": -9}
                yield number, {**anchor, "yshift": shift}
                break


def _do_overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
