"""The leaderboard as a Markdown table, to paste into a README, an issue or a paper.

python -m emb_pipeline.reporting.markdown data/08_reporting/medical [--tasks diagnosis condition] [--effects fine_tuning]
python -m emb_pipeline.reporting.markdown data/08_reporting/medical --answer
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.names import Names, mark
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.section import Report
from emb_pipeline.reporting.sections.summary.deploy import describe_decision
from emb_pipeline.reporting.sections.summary.recommendation import recommend_all
from emb_pipeline.reporting.tables import ReportTables
from emb_pipeline.reporting.wording import (
    is_percent,
    name_metric,
    write_code,
    write_difference,
    write_interval,
    write_value,
)

OF_ANSWER = ("leaderboard", "decision", "relaxations", "joint_choice", "comparisons", "learning_curves")
"""The tables that the answer is written from."""


def write_leaderboard(leaderboard: pd.DataFrame, tasks: Sequence[str] | None = None) -> str:
    """Write one row per embedding and one column per task: value, interval and letters of the primary metric.

    Parameters
    ----------
    leaderboard : DataFrame
        The report's table. Further training seeds are averaged into their embedding.
    tasks : sequence of str, optional
        Tasks to show, in this order; all if left out.

    Returns
    -------
    str
        Rows in order of their mean rank over the tasks that they have a value on, controls last.

    Raises
    ------
    ValueError
        A task that the leaderboard does not have.
    """
    known = pick.tasks_of(leaderboard)
    shown = list(tasks or known)
    if unknown := [task for task in shown if task not in known]:
        raise ValueError(f"the leaderboard has no task {unknown[0]!r}; it has {', '.join(known)}")
    best_first = {task: pick.average_seeds(pick.select_primary(leaderboard, task)) for task in shown}
    head = [f"{_name(task)}, {_scale(str(rows['metric'].iloc[0]))}" for task, rows in best_first.items()]
    lines = ["| embedding | " + " | ".join(head) + " |", "|---|" + "---:|" * len(shown)]
    cells = {
        task: {str(row["embedding"]): _write_cell(row) for row in rows.to_dict("records")}
        for task, rows in best_first.items()
    }
    for embedding in _sort_by_rank(list(best_first.values())):
        lines.append(f"| {_name(embedding)} | " + " | ".join(cells[task].get(embedding, "") for task in shown) + " |")
    return "\n".join(lines)


def write_effects(effects: pd.DataFrame, factor: str, tasks: Sequence[str]) -> str:
    """Write one row per matched pair of embeddings that differ in one factor alone, and one column per task.

    Parameters
    ----------
    effects : DataFrame
        The report's table ``effects``.
    factor : str
        Which of its factors.
    tasks : sequence of str
        Tasks to show, in this order.

    Returns
    -------
    str
        First minus second, with interval; bold where the adjusted p-value is at most 5 %.
    """
    rows = effects[(effects["factor"] == factor) & effects["task"].isin(tasks)]
    lines = ["| first | second | " + " | ".join(map(_name, tasks)) + " |", "|---|---|" + "---:|" * len(tasks)]
    for (first, second), pair in rows.groupby(["embedding_a", "embedding_b"], sort=False):
        found = {str(row["task"]): row for row in pair.to_dict("records")}
        cells = []
        for task in tasks:
            row = found.get(task)
            if row is None:
                cells.append("")
                continue
            metric = str(row["metric"])
            difference = write_difference(row["difference"], metric).removesuffix(" points")
            text = f"{difference} {write_interval(row['ci_low'], row['ci_high'], metric)}"
            cells.append(f"**{text}**" if row["p_adjusted"] <= 0.05 else text)
        lines.append(f"| {_name(first)} | {_name(second)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_answer(tables: ReportTables, *, n_rows: int = 8) -> str:
    """Write the answer of a run: for each task what to deploy, and the highest scores; for a pull request, say.

    Parameters
    ----------
    tables : ReportTables
        What was found; what is missing is not said.
    n_rows : int
        Embeddings to show of each task, at most.
    """
    report = Report(tables, Run(""))
    answers = dict(recommend_all(report))
    decided = dict(describe_decision(tables.decision, tables.relaxations, tables.joint_choice))
    lines: list[str] = []
    for task in [*answers, *(name for name in decided if name not in answers)]:
        lines += [f"## {task}", ""]
        if task in answers:
            lines += [report.names.write_markdown(answers[task].headline), ""]
            lines += [f"- **{label}**: {report.names.write_markdown(text)}" for label, text in answers[task].lines()]
        lines += [f"- {report.names.write_markdown(each.text)}" for each in decided.get(task, ())]
        if task in answers:
            lines += ["", *_write_highest(tables.leaderboard, task, n_rows, report.names), ""]
    return "\n".join(lines).strip() + "\n"


def _write_highest(leaderboard: pd.DataFrame, task: str, n_rows: int, names: Names) -> list[str]:
    rows = pick.average_seeds(pick.select_primary(leaderboard, task))
    scores = [
        f"| {_write_in_cell(names.write_markdown(mark(row['embedding'])))} | {_write_cell(row)} |"
        for row in rows.head(n_rows).to_dict("records")
    ]
    more = ["", f"and {len(rows) - n_rows} more"] if len(rows) > n_rows else []
    return [f"| embedding | {_scale(str(rows['metric'].iloc[0]))} |", "|---|---:|", *scores, *more]


def _write_in_cell(text: str) -> str:
    """Write text in a table: a vertical bar would start another cell."""
    return text.replace("|", "\\|")


def newest(folder: Path, name: str) -> pd.DataFrame:
    """Read the newest version of a table of the report.

    Raises
    ------
    FileNotFoundError
        The use case has no such table yet.
    """
    versions = sorted(folder.glob(f"{name}.parquet/*/{name}.parquet"))
    if (folder / f"{name}.parquet").is_file():
        return pd.read_parquet(folder / f"{name}.parquet")
    if not versions:
        raise FileNotFoundError(f"{folder} holds no {name}: run the use case first")
    return pd.read_parquet(versions[-1])


def _sort_by_rank(tables: Sequence[pd.DataFrame]) -> list[str]:
    ranks: dict[str, list[float]] = {}
    controls: set[str] = set()
    for rows in tables:
        controls.update(rows.loc[rows["origin"] == pick.CONTROL, "embedding"])
        for place, embedding in enumerate(rows["embedding"]):
            ranks.setdefault(str(embedding), []).append(place / len(rows))
    return sorted(ranks, key=lambda name: (name in controls, sum(ranks[name]) / len(ranks[name]), name))


def _write_cell(row: Mapping[Hashable, Any]) -> str:
    metric = str(row["metric"])
    value = write_value(row["value"], metric).split("\u202f")[0]
    letters = row["letters"] if isinstance(row["letters"], str) else ""
    return " ".join(filter(None, (value, write_interval(row["ci_low"], row["ci_high"], metric), letters)))


def _name(text: object) -> str:
    return _write_in_cell(write_code(text))


def _scale(metric: str) -> str:
    return f"{name_metric(metric)} %" if is_percent(metric) else name_metric(metric)


def main(arguments: Sequence[str]) -> str:
    """Print what the command line asks for."""
    parser = argparse.ArgumentParser(description="Tables of a use case's report, in Markdown")
    parser.add_argument("folder", type=Path, help="data/08_reporting/<use case>")
    parser.add_argument("--tasks", nargs="+", help="tasks to show, in this order")
    parser.add_argument("--answer", action="store_true", help="what to deploy, and the highest scores of each task")
    parser.add_argument("--effects", metavar="FACTOR", help="matched pairs of this factor in place of the leaderboard")
    asked = parser.parse_args(arguments)
    if asked.answer:
        made = [name for name in OF_ANSWER if name == "leaderboard" or (asked.folder / f"{name}.parquet").exists()]
        return write_answer(ReportTables(**{name: newest(asked.folder, name) for name in made}))
    if asked.effects is None:
        return write_leaderboard(newest(asked.folder, "leaderboard"), asked.tasks)
    effects = newest(asked.folder, "effects")
    return write_effects(effects, asked.effects, asked.tasks or list(effects["task"].unique()))


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]) + "\n")
