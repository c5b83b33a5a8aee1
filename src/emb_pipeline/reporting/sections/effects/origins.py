"""Effect of training on domain rather than generic text."""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.sections.effects.forest import draw_forest
from emb_pipeline.reporting.wording import write_count


def explain_missing_origins(leaderboard: pd.DataFrame) -> str:
    """Say why there is nothing to hold domain text against."""
    trained = set(leaderboard["origin"]) - {"task", "control", "pretrained"}
    if not trained:
        return "No embedding was trained on a corpus in this run."
    if "generic" not in trained:
        return "The grid has no generic corpus, so there is nothing to hold the domain's own text against."
    return "No method and dimension was trained on both corpora, so there is no matched pair."


def describe_sizes(corpora: pd.DataFrame) -> str:
    """Say that corpora differ in size, by more than a hundredth: then origin and size are mixed up; empty otherwise."""
    tokens = pd.Series(dtype=float) if corpora.empty else corpora["tokens"].dropna()
    if len(tokens) < 2 or tokens.max() <= 1.01 * tokens.min():
        return ""
    sizes = ", ".join(f"{row['corpus']} {write_count(row['tokens'])}" for row in corpora.to_dict("records"))
    return f"The corpora differ in size ({sizes} tokens), so their effect mixes content with amount."


def plot_origins(origins: pd.DataFrame, *, level: float = 0.05) -> go.Figure:
    """Draw a forest plot: what training on domain rather than generic text changes, by task, method and dimension.

    Parameters
    ----------
    origins : DataFrame
        Domain against generic; ``difference`` is domain minus generic. All rows are drawn, one panel per task and metric.
    level : float
        A difference whose p-value is at most this has the color of the better origin; others are gray.

    Returns
    -------
    Figure
        One panel per task and metric, each with a line at zero.
    """
    labels = [] if origins.empty else [escape(pick.name_pair(row)) for row in origins.to_dict("records")]
    return draw_forest(origins.assign(label=labels), "← generic is better   ·   domain is better →", level)
