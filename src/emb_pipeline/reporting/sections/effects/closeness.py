"""Measures that need no task against scores on tasks, over embeddings: do they go together, and what would they save?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.diagnostics.intrinsic_measures import BIAS, DIMENSIONS, KNOWN_WORDS, NEIGHBORS, PURITY, TASK
from emb_pipeline.diagnostics.tables import PIP_LOSS
from emb_pipeline.reporting.drawing import ROW_HEIGHT, make_empty_figure, make_error_bars
from emb_pipeline.reporting.findings import Finding, code
from emb_pipeline.reporting.section import Report, Section, embed
from emb_pipeline.reporting.theme import INDEX_SYMBOLS, TEXT
from emb_pipeline.reporting.wording import NOTHING, name_metric, write_count, write_difference, write_distance, write_p
from emb_pipeline.statistics.closeness.rank_association import FEWEST_CLUSTERS
from emb_pipeline.statistics.closeness.table import OWN, POPULATIONS

_OF_CHECKS = {
    "similarity": "word similarity, {}",
    "analogies": "analogies, {}",
    BIAS: "size of the bias, {}",
    TASK: "score on {}",
}
_NAMED = {
    ("antonyms", "told from synonyms"): "synonyms closer than opposites",
    ("antonyms", "among the nearest ten"): "opposites among the nearest ten",
    ("synonyms", "among the nearest ten"): "synonyms among the nearest ten",
    (KNOWN_WORDS, ""): "known words of the test texts",
    (PIP_LOSS, ""): "PIP loss against the largest size",
    (NEIGHBORS, ""): "neighbors that other embeddings share",
    (DIMENSIONS, ""): "number of dimensions",
    (PURITY, ""): "label purity of training texts*",
}
_SHOWN = 3


def name_measure(measure: str, about: str) -> str:
    """Name a measure for people; a star marks one that uses labels."""
    return _NAMED.get((measure, about)) or _OF_CHECKS.get(measure, "{}").format(about or measure)


def view(report: Report) -> dict[str, Any] | None:
    """Show a figure of all measures and tasks, and for each task what the measures would have saved."""
    closeness = report.in_order(report.tables.closeness)
    if closeness.empty:
        return None
    savings = report.in_order(report.tables.closeness_savings)
    figure = report.figure("closeness", lambda: plot_closeness(closeness))
    return {
        "findings": describe_closeness(closeness, report.run.level),
        "figure": embed(
            figure,
            "closeness",
            "Rank correlation of each measure with the score on each task, over embeddings. The tables hold the same "
            "numbers.",
            "Right of zero, embeddings with better values score higher. Controls and copies of embeddings are left out. "
            "A star: the measure uses labels.",
        )
        if figure.data
        else None,
        "populations": POPULATIONS,
        "tasks": [
            {
                "name": task,
                "findings": describe_savings(savings[savings["task"] == task]),
                "lines": _list_lines(rows, savings[savings["task"] == task]),
            }
            for task, rows in closeness.groupby("task", sort=False)
        ],
        "fewest": FEWEST_CLUSTERS,
    }


def describe_closeness(closeness: pd.DataFrame, level: float) -> list[Finding]:
    """Say how many measures go with scores, and the surest of them."""
    own = closeness[closeness["population"] == OWN]
    tested = own[own["p_adjusted"].notna()]
    if tested.empty:
        reason = Markup("No correlation is tested: fewer than {} clusters of embeddings have any of the measures.")
        return [Finding(reason.format(FEWEST_CLUSTERS), "lead")]
    sure = tested[tested["p_adjusted"] <= level].sort_values("p_adjusted")
    sentence = Markup("Of {} correlations between a measure and a task, {} significant together.")
    found = [Finding(sentence.format(len(tested), f"{len(sure)} are" if len(sure) != 1 else "1 is"), "lead")]
    shown = sure if len(sure) else tested.sort_values("p")
    for row in shown.head(_SHOWN).to_dict("records"):
        text = Markup("{}: ρ = {} {} with the score on {}, over {} embeddings, adjusted {}.").format(
            _capitalize(_name(row)), *_write_rho(row), code(row["task"]), row["n"], write_p(float(row["p_adjusted"]))
        )
        found.append(Finding(text))
    return found


def describe_savings(savings: pd.DataFrame) -> list[Finding]:
    """Say what the measure that other tasks point to would have lost on this one."""
    rows = savings[savings["measure_by_others"] & savings["k_by_others"]]
    if rows.empty:
        return []
    row = rows.iloc[0].to_dict()
    metric = str(row["metric"])
    text = Markup(
        "The other tasks point to this measure: {}. Evaluating its first {} of {} embeddings loses {} here. As many by "
        "chance lose {}."
    ).format(
        _name(row),
        row["k"],
        row["n"],
        *(write_distance(max(float(row[name]), 0.0), metric) for name in ("loss", "loss_by_chance")),
    )
    return [Finding(text)]


def _list_lines(rows: pd.DataFrame, savings: pd.DataFrame) -> list[dict[str, Any]]:
    lines = []
    for (measure, about), part in rows.groupby(["measure", "about"], sort=False):
        of_population = {str(row["population"]): row for row in part.to_dict("records")}
        of_measure = savings[(savings["measure"] == measure) & (savings["about"] == about)]
        lines.append(
            {
                "name": name_measure(str(measure), str(about)),
                "cells": [_write_cell(of_population.get(population)) for population in POPULATIONS],
                "p": write_p(float(of_population[OWN]["p_adjusted"])) if OWN in of_population else "",
                "losses": [_write_loss(of_measure, k) for k in (1, 3, 5)],
            }
        )
    return lines


def _write_cell(row: Mapping[Hashable, Any] | None) -> tuple[str, str]:
    if row is None:
        return NOTHING, ""
    rho, interval = _write_rho(row)
    return rho, f"{interval} n = {write_count(row['n'])}".strip()


def _write_loss(savings: pd.DataFrame, k: int) -> tuple[str, str]:
    rows = savings[savings["k"] == k]
    if rows.empty:
        return NOTHING, ""
    row = rows.iloc[0]
    metric = str(row["metric"])
    return write_difference(-row["loss"], metric), f"by chance {write_difference(-row['loss_by_chance'], metric)}"


def _write_rho(row: Mapping[Hashable, Any]) -> tuple[str, str]:
    def write(value: float) -> str:
        return f"{value:.2f}".replace("-", "\u2212")

    interval = "" if pd.isna(row["ci_low"]) else f"[{write(row['ci_low'])}, {write(row['ci_high'])}]"
    return write(row["rho"]), interval


def _name(row: Mapping[Hashable, Any]) -> str:
    return name_measure(str(row["measure"]), str(row["about"]))


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def plot_closeness(closeness: pd.DataFrame) -> go.Figure:
    """Draw the rank correlation of each measure with each task, with its interval: a row for each measure.

    Parameters
    ----------
    closeness : DataFrame of `emb_pipeline.statistics.closeness.table.CLOSENESS`
        Rows of embeddings without controls and copies are drawn.
    """
    rows = closeness[closeness["population"] == OWN]
    if rows.empty:
        return make_empty_figure(height=120)
    rows = rows.assign(name=[_name(row) for row in rows.to_dict("records")])
    order = rows.groupby("name")["rho"].mean().sort_values(ascending=False, kind="stable").index.tolist()
    tasks = list(dict.fromkeys(rows["task"]))
    step = 0.6 / len(tasks)
    figure = make_empty_figure(height=60 + (ROW_HEIGHT + 6 * len(tasks)) * len(order))
    for number, task in enumerate(tasks):
        part = rows[rows["task"] == task]
        shift = step * (number - (len(tasks) - 1) / 2)
        figure.add_trace(
            go.Scatter(
                x=part["rho"].tolist(),
                y=[order.index(name) + shift for name in part["name"]],
                mode="markers",
                name=escape(str(task)),
                marker={"color": TEXT, "symbol": INDEX_SYMBOLS[number % len(INDEX_SYMBOLS)], "size": 9},
                error_x=make_error_bars(part, TEXT, "rho"),
                text=[_write_hover(row) for row in part.to_dict("records")],
                hoverinfo="text",
            )
        )
    figure.add_vline(x=0, line={"color": TEXT, "width": 1.5})
    figure.update_xaxes(title_text=f"Spearman’s ρ with the {_name_scores(rows)}", range=[-1.05, 1.05])
    return figure.update_yaxes(
        tickvals=list(range(len(order))), ticktext=[escape(name) for name in order], range=[len(order) - 0.4, -0.6]
    )


def _name_scores(rows: pd.DataFrame) -> str:
    metrics = list(dict.fromkeys(rows["metric"]))
    return escape(name_metric(str(metrics[0]))) if len(metrics) == 1 else "score on each task"


def _write_hover(row: Mapping[Hashable, Any]) -> str:
    rho, interval = _write_rho(row)
    return f"{escape(_name(row))}<br>{escape(str(row['task']))}: ρ = {rho} {interval}, {row['n']} embeddings"


SECTION = Section("closeness", "Closeness and scores", view, heading="Do closer vectors mean better scores?")
