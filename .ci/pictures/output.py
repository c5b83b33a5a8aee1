"""Put the last lines of a run into the README."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from rich.console import Console

from emb_pipeline.reporting.console import write_decision
from emb_pipeline.reporting.tables import ReportTables

WIDTH, N_LINES = 100, 7
"""Columns of the terminal, and lines of the answer that are shown."""
_OPENING = "```text\n"
_TABLES = ("leaderboard", "comparisons", "decision", "relaxations", "learning_curves", "any_difference")
"""What an answer is written from."""


def write_output(read: Callable[[str], pd.DataFrame], task: str, report: str, readme: Path) -> None:
    """Replace the README's first block of text by the answer for a task, as the console shows it."""
    tables = {name: read(name) for name in _TABLES}
    of_task = ReportTables(**{name: table[table["task"] == task] for name, table in tables.items()})
    terminal = Console(width=300, file=io.StringIO(), record=True)
    terminal.print(write_decision(of_task))
    sentences = [line.strip() for line in terminal.export_text().splitlines() if line.strip()]
    lines = [line for sentence in sentences for line in textwrap.wrap(sentence, WIDTH)]
    page = readme.read_text(encoding="utf-8")
    start = page.index(_OPENING) + len(_OPENING)
    shown = "\n".join([*lines[:N_LINES], f"report   {report}"])
    readme.write_text(page[:start] + shown + page[page.index("\n```", start) :], encoding="utf-8")
