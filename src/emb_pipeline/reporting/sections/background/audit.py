"""Faults in the data."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping
from typing import Any

import pandas as pd

from emb_pipeline.reporting import wording
from emb_pipeline.reporting.section import Report, Section

_CLASS_LINE = re.compile(r"class\..+")
STATES = ("serious", "ceiling", "minor", "fact", "clean")
NOTABLE_SHARE = 0.01
"""Share from which a fault in the data is marked as serious."""


def view(report: Report) -> dict[str, Any]:
    """Show what was found in the data of each task and corpus, and what it changes to leave out what was seen before."""
    scopes = _audit(report.in_order(report.tables.audit, "scope"), report.order)
    without_seen = _show_without_seen(report.tables.without_seen)
    return {
        "scopes": scopes,
        "without_seen": without_seen,
        "rare_values": _show_rare_values(report.tables.rare_values),
        "folded": None
        if without_seen or not scopes or any(scope["serious"] for scope in scopes)
        else "Nothing serious was found",
    }


def _audit(audit: pd.DataFrame, tasks: Collection[str]) -> list[dict[str, Any]]:
    """Sort audit lines by scope: faults first and marked, what is fine behind them, sizes of single classes left out."""
    scopes = []
    for scope, part in [] if audit.empty else audit.groupby("scope", sort=False):
        lines = [
            {
                **row,
                "state": audit_state(row),
                "shown": str(row["check"]).replace("_", " "),
                "examples": _list_examples(row.get("examples")),
            }
            for row in part.to_dict("records")
            if not _CLASS_LINE.fullmatch(str(row["check"]))
        ]
        of_state = {state: [line for line in lines if line["state"] == state] for state in STATES}
        scopes.append(
            {
                "scope": str(scope),
                "is_task": str(scope) in tasks,
                "serious": of_state["serious"],
                "minor": [*of_state["ceiling"], *of_state["minor"]],
                "facts": of_state["fact"],
                "clean": [line["shown"] for line in of_state["clean"]],
                "summary": _summarize({state: len(found) for state, found in of_state.items()}),
            }
        )
    return scopes


def _summarize(counts: Mapping[str, int]) -> str:
    """Write the line of a fold: ``2 further findings, 9 checks without a finding, sizes``."""
    minor = counts["ceiling"] + counts["minor"]
    parts = [
        f"{wording.pluralize(minor, 'further finding')}" if minor else "",
        f"{wording.pluralize(counts['clean'], 'check')} without a finding" if counts["clean"] else "",
        "sizes" if counts["fact"] else "",
    ]
    text = ", ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def audit_state(row: Mapping[Hashable, Any]) -> str:
    """Say how an audit line is to be read: ``serious``, ``minor``, ``clean``, ``fact`` or ``ceiling``."""
    count, share, severity = row["count"], row["share"], row["severity"]
    if severity == "ceiling":
        return "ceiling" if pd.notna(share) and share < 0.9995 else "clean"
    if severity == "size":
        return "fact"
    if pd.isna(count) or count == 0:
        return "clean"
    return "serious" if severity == "fault" and pd.notna(share) and share >= NOTABLE_SHARE else "minor"


def _show_without_seen(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Show for each task a sentence, and a line for each embedding, best first."""
    found = {}
    for task, rows in table.groupby("task", sort=False):
        lines = []
        for row in rows.sort_values("value", ascending=False, kind="stable").to_dict("records"):
            metric = str(row["metric"])
            unseen, low, high = (wording.write_value(row[name], metric) for name in ("value_unseen", "ci_low", "ci_high"))
            cells = [
                wording.write_value(row["value"], metric),
                f"{unseen} [{low}, {high}]",
                wording.write_difference(row["difference"], metric),
            ]
            lines.append((str(row["embedding"]), row["origin"], cells))
        first = rows.iloc[0]
        n, n_seen = int(first["n"]), int(first["n_seen"])
        found[str(task)] = {
            "metric": wording.name_metric(str(first["metric"])),
            "sentence": f"{n_seen:,} of {n:,} test units ({wording.write_share(n_seen / n)}) have a text that was seen in "
            "training: a copy, a few words changed, or one inside the other.",
            "lines": lines,
        }
    return found


def _show_rare_values(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Show for each task the parts with their sizes, and a line for each embedding, the best on all test units first."""
    found = {}
    for task, rows in table.groupby("task", sort=False):
        metric = str(rows["metric"].iloc[0])
        sizes = rows.drop_duplicates("part").set_index("part")["n"]
        weighted = (rows["value"].astype(float) * rows["n"].astype(float)).groupby(rows["embedding"]).sum()
        lines = []
        for name in weighted.sort_values(ascending=False, kind="stable").index:
            own = rows[rows["embedding"] == name].set_index("part")
            lines.append(
                (str(name), own["origin"].iloc[0], [_write_interval(own.loc[part], metric) for part in sizes.index])
            )
        found[str(task)] = {
            "metric": wording.name_metric(metric),
            "parts": [f"{part} ({int(n):,} rows)" for part, n in sizes.items()],
            "lines": lines,
        }
    return found


def _write_interval(row: pd.Series, metric: str) -> str:
    value = wording.write_value(row["value"], metric)
    if pd.isna(row["ci_low"]):
        return value
    return f"{value} [{wording.write_value(row['ci_low'], metric)}, {wording.write_value(row['ci_high'], metric)}]"


def _list_examples(value: Any) -> list[str]:
    return [] if value is None or isinstance(value, float) else [str(each) for each in value]


SECTION = Section("audit", "Data audit", view)
