"""A section of the page, and what it is made from: the tables of the report, its run, and the figures that are drawn."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.families import group_variants
from emb_pipeline.reporting.names import Names, name_embeddings
from emb_pipeline.reporting.results import Result, find_margin, result
from emb_pipeline.reporting.run import Run
from emb_pipeline.statistics.leaderboard import CORPUS

if TYPE_CHECKING:
    from emb_pipeline.reporting.tables import ReportTables

DIGITS = 5
"""Significant digits of a number in a figure: a pixel is more than the sixth."""


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes
    ----------
    name : str
        Its anchor, and the file ``templates/<name>.html.j2`` that it is written with.
    title : str
        Its line in the table of contents.
    view : callable
        What its template shows, from the report; None where there is nothing to show. It is then left out. With ``folded``,
        the section is this one line until a reader opens it.
    heading : str
        Its heading; the title, if left out.
    markup : str
        Its template, in place of a file.
    """

    name: str
    title: str
    view: Callable[[Report], Mapping[str, Any] | None]
    heading: str = ""
    markup: str = ""


@dataclass(frozen=True, eq=False)
class Report:
    """Tables, run and figures that a section may look at.

    Attributes
    ----------
    tables : ReportTables
        The tables.
    run : Run
        The run that made them.
    figures : mapping of str to Figure
        Figures that nodes have drawn, by the name of their dataset without ``_figure``. A section draws what is missing.
    """

    tables: ReportTables
    run: Run
    figures: Mapping[str, go.Figure] = field(default_factory=dict)

    @cached_property
    def order(self) -> list[str]:
        """Tasks in the order of the experiment."""
        return [*map(str, self.run.tasks), *pick.tasks_of(self.tables.leaderboard)]

    @cached_property
    def names(self) -> Names:
        """Readable, short and technical name of each embedding, by the technical one."""
        return name_embeddings(self.tables.leaderboard, self.tables.embeddings, self.tables.failures)

    @cached_property
    def results(self) -> list[Result]:
        """Each task that has a value, with all that its sentences need."""
        tables = self.tables
        origins, audit = self.in_order(tables.effects_of(CORPUS)), self.in_order(tables.audit, "scope")
        return [
            result(
                task,
                tables.leaderboard,
                tables.comparisons,
                origins,
                audit,
                level=self.run.level,
                margin=find_margin(tables.decision, task),
            )
            for task in sorted(pick.tasks_of(tables.leaderboard), key=self.order.index)
        ]

    @cached_property
    def families(self) -> dict[str, str]:
        """Each embedding's family, whose rows a table folds under the first of them."""
        return group_variants(self.tables.leaderboard)

    def write_family(self, embedding: str) -> Markup:
        """Write a row's attribute ``data-family``, with ``data-copy`` for what is no choice; nothing without relatives."""
        number = self._family_numbers.get(self.families.get(embedding, ""))
        return (
            Markup("") if number is None else Markup(f' data-family="{number}"{" data-copy" * (embedding in self._copies)}')
        )

    @cached_property
    def _copies(self) -> set[str]:
        board = self.tables.leaderboard
        return set(board.loc[board["derivation"].isin(pick.CHANGED_TEXT), "embedding"])

    @cached_property
    def _family_numbers(self) -> dict[str, int]:
        sizes = Counter(self.families.values())
        return {family: number for number, family in enumerate(sizes) if sizes[family] > 1}

    def in_order(self, table: pd.DataFrame, column: str = "task") -> pd.DataFrame:
        """Sort rows by the place of a column's value in the order of tasks; what is not in it comes last."""
        return sort_by_place(table, column, self.order)

    def figure(self, name: str, draw: Callable[[], go.Figure]) -> go.Figure:
        """Take a figure that a node has drawn, or else draw it."""
        return self.figures.get(name) or draw()


@dataclass(frozen=True)
class Chart:
    """A figure and what stands for it where it cannot be seen."""

    identifier: str
    json: Markup
    height: int
    label: str
    caption: str
    task: str | None = None


def embed(figure: go.Figure, identifier: str, label: str, caption: str, *, task: str | None = None) -> Chart:
    """Make a figure a part of the page.

    Parameters
    ----------
    figure : Figure
        The figure.
    identifier : str
        Its name on the page.
    label, caption : str
        What a screen reader says of it, and what is written below it.
    task : str, optional
        The task that it belongs to: it is shown while that task is selected.
    """
    parts = figure.to_plotly_json()
    layout = {name: part for name, part in parts["layout"].items() if name != "template"}  # the page holds it once
    text = write_json({"data": parts["data"], "layout": layout})
    return Chart(f"figure-{anchor(identifier)}", text, int(figure.layout.height or 380), label, caption, task)


def write_json(value: Any) -> Markup:
    """Write JSON that a page can hold, without spaces, and with the digits of a number that a figure can show."""
    text = json.dumps(_round(value), separators=(",", ":"), ensure_ascii=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _round(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        shown = float(f"{value:.{DIGITS}g}")
        return int(shown) if shown.is_integer() else shown if math.isfinite(shown) else None
    if isinstance(value, Mapping):
        return {name: _round(each) for name, each in value.items()}
    return [_round(each) for each in value] if isinstance(value, list | tuple) else value


def anchor(text: str) -> str:
    """Turn a name into one that an address may hold."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") or "task"


def sort_by_place(table: pd.DataFrame, column: str, order: Sequence[str]) -> pd.DataFrame:
    """Sort rows by the place of a column's value in an order; what is not in it comes last."""
    place = {name: number for number, name in reversed(list(enumerate(order)))}
    if table.empty:
        return table
    return table.sort_values(column, key=lambda names: names.map(lambda name: place.get(name, len(order))), kind="stable")
