"""The leaderboard for the terminal."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.section import Report
from emb_pipeline.reporting.sections.summary.chosen import list_rounds
from emb_pipeline.reporting.sections.summary.coverage import describe_coverage, describe_cut_texts
from emb_pipeline.reporting.sections.summary.deploy import describe_decision
from emb_pipeline.reporting.sections.summary.failed import list_failures
from emb_pipeline.reporting.sections.summary.recommendation import recommend_all
from emb_pipeline.reporting.tables import ReportTables
from emb_pipeline.reporting.wording import name_metric, name_units, write_interval, write_seconds, write_value

_LONGEST_NAME, _MOST_ROWS = 38, 60


def draw_leaderboards(leaderboard: pd.DataFrame) -> Group:
    """Draw one compact table per task, best first, at most 100 columns wide.

    Parameters
    ----------
    leaderboard : DataFrame
        The report's table.

    Returns
    -------
    Group
        For ``rich.print``. Embeddings that share a letter are not significantly different.
    """
    parts: list[Padding | Text] = []
    for task in pick.tasks_of(leaderboard):
        parts.append(Padding(_build_task_table(leaderboard, task), (1, 0, 0, 0)))
        warning = describe_coverage(pick.select_primary(leaderboard, task))
        if warning is not None:
            parts.append(Text(Markup(warning.text).striptags(), style="yellow"))
        cut = describe_cut_texts(pick.select_primary(leaderboard, task))
        if cut is not None:
            parts.append(Text(Markup(cut.text).striptags(), style="dim"))
    return Group(*parts)


def write_decision(tables: ReportTables) -> Group:
    """Write what to deploy, in the report's sentences."""
    report = Report(tables, Run(""))
    answers = dict(recommend_all(report))
    decided = dict(describe_decision(tables.decision, tables.relaxations, tables.joint_choice))
    lines = []
    for task in [*answers, *(name for name in decided if name not in answers)]:
        lines.append(Text(f"\nwhat to deploy: {task}", style="bold"))
        if task in answers:
            lines.append(Text(report.names.write_text(answers[task].headline)))
            lines += [Text(f"{label}: {report.names.write_text(text)}") for label, text in answers[task].lines()]
        lines += [Text(report.names.write_text(each.text)) for each in decided.get(task, ())[task in answers :]]
    return Group(*lines)


def write_failures(failures: pd.DataFrame) -> Group:
    """Write what failed, and why."""
    return Group(*(Text(f"\n{line}", style="bold red") for line in list_failures(failures)))


def write_rounds(rounds: pd.DataFrame) -> Group:
    """Write what a budgeted run dropped, and whether it could decide."""
    return Group(*(Text(f"\n{line}" if number == 0 else line) for number, line in enumerate(list_rounds(rounds))))


def _build_task_table(leaderboard: pd.DataFrame, task: str) -> Table:
    rows = pick.select_primary(leaderboard, task)
    metric, kind = str(rows["metric"].iloc[0]), str(rows["kind"].iloc[0])
    n = rows["n"].dropna()
    size = f" ({int(n.iloc[0]):,} {name_units(kind)})" if not n.empty else ""
    table = Table(
        title=Text(f"{task}{size}"), title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    table.add_column("embedding", no_wrap=True, overflow="ellipsis", max_width=_LONGEST_NAME)
    table.add_column(name_metric(metric), justify="right", no_wrap=True)
    table.add_column("interval", no_wrap=True, style="dim")
    table.add_column("letters", no_wrap=True, overflow="ellipsis", max_width=8)
    table.add_column("train", justify="right", no_wrap=True)
    table.add_column("encode", justify="right", no_wrap=True)
    best = pick.split_letters(rows["letters"].iloc[0])
    for row in rows.head(_MOST_ROWS).to_dict("records"):
        letters = row["letters"] if isinstance(row["letters"], str) else ""
        leads = bool(best & pick.split_letters(letters)) and not pick.is_control(str(row["origin"]))
        style = "bold" if leads else "dim" if pick.is_control(str(row["origin"])) else ""
        cells = (
            row["embedding"],
            write_value(row["value"], metric),
            write_interval(row["ci_low"], row["ci_high"], metric),
            letters,
            write_seconds(row["train_seconds"]),
            write_seconds(row["encode_seconds"]),
        )
        table.add_row(*(Text(str(cell)) for cell in cells), style=style)
    if len(rows) > _MOST_ROWS:
        table.caption = Text(f"{len(rows) - _MOST_ROWS:,} more are in leaderboard.parquet", style="dim")
        table.caption_justify = "left"
    return table
