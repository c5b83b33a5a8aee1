"""Test texts with some of their words exchanged: what an embedding makes of a name, a pronoun or a spelling."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.corrupt.swap_lists import SHIPPED
from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import Finding, embedding
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.wording import write_difference, write_interval, write_value
from emb_pipeline.tasks.metrics.swap_names import ACCURACY, CHANGED, GAP, LOST, OF_FIRST, OF_SECOND, SAME_GAP, SWAPPED
from emb_pipeline.tasks.metrics.swap_scores import FEWEST_SWAPPED

_Row = Mapping[Hashable, Any]
_SHOWN = (CHANGED, ACCURACY, LOST, GAP, SAME_GAP)
_PAIRS = 3


def view(report: Report) -> dict[str, Any] | None:
    """Show for each task and list sentences, and a line for each embedding."""
    board = report.tables.leaderboard
    tasks = []
    for task in pick.tasks_of(board):
        own = board[board["task"] == task]
        lists = [str(metric).removeprefix(SWAPPED) for metric in own["metric"].unique() if str(metric).startswith(SWAPPED)]
        if lists:
            written = report.run.tasks.get(task, {}).get("evaluation", {}).get("swaps", {})
            tasks.append({"name": task, "lists": [_list(own, name, written.get(name)) for name in lists]})
    return {"tasks": tasks, "fewest": FEWEST_SWAPPED} if tasks else None


def _list(own: pd.DataFrame, name: str, written: Any) -> dict[str, Any]:
    values = {prefix: own[own["metric"] == f"{prefix}{name}"] for prefix in (*_SHOWN, SWAPPED, OF_FIRST, OF_SECOND)}
    n, n_first, n_second = (int(values[prefix]["value"].iloc[0]) for prefix in (SWAPPED, OF_FIRST, OF_SECOND))
    pairs = SHIPPED.get(name, ()) if written in (None, "shipped") else written
    shown = [prefix for prefix in _SHOWN if not values[prefix].empty]
    order = own.loc[own["primary"].astype(bool) & own["value"].notna(), ["embedding", "origin"]].to_dict("records")
    return {
        "name": name.replace("_", " "),
        "words": ", ".join(f"{first} and {second}" for first, second, *_ in pairs[:_PAIRS]),
        "firsts": ", ".join(dict.fromkeys(str(first) for first, *_ in pairs[:_PAIRS])),
        "seconds": ", ".join(dict.fromkeys(str(second) for _, second, *_ in pairs[:_PAIRS])),
        "counts": (n, n_first, n_second),
        "findings": describe_swap(values, n),
        "shown": shown,
        "lines": [_line(row, [values[prefix] for prefix in shown], shown) for row in order] if shown else [],
    }


def _line(row: _Row, tables: Sequence[pd.DataFrame], shown: Sequence[str]) -> dict[str, Any]:
    cells = []
    for prefix, table in zip(shown, tables, strict=True):
        found = table[table["embedding"] == row["embedding"]].to_dict("records")
        if not found:
            cells.append(("", ""))
            continue
        value, metric = found[0]["value"], str(found[0]["metric"])
        write = write_value if prefix in (CHANGED, ACCURACY) else write_difference
        cells.append((write(value, metric), write_interval(found[0]["ci_low"], found[0]["ci_high"], metric)))
    return {"embedding": row["embedding"], "origin": row["origin"], "cells": cells}


def describe_swap(values: Mapping[str, pd.DataFrame], n: int) -> list[Finding]:
    """Say how many predictions change, whether accuracy is lost, and whether one side has more errors.

    Parameters
    ----------
    values : mapping of str to DataFrame
        Rows of the leaderboard by the metric's prefix, of one task and list.
    n : int
        Test texts with a word of the list.
    """
    changed = _select(values[CHANGED])
    if changed.empty:
        text = Markup("{} test texts have such a word: too few, nothing is scored.").format(f"{n:,}")
        return [Finding(text, "warning")]
    least, most = changed.iloc[changed["value"].argmin()], changed.iloc[changed["value"].argmax()]
    text = Markup("Of {} texts with such a word, {} changes {} of its predictions, and {} changes {}.").format(
        f"{n:,}",
        embedding(least["embedding"]),
        write_value(least["value"], str(least["metric"])),
        embedding(most["embedding"]),
        write_value(most["value"], str(most["metric"])),
    )
    found = [Finding(text, "lead")]
    lost = _select(values[LOST])
    text = Markup("{} of {} embeddings lose accuracy, and {} gain: their interval leaves out zero.")
    losing, gaining = int((lost["ci_low"] > 0).sum()), int((lost["ci_high"] < 0).sum())
    found.append(Finding(text.format(losing, len(lost), gaining)))
    same = _select(values[SAME_GAP])
    if same.empty:
        text = Markup("No gap between the sides is scored: one of them has too few texts.")
        return [*found, Finding(text, "warning")]
    text = Markup("On the same texts {} of {} make more errors with words of the second side, and {} with the first.")
    second, first = int((same["ci_low"] > 0).sum()), int((same["ci_high"] < 0).sum())
    return [*found, Finding(text.format(second, len(same), first))]


def _select(rows: pd.DataFrame) -> pd.DataFrame:
    return pick.select_choosable(rows[rows["value"].notna()]).reset_index(drop=True)


SECTION = Section("swaps", "Exchanged words", view, heading="Does a name, a pronoun or a spelling change what is predicted?")
