"""A section of the page, and what it is made from: the tables of the report, its run, and the figures that are drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.io import to_json

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.names import Names, name_embeddings
from emb_pipeline.reporting.results import Result, find_margin, result
from emb_pipeline.reporting.run import Run
from emb_pipeline.statistics.leaderboard import CORPUS

if TYPE_CHECKING:
    from emb_pipeline.reporting.tables import ReportTables


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
        What its template shows, from the report; None where there is nothing to show. It is then left out.
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
    text = to_json(figure).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Chart(f"figure-{anchor(identifier)}", Markup(text), int(figure.layout.height or 380), label, caption, task)


def anchor(text: str) -> str:
    """Turn a name into one that an address may hold."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") or "task"


def sort_by_place(table: pd.DataFrame, column: str, order: Sequence[str]) -> pd.DataFrame:
    """Sort rows by the place of a column's value in an order; what is not in it comes last."""
    place = {name: number for number, name in reversed(list(enumerate(order)))}
    if table.empty:
        return table
    return table.sort_values(column, key=lambda names: names.map(lambda name: place.get(name, len(order))), kind="stable")
