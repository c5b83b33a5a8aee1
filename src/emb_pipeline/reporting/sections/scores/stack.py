"""Retrievers that are made of others: the gain of each over the best of its parts, its ceiling, and its costs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import Finding, embedding
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.wording import (
    NOTHING,
    name_metric,
    write_count,
    write_difference,
    write_interval,
    write_milliseconds,
    write_p,
    write_size,
    write_value,
)
from emb_pipeline.statistics.embedding_facts import BASES_SEPARATOR

_LATENCY = "latency_ms_p50"
_STACKED = tuple(name for name, method in METHODS.items() if method.bases is not None and "search" in method.supports)
"""Methods that make a retriever of others."""


def view(report: Report) -> dict[str, Any] | None:
    """Show for each task a line for each retriever that is made of others."""
    board = report.in_order(report.tables.leaderboard)
    stacked = board[board["method"].isin(_STACKED) & board["primary"] & board["value"].notna()]
    tasks = [_show_task(report, str(task), rows) for task, rows in stacked.groupby("task", sort=False)]
    return {"tasks": tasks} if tasks else None


def _show_task(report: Report, task: str, stacked: pd.DataFrame) -> dict[str, Any]:
    board = report.tables.leaderboard
    latencies = board[(board["task"] == task) & (board["metric"] == _LATENCY)].set_index("embedding")["value"].to_dict()
    effects = report.tables.effects
    gains = {
        name: find_gain(effects[(effects["task"] == task) & (effects["embedding_a"] == name)])
        for name in stacked["embedding"].tolist()
    }
    rows = stacked.sort_values(["pool_depth", "value"], ascending=[True, False], kind="stable").to_dict("records")
    metric = str(stacked["metric"].iloc[0])
    return {
        "task": task,
        "metric": name_metric(metric),
        "findings": [describe_gain(row, gains[row["embedding"]], report.run.level) for row in rows],
        "lines": [_line(row, gains[row["embedding"]], latencies.get(row["embedding"])) for row in rows],
    }


def find_gain(effects: pd.DataFrame) -> dict[Hashable, Any] | None:
    """Find the comparison of a retriever with the best of its parts; None where none of them was evaluated."""
    compared = effects[effects["value_b"].notna()].sort_values("value_b", ascending=False, kind="stable")
    return None if compared.empty else compared.iloc[0].to_dict()


def describe_gain(row: Mapping[Hashable, Any], gain: Mapping[Hashable, Any] | None, level: float) -> Finding:
    """Say whether a retriever is better than the best of its parts.

    Parameters
    ----------
    row : mapping
        Its row of the leaderboard.
    gain : mapping, optional
        Its effect against the best part.
    level : float
        Of the tests.
    """
    if gain is None:
        return Finding(Markup("{}: none of its parts was evaluated on this task.").format(embedding(row["embedding"])))
    verdict = {1: "is better than", -1: "is worse than", 0: "is not shown to differ from"}[pick.find_direction(gain, level)]
    return Finding(
        Markup("{} {} the best of its parts, {}: {} {}.").format(
            embedding(row["embedding"]),
            verdict,
            embedding(gain["embedding_b"]),
            write_difference(gain["difference"], gain["metric"]),
            write_interval(gain["ci_low"], gain["ci_high"], gain["metric"]),
        )
    )


def _line(row: Mapping[Hashable, Any], gain: Mapping[Hashable, Any] | None, latency: float | None) -> dict[str, Any]:
    metric = str(row["metric"])
    bases = row["bases"] if isinstance(row["bases"], str) else ""
    return {
        "embedding": row["embedding"],
        "origin": row["origin"],
        "parts": [part for part in bases.split(BASES_SEPARATOR) if part],
        "cells": [
            f"{write_value(row['value'], metric)} {write_interval(row['ci_low'], row['ci_high'], metric)}",
            NOTHING
            if gain is None
            else f"{write_difference(gain['difference'], metric)} {write_interval(gain['ci_low'], gain['ci_high'], metric)}",
            NOTHING if gain is None else write_p(gain["p_adjusted"]),
            NOTHING if pd.isna(row["pool_depth"]) else write_count(row["pool_depth"]),
            NOTHING if pd.isna(row["pool_ceiling"]) else write_value(row["pool_ceiling"], metric),
            write_milliseconds(latency),
            write_size(row["bytes_per_item"]),
        ],
    }


SECTION = Section("stack", "Retrievers made of others", view)
