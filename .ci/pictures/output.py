"""Put the last lines of a run into the README."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
from rich.console import Console

from emb_pipeline.reporting.console import draw_leaderboards

N_LINES = 6
"""Lines of the leaderboard that are shown: its title, its header, and the best embeddings."""
_OPENING = "```text\n"


def write_output(leaderboard: pd.DataFrame, task: str, report: str, readme: Path) -> None:
    """Replace the README's first block of text by what the console shows of one task, and by where the report is."""
    terminal = Console(width=100, file=io.StringIO(), record=True)
    terminal.print(draw_leaderboards(leaderboard[leaderboard["task"] == task]))
    lines = [line.rstrip() for line in terminal.export_text().splitlines() if line.strip()]
    shown = [*lines[:N_LINES], "…", f"report   {report}"]
    page = readme.read_text(encoding="utf-8")
    start = page.index(_OPENING) + len(_OPENING)
    readme.write_text(page[:start] + "\n".join(shown) + page[page.index("\n```", start) :], encoding="utf-8")
