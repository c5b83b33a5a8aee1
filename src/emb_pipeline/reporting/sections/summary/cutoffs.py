"""Answer or refuse: from which score on to answer, what that promises, and how much is then answered."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup
from scipy.special import expit

from emb_pipeline.reporting.findings import Finding, code, embedding
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.wording import (
    NOTHING,
    name_units,
    write_count,
    write_interval,
    write_share,
    write_value,
)
from emb_pipeline.statistics.cutoffs.cutoff import LOG_ODDS

_SCORE = "auroc"
"""Metric whose way of writing all shares here have: between 0 and 1."""

_LOWEST = -1e300


def view(report: Report) -> dict[str, Any] | None:
    """Show for each task a sentence on the first embedding, and a line for each."""
    cutoffs = report.in_order(report.tables.cutoffs)
    tasks = [_show_task(str(task), rows) for task, rows in cutoffs.groupby("task", sort=False)]
    return {"tasks": tasks} if tasks else None


def _show_task(task: str, rows: pd.DataFrame) -> dict[str, Any]:
    lines = rows.to_dict("records")
    first = lines[0]
    return {
        "name": task,
        "findings": describe_cutoff(first),
        "source": first["unanswerable"],
        "level": write_percent(float(first["level"])),
        "is_held_out": bool(rows["answered"].notna().any()),
        "lines": [_line(row) for row in lines],
    }


def _line(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    shares = {
        name: (write_share_of(row, name), write_interval_of(row, name)) for name in ("auroc", "recall", "right", "answered")
    }
    return {
        "embedding": row["embedding"],
        "origin": row["origin"],
        "measure": row["measure"],
        "threshold": NOTHING if not row["exists"] else write_threshold(float(row["threshold"]), row["measure"]),
        "bound": NOTHING if pd.isna(row["bound"]) else write_share(float(row["bound"])),
        "reason": row["reason"],
        **shares,
    }


def describe_cutoff(row: Mapping[Hashable, Any]) -> list[Finding]:
    """Say what the cut-off of one embedding promises, or why there is none.

    Parameters
    ----------
    row : mapping
        A row of the table ``cutoffs``.
    """
    level, name = write_percent(float(row["level"])), embedding(row["embedding"])
    if not row["exists"]:
        text = Markup("{}: no cut-off exists at a level of {}: {}.").format(name, level, row["reason"])
        return [Finding(text, "warning")]
    promise = Markup("{}: at most {} of unanswerable requests get an answer, at a recall of {} {}.").format(
        name, level, write_share_of(row, "recall"), write_interval_of(row, "recall")
    )
    how = Markup("It answers where its {} {} above {}. Of {} answerable {}, {} get a right answer.").format(
        code(row["measure"]),
        name_verb(row["measure"]),
        write_threshold(float(row["threshold"]), row["measure"]),
        write_count(row["n_recall"]),
        name_units(str(row["kind"])),
        write_share(float(row["right"])),
    )
    found = [Finding(promise, "lead"), Finding(how)]
    if float(row["bound"]) > 2 * float(row["level"]):
        text = Markup("{} unanswerable requests chose the cut-off, which is few: the share may be up to {}.").format(
            write_count(row["n_calibration"]), write_share(float(row["bound"]))
        )
        found.append(Finding(text, "warning"))
    return found


def write_threshold(threshold: float, measure: str) -> str:
    """Write a cut-off with four digits, of log-odds with the probability; −∞ where whatever is found is enough."""
    if threshold <= _LOWEST:
        return "\u2212\u221e"
    written = f"{threshold:.4g}".replace("-", "\u2212")
    return f"{written} (a probability of {_write_probability(threshold)})" if measure == LOG_ODDS else written


def name_verb(measure: str) -> str:
    """Name the verb that agrees with the name of a score."""
    return "are" if measure == LOG_ODDS else "is"


def _write_probability(log_odds: float) -> str:
    """Write a probability; near 1 by what is missing."""
    missing = float(expit(-log_odds))
    return (
        f"1 \u2212 {missing:.1g}".replace("e-0", "e\u2212").replace("e-", "e\u2212")
        if missing < 5e-6
        else f"{1 - missing:.{3 if missing > 5e-4 else 5}f}"
    )


def write_percent(level: float) -> str:
    """Write a level: ``5 %``."""
    return f"{100 * level:g}\u202f%"


def write_share_of(row: Mapping[Hashable, Any], name: str) -> str:
    """Write a share of a row between 0 and 1, as other scores are written."""
    return write_value(float(row[name]) if pd.notna(row[name]) else None, _SCORE)


def write_interval_of(row: Mapping[Hashable, Any], name: str) -> str:
    """Write its interval."""
    low, high = (float(row[f"{name}{end}"]) if pd.notna(row[f"{name}{end}"]) else None for end in ("_low", "_high"))
    return write_interval(low, high, _SCORE)


SECTION = Section("cutoffs", "Answer or refuse", view, heading="From which score on should a request be answered?")
