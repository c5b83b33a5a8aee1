"""Gather what MLflow is told at the end of a run: the answer, and the leaderboard of each task."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from emb_pipeline.config.active import find_report, load_active_parameters
from emb_pipeline.datasets.mlflow.leaderboard import RankedCell, RankedTask, Scorecards
from emb_pipeline.datasets.mlflow.params import cut_digest, list_params
from emb_pipeline.datasets.mlflow.runs import Answer
from emb_pipeline.datasets.mlflow.views import View, name_bounds
from emb_pipeline.hooks.tracking.answer_tables import load_answer_tables
from emb_pipeline.reporting.markdown import write_answer
from emb_pipeline.reporting.rows import CONTROL, select_primary, tasks_of
from emb_pipeline.statistics.costs import COSTS
from emb_pipeline.storage.failures import Failed
from emb_pipeline.storage.places import find_place

ANSWER = ("leaderboard", "decision", "relaxations", "report.joint_choice")
"""Tables that the answer of a run is written from."""


def gather_answer(catalog: Any) -> Answer:
    """Gather what a run found: the answer in Markdown, the leaderboard, the highest score of each task, and the page."""
    board = _load(catalog, "leaderboard")
    able = board[board["origin"] != CONTROL]
    best = {f"best/{task}": float(select_primary(able, task)["value"].iloc[0]) for task in tasks_of(able)}
    counts = {"n_embeddings": float(board["embedding"].nunique()), "n_tasks": float(len(best))}
    with find_place(find_report()).use() as page:
        return Answer(
            note=write_answer(load_answer_tables(catalog)),
            metrics={**best, **counts},
            leaderboard=board,
            page=page,
        )


def gather_leaderboard(catalog: Any) -> tuple[list[RankedTask], Scorecards]:
    """Gather the cells of a leaderboard by task, each with its run, and the scorecards of its embeddings."""
    use_case = load_active_parameters()["use_case"]
    board, decision = _load(catalog, "leaderboard"), _load(catalog, "decision")
    tasks = [
        ranked
        for task in tasks_of(board)
        if (ranked := _gather_task(catalog, use_case, board[board["task"] == task], decision[decision["task"] == task]))
    ]
    cards = {name: catalog.get(f"{name}.card") for name in {cell.embedding for task in tasks for cell in task.cells}}
    runs = {name: card.run_id for name, card in cards.items() if card.run_id}
    experiment = next((card.experiment for card in cards.values()), "")
    return tasks, Scorecards(experiment, runs)


def find_experiments(catalog: Any) -> dict[str, str]:
    """Find the MLflow experiment of each task of a leaderboard."""
    board = _load(catalog, "leaderboard")
    first = board.drop_duplicates("task").to_dict("records")
    return {row["task"]: catalog.get(f"{row['embedding']}.{row['task']}.metrics").experiment for row in first}


def _gather_task(catalog: Any, use_case: str, rows: pd.DataFrame, decision: pd.DataFrame) -> RankedTask | None:
    primary = rows[rows["primary"]]
    if primary.empty:
        return None
    task, kind, metric = (str(primary[name].iloc[0]) for name in ("task", "kind", "metric"))
    decided = {str(row["embedding"]): row for row in decision.to_dict("records")}
    cells, experiment = [], ""
    for embedding, scored in rows.groupby("embedding", sort=False):
        dataset = catalog.get(f"{embedding}.{task}.metrics")
        record = dataset.load() if dataset.exists() else None
        if record is None or isinstance(record, Failed) or not record.get("mlflow_run_id"):
            continue
        experiment = dataset.experiment
        inputs = record.get("inputs") or [{"name": task, "digest": ""}]
        cells.append(
            RankedCell(
                embedding=str(embedding),
                run_id=record["mlflow_run_id"],
                metrics={
                    **_list_scores(scored),
                    **_list_costs(scored.iloc[0].to_dict()),
                    **_list_costs(decided.get(str(embedding), {})),
                },
                params=list_params(record),
                dataset=inputs[0]["name"],
                digest=cut_digest(inputs[0]["digest"]),
            )
        )
    if not cells:
        return None
    measured = {name for cell in cells for name in cell.metrics}
    note = f"Task {task} ({kind}): one run per embedding, with {metric}, its interval and costs."
    return RankedTask(experiment, View(use_case, metric, sorted(measured)), note, cells)


def _list_scores(rows: pd.DataFrame) -> dict[str, float]:
    """List every score of a cell with the bounds of its interval, and the units of the first."""
    found: dict[str, float] = {}
    for row in rows.dropna(subset=["value"]).sort_values("primary", ascending=False).to_dict("records"):
        low, high = name_bounds(str(row["metric"]))
        found |= {str(row["metric"]): row["value"], low: row["ci_low"], high: row["ci_high"]}
        found.setdefault("n", row["n"])
    return {name: float(value) for name, value in found.items() if pd.notna(value)}


def _list_costs(row: Mapping[Hashable, Any]) -> dict[str, float]:
    return {name: float(row[name]) for name in COSTS if name in row and pd.notna(row[name])}


def _load(catalog: Any, name: str) -> pd.DataFrame:
    table: pd.DataFrame = catalog.get(name).load().to_pandas()
    return table
