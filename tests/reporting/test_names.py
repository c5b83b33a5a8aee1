"""What an embedding is called says nothing of what it is: the page takes origin and kind of corruption from columns."""

from __future__ import annotations

import pandas as pd
import pytest
from rich.padding import Padding
from rich.table import Table

from emb_pipeline.reporting.console import draw_leaderboards
from emb_pipeline.reporting.markdown import write_leaderboard
from emb_pipeline.reporting.registry import SECTIONS
from emb_pipeline.reporting.report import render_section
from emb_pipeline.reporting.section import Section
from tests.reporting.tiny import BASELINE, DENSE, OTHER, TINY, tiny_report

CONFUSING = {
    "control.random_100": "a.task_bm25_domain",
    DENSE: "control.shuffled_02",
    OTHER: "domain.word2vec_0100",
    BASELINE: "z.domain_2",
}
"""Names that look like others, each as long as the one that it replaces and in the same order: both move figures."""


def new_name(value: object) -> object:
    return CONFUSING.get(value, value) if isinstance(value, str) else value


def rename(table: pd.DataFrame) -> pd.DataFrame:
    return table.apply(lambda column: column.map(new_name))


def restore(text: str) -> str:
    for name, confusing in CONFUSING.items():
        text = text.replace(confusing, name)
    return text


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_names_that_look_like_others_change_nothing_on_the_page_but_themselves(section: Section) -> None:
    plain = render_section(section, tiny_report())
    renamed = render_section(section, tiny_report(**{name: rename(table) for name, table in TINY.items()}))
    assert plain is not None and renamed is not None
    assert restore(renamed) == plain


def test_controls_come_last_in_markdown_and_dim_on_the_console_whatever_they_are_called() -> None:
    board = rename(TINY["leaderboard"])
    assert restore(write_leaderboard(board)) == write_leaderboard(TINY["leaderboard"])
    assert styles(board) == styles(TINY["leaderboard"])


def styles(board: pd.DataFrame) -> list[object]:
    tables = [part.renderable for part in draw_leaderboards(board).renderables if isinstance(part, Padding)]
    return [row.style for table in tables if isinstance(table, Table) for row in table.rows]
