"""The reference page of the readers says what the code says."""

from __future__ import annotations

from pathlib import Path

from emb_pipeline.tasks.examples.reader_page import COMMAND, reader_page

PAGE = Path(__file__).parents[3] / "docs" / "readers.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reader_page(), f"write it again: {COMMAND}"


def test_every_option_is_described() -> None:
    rows = [line.split(" | ") for line in reader_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert all(cells[-1].strip(" |") for cells in rows)
