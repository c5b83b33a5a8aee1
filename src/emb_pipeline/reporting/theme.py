"""Colors, symbols and the plotly template that all figures share.

The colors are from a palette that stays distinct with red-green blindness [1]_, dark enough for white paper and light
enough for black (contrast of 3 and more on both); a dark page takes brighter ones. Every origin has a symbol of its own
too, so color is never the only difference.

References
----------
.. [1] Okabe & Ito (2008), Color Universal Design.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import plotly.graph_objects as go

TEXT = "#767c85"
"""Figure text outside the page: readable on white and on black."""

RULE = "rgba(128, 128, 128, 0.22)"


@dataclass(frozen=True)
class Look:
    """Color, symbol and meaning of one origin."""

    color: str
    dark_color: str
    symbol: str
    glyph: str
    meaning: str


LOOKS = {
    "domain": Look("#0077b6", "#4aa8e6", "circle", "●", "trained here, on the domain corpus"),
    "generic": Look("#d55e00", "#f08a3c", "diamond", "◆", "trained here, on the generic corpus"),
    "pretrained": Look("#008f68", "#2fbf94", "triangle-up", "▲", "trained elsewhere"),
    "task": Look("#b5589a", "#dd86c4", "square", "■", "fitted on the task's own training texts"),
    "control": Look("#7d7d7d", "#999fa6", "x", "✕", "random vectors or shuffled labels: the floor"),
}
_FURTHER = (
    Look("#7a6fd0", "#a79ef0", "star", "★", "trained here, on a corpus of its own"),
    Look("#9a7a00", "#d0b040", "pentagon", "⬟", "trained here, on a corpus of its own"),
)


def in_order(origins: Iterable[str]) -> list[str]:
    """Sort origins into the order of every table and figure: trained here, trained elsewhere, the task's own, controls."""
    known = list(LOOKS)
    return sorted(set(origins), key=lambda origin: (known.index(origin) if origin in known else 1.5, origin))


DARK_COLORS = {each.color: each.dark_color for each in (*LOOKS.values(), *_FURTHER)}
"""For each color, what takes its place where the page is dark."""

INDEX_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
"""Of the lines of one embedding, which share its color."""
METHOD_DASHES = ("solid", "dot", "dashdot", "longdash", "dash", "longdashdot")


def look(origin: str) -> Look:
    """Find how an origin is drawn; further corpora of the user's get what is left, by the length of their name."""
    return LOOKS.get(origin) or _FURTHER[len(origin) % len(_FURTHER)]


TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif",
            "size": 13,
            "color": TEXT,
        },
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "font": {"size": 13}},
        "dragmode": False,
        "legend": {"orientation": "h", "yanchor": "top", "y": -0.2, "xanchor": "left", "x": 0},
        "xaxis": {
            "gridcolor": RULE,
            "linecolor": RULE,
            "zeroline": False,
            "automargin": True,
            "ticks": "",
            "title": {"standoff": 10, "font": {"size": 13}},
        },
        "yaxis": {
            "gridcolor": RULE,
            "linecolor": RULE,
            "zeroline": False,
            "automargin": True,
            "ticks": "",
            "title": {"standoff": 8, "font": {"size": 13}},
        },
        "annotationdefaults": {"font": {"size": 12}, "showarrow": False},
    }
)
