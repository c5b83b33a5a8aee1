"""The rounds of a budgeted run, for the page and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting.findings import Finding
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.wording import (
    name_metric,
    name_units,
    pluralize,
    write_interval,
    write_seconds,
    write_value,
)
from emb_pipeline.statistics.rounds import DROPPED


def view(report: Report) -> dict[str, Any] | None:
    """Show what was spent, the rounds of each task, and what was dropped when and why."""
    rounds = report.tables.rounds
    if rounds.empty:
        return None
    run = rounds.iloc[0]
    return {
        "is_decided": bool(run["is_decided"]),
        "reason": run["reason"],
        "budget": run["budget"],
        "spent": describe_spent(run),
        "full": describe_full(run),
        "level": f"{100 * run['level']:g}",
        "tasks": [_show_task(str(task), of_task) for task, of_task in rounds.groupby("task", sort=False)],
    }


def describe_spent(run: pd.Series[Any]) -> str:
    """Write what was spent until the last round."""
    return _join(write_seconds(run["spent_seconds"]), run["spent_usd"])


def describe_full(run: pd.Series[Any]) -> str:
    """Write what all embeddings on all test units would have taken."""
    return "" if pd.isna(run["full_seconds"]) else _join(write_seconds(run["full_seconds"]), run["full_usd"])


def _join(seconds: str, usd: float) -> str:
    return seconds if pd.isna(usd) or not usd else f"{seconds} and ${usd:.2f}"


def _show_task(task: str, rounds: pd.DataFrame) -> dict[str, Any]:
    kind, metric = str(rounds["kind"].iloc[0]), str(rounds["metric"].iloc[0])
    last = rounds[rounds["round"] == rounds["round"].max()]
    return {
        "name": task,
        "metric": name_metric(metric),
        "units": name_units(kind),
        "rounds": [_describe_round(number, of_round, kind) for number, of_round in rounds.groupby("round")],
        "dropped": [_show_row(row, metric) for row in rounds[rounds["state"] == DROPPED].to_dict("records")],
        "remains": [_show_row(row, metric) for row in last[last["state"] != DROPPED].to_dict("records")],
    }


def _describe_round(number: Any, of_round: pd.DataFrame, kind: str) -> str:
    first, n_dropped = of_round.iloc[0], int((of_round["state"] == DROPPED).sum())
    scored = f"{len(of_round)} embeddings on {first['n']:,} of {first['of']:,} {name_units(kind)}"
    return f"Round {number}: {scored}{_describe_search(of_round)}; {n_dropped} dropped."


def _describe_search(of_round: pd.DataFrame) -> str:
    """Say how many passages were searched, and by how many embeddings all of them."""
    of, is_all = int(of_round["of_passages"].max()), of_round["passages"] == of_round["of_passages"]
    if not of:
        return ""
    if is_all.all():
        return f", among all {of:,} passages"
    part = f", among {of_round.loc[~is_all, 'passages'].iloc[0]:,} of {of:,} passages"
    return f"{part}, {is_all.sum()} of them among all" if is_all.any() else part


def _show_row(row: Mapping[Any, Any], metric: str) -> dict[str, Any]:
    return {
        "embedding": str(row["embedding"]),
        "origin": str(row["origin"]),
        "round": int(row["round"]),
        "n": f"{row['n']:,} of {row['of']:,}",
        "value": write_value(row["value"], metric),
        "interval": write_interval(row["low"], row["high"], metric),
        "best": str(row["best"]),
        "best_value": write_value(row["best_value"], metric),
        "behind": write_value(row["behind"], metric),
    }


def describe_rounds(rounds: pd.DataFrame) -> Finding | None:
    """Say that embeddings were dropped before the end, and whether that decided; None of a plain run."""
    if rounds.empty:
        return None
    run, n_dropped = rounds.iloc[0], int((rounds["state"] == DROPPED).sum())
    if not run["is_decided"]:
        text = Markup(
            "<strong>Not decided within {}</strong>: {}. All scores are of <a href='#chosen'>a part of the test units</a>."
        )
        return Finding(text.format(run["budget"], run["reason"]), "warning")
    text = Markup("<strong>Chosen under a budget</strong> of {}: {} left out <a href='#chosen'>before the end</a>.")
    return Finding(
        text.format(run["budget"], f"{pluralize(n_dropped, 'evaluation')} {'was' if n_dropped == 1 else 'were'}"), "plain"
    )


def list_rounds(rounds: pd.DataFrame) -> list[str]:
    """Write for a terminal what a budgeted run chose by, and what it dropped."""
    if rounds.empty:
        return []
    run = rounds.iloc[0]
    lines = [f"chosen under a budget of {run['budget']}: {describe_spent(run)} until the last round"]
    for task, of_task in rounds.groupby("task", sort=False):
        dropped = of_task[of_task["state"] == DROPPED]
        lines.append(f"{task}: {len(dropped)} of {of_task['embedding'].nunique()} embeddings were dropped")
    if not run["is_decided"]:
        lines.append(f"not decided: {run['reason']}; scores are those of a part of the test units")
    return lines


SECTION = Section("chosen", "Chosen under a budget", view)
