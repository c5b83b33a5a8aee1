"""Effect of training on domain rather than generic text."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.section import Report, Section, embed
from emb_pipeline.reporting.sections.effects.forest import describe_effect, draw_forest
from emb_pipeline.statistics.leaderboard import CORPUS


def view(report: Report) -> dict[str, Any]:
    """Show each matched pair of a domain and a generic embedding; where there is none, say why."""
    tables, level = report.tables, report.run.level
    effects = tables.effects_of(CORPUS)
    shown = {"corpora": tables.corpora.to_dict("records"), "corpora_differ": _differ_in_size(tables.corpora)}
    if effects.empty:
        return {**shown, "lines": [], "missing": _explain_missing_origins(tables.leaderboard)}
    ordered = report.in_order(effects)
    verdicts = {1: "domain", -1: "generic", 0: "no significant difference"}
    return {
        **shown,
        "lines": [
            {**describe_effect(row, level, verdicts), "name": pick.name_pair(row)} for row in ordered.to_dict("records")
        ],
        "figure": embed(
            report.figure("origins", lambda: plot_origins(ordered, level=level)),
            "origins",
            "Difference between domain and generic embeddings with intervals, by task, method and dimension. The "
            "table below holds the same numbers.",
            "Each point: the same method and dimension, trained on domain text minus trained on generic text.",
        ),
        "adjusted": "p_adjusted" in ordered,
    }


def _explain_missing_origins(leaderboard: pd.DataFrame) -> str:
    trained = set(leaderboard["origin"]) - {"task", "control", "pretrained"}
    if not trained:
        return "No embedding was trained on a corpus in this run."
    if "generic" not in trained:
        return "The grid has no generic corpus, so there is nothing to hold the domain's own text against."
    return "No method and dimension was trained on both corpora, so there is no matched pair."


def _differ_in_size(corpora: pd.DataFrame) -> bool:
    """Say whether a corpus has more than a hundredth more tokens than another: then origin and size are mixed up."""
    tokens = pd.Series(dtype=float) if corpora.empty else corpora["tokens"].dropna()
    return len(tokens) > 1 and tokens.max() > 1.01 * tokens.min()


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


SECTION = Section("origins", "Domain or generic", view, heading="Domain against generic")
