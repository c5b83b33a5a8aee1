"""Cells that failed, for the page and the terminal."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting.findings import Finding, names
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.wording import (
    pluralize,
)


def view(report: Report) -> dict[str, Any] | None:
    """Show each embedding that failed with the tasks that it is missing from."""
    failed = failed_cells(report.tables.failures)
    return {"failed": failed} if failed else None


def failed_cells(failures: pd.DataFrame) -> list[dict[str, Any]]:
    """Make one entry per embedding and reason, with the tasks that it is missing from.

    Parameters
    ----------
    failures : DataFrame
        embedding, origin, task and reason; without a task where an embedding could not be made or diagnosed.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in failures.to_dict("records"):
        reason = str(row["reason"]).removeprefix("its training failed: ")
        key = str(row["embedding"]), reason
        entry = found.setdefault(key, {"embedding": key[0], "origin": str(row["origin"]), "tasks": [], "reason": reason})
        if isinstance(row["task"], str):
            entry["tasks"].append(row["task"])
    return list(found.values())


def describe_failures(failures: pd.DataFrame) -> Finding | None:
    """Say how many cells are missing from the page; None where none failed."""
    cells = failed_cells(failures)
    if not cells:
        return None
    failed = list(dict.fromkeys(entry["embedding"] for entry in cells))
    return Finding(
        Markup("<strong>{} failed</strong> ({}): <a href='#failed'>the reasons</a>. All other results are complete.").format(
            pluralize(len(failed), "embedding"), names(failed)
        ),
        "warning",
    )


def list_failures(failures: pd.DataFrame) -> list[str]:
    """Write the same for a terminal: a line per embedding and reason."""
    return [
        f"{entry['embedding']}{' on ' + ', '.join(entry['tasks']) if entry['tasks'] else ''} failed: {entry['reason']}"
        for entry in failed_cells(failures)
    ]


SECTION = Section("failed", "What failed", view)
