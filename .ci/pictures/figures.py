"""Draw the figures of what was found, from a run's tables, as SVG for light and for dark pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from emb_pipeline.reporting.names import Names, name_embeddings
from emb_pipeline.reporting.theme import LOOKS
from emb_pipeline.reporting.wording import name_metric

INKS = {"light": "#24292f", "dark": "#d8dee4"}
RULES = {"light": "#d0d7de", "dark": "#3d444d"}
SIZE = (4.8, 5.4)
"""Inches of a figure: two of them stand next to each other."""
_MARKERS = {"circle": "o", "diamond": "D", "triangle-up": "^", "square": "s", "x": "X"}
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw_all(tables: Path, folder: Path) -> Iterator[Path]:
    """Draw each figure twice."""
    leaderboard = read_table(tables, "leaderboard")
    curves = read_table(tables, "learning_curves")
    names = name_embeddings(leaderboard)
    for scheme in INKS:
        with plt.rc_context({**_STYLE, **_color(scheme)}):
            yield _save(draw_best(leaderboard, names, scheme), folder / f"best-{scheme}.svg")
            yield _save(draw_labels(curves, names, scheme), folder / f"labels-{scheme}.svg")


def draw_best(leaderboard: pd.DataFrame, names: Names, scheme: str) -> plt.Figure:
    """Draw the best embedding of each origin on each task, with its interval; copies of another one are left out."""
    is_own = leaderboard["base"].isna() & ~leaderboard["shuffled_labels"]
    rows = leaderboard[leaderboard["primary"] & leaderboard["value"].notna() & is_own]
    best = rows.sort_values("value").groupby(["task", "origin"], as_index=False).last()
    tasks = list(dict.fromkeys(rows["task"]))
    figure, panels = plt.subplots(len(tasks), figsize=SIZE, layout="constrained", squeeze=False)
    for axes, task in zip(panels.flat, tasks, strict=True):
        _draw_dots(axes, best[best["task"] == task].sort_values("value"), names, scheme)
        axes.set_title(
            f"{task.replace('_', ' ')}, {name_metric(rows.loc[rows['task'] == task, 'metric'].iloc[0])}",
            loc="left",
            fontsize=9,
        )
    return figure


def _draw_dots(axes: Axes, rows: pd.DataFrame, names: Names, scheme: str) -> None:
    for place, row in enumerate(rows.to_dict("records")):
        look = LOOKS[row["origin"]]
        color = look.color if scheme == "light" else look.dark_color
        axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=color, linewidth=2)
        axes.plot(row["value"], place, _MARKERS[look.symbol], color=color, markersize=5)
    axes.set_yticks(range(len(rows)), [names[name].short for name in rows["embedding"]])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="x", color=RULES[scheme], linewidth=0.6)


def draw_labels(curves: pd.DataFrame, names: Names, scheme: str) -> plt.Figure:
    """Draw the score by the number of labels, for the highest embedding of each origin that has a curve."""
    task = curves["task"].iloc[0]
    rows = curves[(curves["task"] == task) & curves["value"].notna()]
    last = rows[rows["n_labels"] == rows["n_labels"].max()].sort_values("value")
    shown = last.groupby("origin").last()["embedding"]
    figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
    for origin, embedding in shown.items():
        look = LOOKS[str(origin)]
        color = look.color if scheme == "light" else look.dark_color
        line = rows[rows["embedding"] == embedding].sort_values("n_labels")
        axes.fill_between(line["n_labels"], line["ci_low"], line["ci_high"], color=color, alpha=0.18, linewidth=0)
        axes.plot(line["n_labels"], line["value"], marker=_MARKERS[look.symbol], color=color, markersize=4)
        axes.annotate(
            names[embedding].short,
            (line["n_labels"].iloc[-1], line["value"].iloc[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            color=color,
            va="center",
            annotation_clip=False,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("labels")
    axes.set_title(f"{str(task).replace('_', ' ')}, {name_metric(rows['metric'].iloc[0])}", loc="left", fontsize=9)
    axes.grid(color=RULES[scheme], linewidth=0.6)
    return figure


def read_table(tables: Path, name: str) -> pd.DataFrame:
    """Read the newest version of a run's table."""
    return pd.read_parquet(max((tables / f"{name}.parquet").glob("*/*.parquet")))


def _color(scheme: str) -> dict[str, str]:
    ink = INKS[scheme]
    names = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(names, ink),
        "axes.edgecolor": RULES[scheme],
        "axes.facecolor": "none",
        "figure.facecolor": "none",
    }


def _save(figure: plt.Figure, place: Path) -> Path:
    figure.savefig(place, metadata={"Date": None}, transparent=True)
    plt.close(figure)
    return place
