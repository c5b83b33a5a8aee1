"""Embeddings against those that they were made from."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.reporting.drawing import (
    label_ends,
    make_empty_figure,
    make_error_bars,
    scale_to_points,
)
from emb_pipeline.reporting.rows import CORRUPTION, VARIANT
from emb_pipeline.reporting.section import Chart, Report, embed
from emb_pipeline.reporting.sections.effects.forest import describe_effect
from emb_pipeline.reporting.theme import INDEX_SYMBOLS, METHOD_DASHES, look
from emb_pipeline.reporting.wording import (
    is_percent,
    name_metric,
    write_value,
)

TITLES = {
    **{each.name: each.title for method in METHODS.values() if (each := method.derivation)},
    VARIANT: "The same embedding with other options: windows, prompts, formulas",
    CORRUPTION: "Trained on less text, on shuffled words or on misspelt ones: what poor training costs",
    "fine_tuning": "Fine-tuned on a task’s labels, scored on that task and on the others",
}


def build_line(row: Mapping[Hashable, Any], level: float) -> dict[str, Any]:
    """Write an embedding against the one that it was made from."""
    return {
        **describe_effect(row, level, {1: "better", -1: "worse", 0: "no significant difference"}),
        "name": row["embedding_a"],
        "base": row["embedding_b"],
        "before": write_value(row["value_b"], row["metric"]),
        "after": write_value(row["value_a"], row["metric"]),
    }


def draw_corruption_charts(rows: pd.DataFrame, report: Report) -> list[Chart]:
    """Draw what corrupted training text costs on each task, by level; nothing where no text was corrupted."""
    tasks = [str(task) for task in dict.fromkeys(rows["task"])]
    found = {task: report.figure(f"{task}_corruption", partial(plot_corruption, rows, task)) for task in tasks}
    return [
        embed(
            figure,
            f"corruption-{task}",
            f"What less text, shuffled words and misspelt words cost on {task}, by corruption level. The table holds the "
            "same numbers.",
            f"{task}: minus what the same embedding reaches from the text as it is.",
        )
        for task, figure in found.items()
        if figure.data
    ]


def plot_corruption(corrupted: pd.DataFrame, task: str) -> go.Figure:
    """Draw what corrupted training text costs, by corruption level: the difference to the embedding from the text as it is.

    Parameters
    ----------
    corrupted : DataFrame
        Effects of the factor corruption, with the ``corruption`` of ``embedding_a``'s training text and its level (0 to 1).
    task : str
        The task.

    Returns
    -------
    Figure
        One trace per embedding and kind of corruption, from no difference at level 0; empty where the task has none.
    """
    rows = corrupted[(corrupted["task"] == task) & corrupted["corruption"].notna()]
    figure = make_empty_figure(height=380)
    rows = rows.assign(kind=rows["corruption"], level=100 * rows["corruption_level"].astype(float))
    if rows.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    kinds, ends = list(dict.fromkeys(rows["kind"])), []
    for (base, kind), part in rows.groupby(["embedding_b", "kind"], sort=False):
        part = scale_to_points(part.sort_values("level"), metric)
        none = pd.DataFrame([{"level": 0.0, "difference": 0.0, "ci_low": 0.0, "ci_high": 0.0}])
        style, name = look(str(part["origin"].iloc[0])), f"{base}, {str(kind).replace('_', ' ')}"
        drawn = pd.concat([none, part[none.columns]], ignore_index=True)
        place = kinds.index(kind)
        figure.add_trace(
            go.Scatter(
                x=drawn["level"].tolist(),
                y=drawn["difference"].tolist(),
                mode="lines+markers",
                name=escape(name),
                text=[
                    f"{escape(name)}, {level:.0f} %: {difference:+.3g} [{low:.3g}, {high:.3g}]"
                    for level, difference, low, high in drawn[none.columns].itertuples(index=False)
                ],
                hoverinfo="text",
                line={"color": style.color, "width": 2, "dash": METHOD_DASHES[place % len(METHOD_DASHES)]},
                marker={"color": style.color, "symbol": INDEX_SYMBOLS[place % len(INDEX_SYMBOLS)], "size": 8},
                error_y=make_error_bars(drawn, style.color, "difference"),
            )
        )
        ends.append((name, float(drawn["difference"].iloc[-1])))
    label_ends(figure, ends)
    figure.update_xaxes(title_text="share of the training text that is left out, shuffled or misspelt, %", range=[-3, 103])
    return figure.update_yaxes(title_text=f"{name_metric(metric)}: difference{', points' if is_percent(metric) else ''}")
