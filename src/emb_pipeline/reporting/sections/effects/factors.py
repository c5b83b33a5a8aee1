"""Changes by corpus, method and dimension on average over the grid, in sentences and as a forest plot."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting import wording
from emb_pipeline.reporting.findings import Finding
from emb_pipeline.reporting.sections.effects.forest import draw_forest
from emb_pipeline.reporting.wording import (
    pluralize,
    write_difference,
    write_distance,
    write_interval,
    write_share,
)

_Row = Mapping[Hashable, Any]
WHOLE_GRID = "corpus × embedding"
OF_ANY_TASK = "accuracy"
"""How differences of several metrics are written: in hundredths, as those of accuracy are."""
_NAMED = 3


def word_verdicts(row: _Row) -> dict[int, str]:
    """Name the better of two levels, by direction."""
    return {1: str(row["level_a"]), -1: str(row["level_b"]), 0: "no significant difference"}


def build_row_across_tasks(row: Mapping[Hashable, Any], level: float) -> dict[str, Any]:
    """Write a change on average over tasks."""
    metric = OF_ANY_TASK
    return {
        "name": factor_label(row),
        "design": row["design"],
        "cells": [
            wording.write_count(row["tasks"]),
            wording.write_difference(row["difference"], metric).removesuffix(" points"),
            wording.write_interval(row["ci_low"], row["ci_high"], metric),
            wording.write_p(row["p_adjusted"]),
            wording.write_interval(row["sample_low"], row["sample_high"], metric),
            wording.write_share(row["i_squared"]),
            f"{wording.write_difference(row['lowest'], metric).removesuffix(' points')} ({row['lowest_task']})",
            f"{wording.write_difference(row['highest'], metric).removesuffix(' points')} ({row['highest_task']})",
        ],
        "is_significant": bool(pick.find_direction(row, level)),
    }


def describe_factors(shares: pd.DataFrame, effects: pd.DataFrame, level: float) -> list[Finding]:
    """Say what explains the differences between the trained embeddings of a task, and what the corpus changes on average.

    Parameters
    ----------
    shares, effects : DataFrame
        A task's rows of `emb_pipeline.statistics.effects.factorial`.
    level : float
        Error rate of the tests.
    """
    whole = shares[shares["design"] == WHOLE_GRID]
    overall = effects[(effects["design"] == WHOLE_GRID) & (effects["factor"] == "corpus") & (effects["within"] == "")]
    return [
        *(_change(row, level) for row in overall.to_dict("records")),
        *_describe_interactions(effects[effects["instead_of"] != ""], level),
        *([_describe_shares(whole)] if len(whole) else []),
    ]


def describe_average_effects(across: pd.DataFrame, level: float) -> list[Finding]:
    """Say what the corpus changes on average over tasks, and whether that depends on the task.

    Parameters
    ----------
    across : DataFrame
        Of `emb_pipeline.statistics.effects.across_tasks.effects_across_tasks`.
    level : float
        Error rate of the tests.
    """
    overall = across[(across["design"] == WHOLE_GRID) & (across["factor"] == "corpus") & (across["within"] == "")]
    return [_average(row, level) for row in overall.to_dict("records")]


def _average(row: Mapping[Hashable, Any], level: float) -> Finding:
    note = "" if pick.find_direction(row, level) else ", which is not significant"
    sentence = Markup(
        "<strong>{} instead of {} text, over all tasks: {} {}</strong> on average over {}{}. "
        "It goes from {} ({}) to {} ({}). {} For other tasks of this sort, the average is in {}."
    )
    depends = (
        f"It depends on the task: {write_share(row['i_squared'])} of the spread is more than chance (I²)."
        if row["heterogeneity_p"] <= level
        else "Whether it depends on the task is inconclusive."
    )
    return Finding(
        sentence.format(
            str(row["level_a"]).capitalize(),
            row["level_b"],
            write_difference(row["difference"], OF_ANY_TASK),
            write_interval(row["ci_low"], row["ci_high"], OF_ANY_TASK),
            pluralize(int(row["tasks"]), "task"),
            note,
            write_difference(row["lowest"], OF_ANY_TASK),
            row["lowest_task"],
            write_difference(row["highest"], OF_ANY_TASK),
            row["highest_task"],
            depends,
            write_interval(row["sample_low"], row["sample_high"], OF_ANY_TASK),
        ),
        "lead",
    )


def _describe_interactions(rows: pd.DataFrame, level: float) -> list[Finding]:
    """Say where the effect of the corpus depends on method or dimension."""
    if rows.empty:
        return []
    largest = rows.sort_values("difference", key=lambda differences: -differences.abs())
    significant = [row for row in largest.to_dict("records") if pick.find_direction(row, level)]
    if significant:
        rest = "" if len(significant) <= _NAMED else f" {len(significant) - _NAMED} more differ, too."
        found = " ".join(f"It is {_write_interaction(row)}." for row in significant[:_NAMED])
        return [Finding(Markup("The effect of the corpus depends on what is trained on it. {}{}").format(found, rest))]
    sentence = Markup(
        "No significant sign that the effect of the corpus depends on method or dimension ({}). "
        "The largest may be chance: {}."
    )
    return [Finding(sentence.format(pluralize(len(rows), "interaction"), _write_interaction(largest.iloc[0].to_dict())))]


def _write_interaction(row: Mapping[Hashable, Any]) -> str:
    """Write an interaction.

    ``3.1 points [1.0, 5.2] higher with glove than with word2vec (domain − generic, corpus × method at 100)``
    """
    here, there = (str(row[name]).partition(" = ")[2] for name in ("within", "instead_of"))
    low, high = row["ci_low"], row["ci_high"]
    if row["difference"] < 0:
        here, there, low, high = there, here, -high, -low
    amount = f"{write_distance(row['difference'], row['metric'])} {write_interval(low, high, row['metric'])}"
    return f"{amount} higher with {here} than with {there} ({row['level_a']} − {row['level_b']}, {row['design']})"


def _change(row: Mapping[Hashable, Any], level: float) -> Finding:
    note = "" if pick.find_direction(row, level) else ", which is not significant"
    sentence = Markup("<strong>{} instead of {} text: {} {}</strong> on average over {} embeddings{}.")
    change = write_difference(row["difference"], row["metric"])
    bounds = write_interval(row["ci_low"], row["ci_high"], row["metric"])
    return Finding(
        sentence.format(str(row["level_a"]).capitalize(), row["level_b"], change, bounds, row["pairs"], note), "lead"
    )


def _describe_shares(shares: pd.DataFrame) -> Finding:
    parts = [
        f"{str(row['term'])[:1].upper()}{str(row['term'])[1:]}: {write_share(row['share'])}{_write_share_interval(row)}, "
        f"a spread of {write_distance(row['spread'], row['metric'])}."
        for row in shares.to_dict("records")
    ]
    return Finding(Markup("Shares of the differences between trained embeddings. {}").format(" ".join(parts)))


def _write_share_interval(row: Mapping[Hashable, Any]) -> str:
    return "" if pd.isna(row["ci_low"]) else f" [{write_share(row['ci_low'])}, {write_share(row['ci_high'])}]"


def plot_factors(effects: pd.DataFrame, *, level: float = 0.05) -> go.Figure:
    """Draw a forest plot: what one level of a factor changes against another, on average over the rest of the grid.

    Parameters
    ----------
    effects : DataFrame
        Of `emb_pipeline.statistics.effects.factorial.factor_effects`, for all tasks: rows of `overall_effects`.
    level : float
        A difference whose adjusted p is at most this has a color.

    Returns
    -------
    Figure
        One panel per task and metric, each with a line at zero.
    """
    return draw_forest(
        effects.assign(label=[escape(factor_label(row)) for row in effects.to_dict("records")]),
        "← the second is better   ·   the first is better →",
        level,
    )


def overall_effects(effects: pd.DataFrame) -> pd.DataFrame:
    """Select rows that hold over the whole of a crossing; the leaderboard holds single embeddings against each other."""
    return effects[(effects["within"] == "") & (effects["factor"] != "embedding")]


def factor_label(row: _Row) -> str:
    """Name a contrast.

    ``domain − generic (6 embeddings)``, ``word2vec − glove (at 100)``, ``domain − generic (glove − word2vec)``
    """
    where = str(row["design"]).partition(" × ")[2]
    scope = where.removeprefix("method ").removeprefix("dimension ")
    if where == "embedding":
        scope = f"{row['pairs']} embeddings" if "pairs" in row else "whole grid"
    if row.get("instead_of"):
        scope = " − ".join(str(row[name]).partition(" = ")[2] for name in ("within", "instead_of"))
    return f"{row['level_a']} − {row['level_b']} ({scope})"
