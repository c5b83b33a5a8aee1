"""Words in two dimensions, and what such a picture may be read for."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from emb_pipeline.reporting import wording
from emb_pipeline.reporting.drawing import (
    find_room,
    make_empty_figure,
)
from emb_pipeline.reporting.section import Chart, Report, embed
from emb_pipeline.reporting.theme import TEMPLATE, TEXT, look

PANEL_HEIGHT = 460
_PANEL = 320  # pixels of one side of a map, on a phone
_HOVERED = 5


def show_word_map(report: Report) -> Chart | None:
    """Show words in two dimensions, with what such a picture may be read for; None without any."""
    word_map = report.tables.word_map
    if word_map.empty:
        return None
    words = word_map.groupby("embedding", sort=False)["word"].agg(set)
    kept = word_map.groupby("embedding", sort=False)["kept"].mean()
    return embed(
        report.figure("word_map", lambda: plot_word_map(word_map)),
        "word-map",
        f"Words of {' and '.join(words.index)} in two dimensions. The table of nearest words holds what the lines show.",
        f"{max(map(len, words)):,} words, placed by t-SNE, which keeps near words together as far as it can. "
        f"Of a word’s ten nearest, {' and '.join(map(wording.write_share, kept))} are among its ten nearest here, too. "
        "Near means alike, mostly; far means little, and so do the size of a group and the width of a gap. Lines lead from "
        "your words to those nearest to them by cosine. A long one is a neighbour that two dimensions could not keep near. "
        f"{_describe_turning(words)}All points with their neighbours are in word_map.parquet, for other tools.",
    )


def _describe_turning(words: pd.Series) -> str:
    """Say how the panels behind the first were turned, by the words of each."""
    if len(words) < 2:
        return ""
    which = "The second panel is" if len(words) == 2 else "All panels but the first are"
    shared = ", ".join(f"{len(words.iloc[0] & others):,}" for others in words.iloc[1:])
    return f"{which} turned and mirrored onto the first by the words in common ({shared}), and not stretched. "


def plot_word_map(word_map: pd.DataFrame) -> go.Figure:
    """Draw words in two dimensions, a panel for each embedding; lines lead from the probe words to what is nearest to them.

    Parameters
    ----------
    word_map : DataFrame
        Of `emb_pipeline.diagnostics.word_map.join_maps`.

    Returns
    -------
    Figure
        Of each panel a trace of all words, and one of each probe word with its neighbors. All panels show the same square.
        A narrow page puts the panels one below the other: ``layout.meta`` says that they may be.
    """
    panels = list(word_map.groupby("embedding", sort=False))
    if not panels:
        return make_empty_figure(height=120)
    columns = min(2, len(panels))
    figure = make_subplots(
        rows=math.ceil(len(panels) / columns), cols=columns, horizontal_spacing=0.03, vertical_spacing=0.06
    )
    center = (word_map[["x", "y"]].max() + word_map[["x", "y"]].min()) / 2
    reach = 1.05 * float((word_map[["x", "y"]] - center).abs().to_numpy().max()) or 1.0
    for number, (name, rows) in enumerate(panels):
        at = {"row": number // columns + 1, "col": number % columns + 1}
        style = look(str(rows["origin"].iloc[0]))
        rows = rows.assign(of=rows["word"].where(rows["probe"], rows["near"]))
        figure.add_trace(
            _draw_words(rows[rows["of"].isna()], "words", marker={"color": TEXT, "opacity": 0.3, "size": 4}), **at
        )
        for probe, part in rows.groupby("of", sort=False):
            figure.add_trace(_draw_probe_and_neighbors(part, str(probe), style.color), **at)
        for annotation in _place_probe_names(rows, center, reach):
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
        figure.update_xaxes(range=[center["x"] - reach, center["x"] + reach], constrain="domain", **hidden, **at)
        figure.update_yaxes(
            range=[center["y"] - reach, center["y"] + reach],
            constrain="domain",
            scaleanchor="x" if number == 0 else f"x{number + 1}",
            **hidden,
            **at,
        )
    height = PANEL_HEIGHT * math.ceil(len(panels) / columns)
    return figure.update_layout(
        template=TEMPLATE, height=height, margin={"t": 24}, showlegend=False, meta={"side_by_side": columns > 1}
    )


def _draw_words(rows: pd.DataFrame, name: str, **style: Any) -> go.Scatter:
    """Draw words at their places; under the pointer, what is nearest to them."""
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


def _draw_probe_and_neighbors(rows: pd.DataFrame, probe: str, color: str) -> go.Scatter:
    """Draw a star: the line goes from the probe word to each neighbor and back."""
    center, around = rows[rows["word"] == probe], rows[rows["word"] != probe]
    star = pd.concat([center, *(step for place in range(len(around)) for step in (around.iloc[[place]], center))])
    size = [9 if word == probe else 6 for word in star["word"]]
    line, marker = {"color": color, "width": 0.8}, {"color": color, "size": size, "opacity": 1}
    return _draw_words(star, probe, mode="lines+markers", line=line, marker=marker)


def _place_probe_names(rows: pd.DataFrame, center: pd.Series, reach: float) -> list[dict[str, Any]]:
    """Place names of the probe words, then of one neighbor of each, where they find room."""
    probes, near = rows[rows["probe"]], dict(zip(rows["word"], rows["near"], strict=True))
    nearest = [
        next((each for each in names.split(", ") if near.get(each) == probe), "")
        for probe, names in zip(probes["word"], probes["nearest"], strict=True)
    ]
    named = pd.concat([probes, rows[rows["word"].isin(nearest) & ~rows["probe"]]])
    places = [
        (_PANEL * (x - center["x"] + reach) / (2 * reach), _PANEL * (y - center["y"] + reach) / (2 * reach))
        for x, y in zip(named["x"], named["y"], strict=True)
    ]
    words = named["word"].tolist()
    texts = [f"<b>{escape(word)}</b>" if probe else escape(word) for word, probe in zip(words, named["probe"], strict=True)]
    return [
        {"x": named["x"].iloc[number], "y": named["y"].iloc[number], "text": texts[number], **beside}
        for number, beside in find_room(words, places, places[: len(probes)], width=_PANEL)
    ]
