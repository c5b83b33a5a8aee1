"""The leaderboard in the terminal."""

from __future__ import annotations

import io

from rich.console import Console

from emb_pipeline.reporting.console import draw_leaderboards
from tests.reporting.conftest import Tables, leaderboard


def printed(board: object, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(board)
    return console.file.getvalue().replace("\u202f", " ")  # type: ignore[attr-defined]


def test_every_task_has_its_table_best_first(tables: Tables) -> None:
    text = printed(draw_leaderboards(tables["leaderboard"]))
    assert "topic (300 test items)" in text and "search (60 queries)" in text
    assert text.index("task.tfidf") < text.index("domain.word2vec_50")
    line = next(line for line in text.splitlines() if line.startswith("task.tfidf"))
    assert line.split() == ["task.tfidf", "75.6", "%", "[74.1,", "77.1]", "a", "0", "s", "1.50", "s"]


def test_long_names_and_many_letters_fit_into_a_hundred_columns() -> None:
    board = leaderboard({"pretrained." + "very_long_name_" * 5 + "300": 0.7, "task.tfidf": 0.6})
    board["letters"] = "abcdefghijklmnopqrstuvwxyz"
    assert max(map(len, printed(draw_leaderboards(board)).splitlines())) <= 100
    assert "[68.5, 71.5]" in printed(draw_leaderboards(board))


def test_names_are_not_read_as_console_markup() -> None:
    assert "task.[red]x[/red]" in printed(draw_leaderboards(leaderboard({"task.[red]x[/red]": 0.7})))
