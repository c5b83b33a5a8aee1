"""The figure of the answer: the best of each family with its interval, the recommended one marked, controls grey."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.drawing import choose_tick_format, make_empty_figure, make_error_bars, name_axis
from emb_pipeline.reporting.names import Names
from emb_pipeline.reporting.theme import RULE, look
from emb_pipeline.reporting.wording import name_metric, write_interval, write_value

_MOST_ROWS = 8
_ROW = 30
_Row = Mapping[Hashable, Any]


def plot_answer(distinct: pd.DataFrame, names: Names, recommended: str | None, others: Collection[str]) -> go.Figure:
    """Draw the best of each family, best first; each name is above its dot, so that it fits a phone.

    Parameters
    ----------
    distinct : DataFrame
        One row per embedding of the task's primary metric, best first (`rows.average_seeds`).
    names : Names
        Of the report.
    recommended : str, optional
        The embedding to deploy.
    others : collection of str
        Alternatives, which are drawn too.
    """
    rows = select_families(distinct, [*([recommended] if recommended else []), *others])
    figure = make_empty_figure(height=_ROW * len(rows) + 54)
    if rows.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    for place, (_, row) in enumerate(rows.iterrows()):
        one, technical = rows.iloc[[place]], str(row["family"])
        is_recommended = technical == recommended
        style, name = look(str(row["origin"])), escape(names[technical].short)
        value = f"{write_value(row['value'], metric)} {write_interval(row['ci_low'], row['ci_high'], metric)}"
        figure.add_trace(
            go.Scatter(
                x=[row["value"]],
                y=[place],
                mode="markers",
                name=name,
                marker={"color": style.color, "symbol": style.symbol, "size": 14 if is_recommended else 9},
                error_x={**make_error_bars(one, style.color, "value"), "thickness": 3 if is_recommended else 1.6},
                text=[f"{escape(names[technical].readable)}<br>{name_metric(metric)} {value}"],
                hoverinfo="text",
                showlegend=False,
            )
        )
        label = f"<b>{name}: recommended</b>" if is_recommended else name
        figure.add_annotation(x=0, xref="paper", xanchor="left", y=place - 0.42, text=label, yanchor="middle")
        figure.add_annotation(x=1, xref="paper", xanchor="right", y=place - 0.42, text=value.split(" ")[0], yanchor="middle")
    figure.update_yaxes(range=[len(rows) - 0.5, -0.8], showticklabels=False, showgrid=False)
    figure.update_xaxes(title_text=name_axis(metric), tickformat=choose_tick_format(metric), gridcolor=RULE)
    return figure


def select_families(distinct: pd.DataFrame, always: Collection[str]) -> pd.DataFrame:
    """Select the best of each family that could be deployed, those that are always shown, and the best control."""
    choosable = pick.select_choosable(distinct)
    known = {str(row["family"]): row for row in distinct.to_dict("records")}
    families = [_find_root(row, known) for row in choosable.to_dict("records")]
    best = choosable[~pd.Series(families, index=choosable.index, dtype=object).duplicated()]
    kept = choosable[choosable["family"].isin(always)]
    rest = best[~best["family"].isin(always)].head(max(0, _MOST_ROWS - 1 - len(kept)))
    shown = pd.concat([kept, rest]).sort_index()
    return pd.concat([shown, distinct[distinct["origin"] == pick.CONTROL].head(1)])


def _find_root(row: _Row, known: Mapping[str, _Row]) -> str:
    """Name the method that an embedding goes back to; one that is made from several is a family of its own."""
    seen: set[str] = set()
    while isinstance(base := row.get("base"), str) and base in known and base not in seen:
        if "," in str(row.get("bases") or ""):
            break
        seen.add(base)
        row = known[base]
    return str(row["method"]) if row["origin"] != "pretrained" else str(row["family"])
