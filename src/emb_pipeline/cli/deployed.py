"""The deployed embedding and the candidate, as the commands that compare the two name them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import click
import pandas as pd
import pyarrow as pa

from emb_pipeline.deployment.gate.baseline import Baseline, read_bundles, read_version
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.experiment.model import TaskDefinition
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.scored_units import build_scored_units, select_task

UNITS = "scored_units"
"""The dataset with the scores of units of each version of the leaderboard."""


@dataclass(frozen=True, eq=False)
class ScoredCandidate:
    """A candidate on one task.

    Attributes
    ----------
    units : DataFrame of SCORED_UNITS
        What it scored, by all metrics of units.
    metric : str
        The primary one.
    definition : TaskDefinition
        Of the task.
    tables : mapping of str to Table
        The task's examples.
    row : dict
        Its row of the leaderboard.
    """

    units: pd.DataFrame
    metric: str
    definition: TaskDefinition
    tables: dict[str, pa.Table]
    row: dict[str, Any]

    def keep_metric(self) -> pd.DataFrame:
        """Keep the scores by the primary metric."""
        return self.units[self.units["metric"] == self.metric]


def take_deployed_and_candidate(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name the two embeddings: use_case, baseline, deployed, candidate and tasks."""
    options = (
        click.option(
            "--env", "use_case", default="base", show_default=True, help="Use case that has been run with the candidate."
        ),
        click.option(
            "--baseline", required=True, help="What is deployed: a bundle, a folder of them, or a leaderboard's version."
        ),
        click.option("--deployed", help="The deployed embedding, where a version of the leaderboard is the baseline."),
        click.option("--candidate", required=True, help="Name of the candidate in the leaderboard."),
        click.option("--task", "tasks", multiple=True, help="A task; by default all that something is deployed for."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_baselines(catalog: Any, baseline: str, deployed: str | None) -> list[Baseline]:
    """Read what is deployed, from a folder, or else from a version of the leaderboard."""
    if Path(baseline).is_dir():
        if deployed is not None:
            raise DataError("--deployed", "a bundle names its embedding itself", "leave it out")
        return read_bundles(Path(baseline))
    units = _load_version(catalog, UNITS, baseline)
    if units is None:
        raise DataError(
            f"--baseline {baseline}",
            "is no folder, and no version of this use case's leaderboard",
            f"the folders of {catalog.get('leaderboard')._filepath} are the versions",
        )
    decision = _load_version(catalog, "decision", baseline)
    chosen = pd.DataFrame({"task": [], "embedding": []}) if decision is None else decision[decision["chosen"]]
    return read_version(baseline, units, chosen, deployed)


def _load_version(catalog: Any, name: str, version: str) -> pd.DataFrame | None:
    """Load a version of a table; None where there is none."""
    from kedro.io import Version

    from emb_pipeline.datasets.tables import TableDataset

    dataset = TableDataset(filepath=str(catalog.get(name)._filepath), version=Version(version, None))
    if not dataset.exists():
        return None
    table: Any = dataset.load()
    return cast(pd.DataFrame, table.to_pandas())


def load_leaderboard(catalog: Any, use_case: str) -> pd.DataFrame:
    """Load the newest leaderboard.

    Raises
    ------
    DataError
        The use case has not been run.
    """
    if not catalog.exists("leaderboard"):
        raise DataError(f"use case {use_case}", "it has no results yet", f"emb-pipeline run {use_case}")
    board: pd.DataFrame = catalog.load("leaderboard").to_pandas()
    return board


@dataclass(frozen=True, eq=False)
class CandidateReader:
    """A candidate of a use case that was run, read task by task; the scores of its origin are read once.

    Attributes
    ----------
    catalog, params : Any
        Of the use case.
    board : DataFrame
        Its newest leaderboard.
    name : str
        The candidate.
    """

    catalog: Any
    params: Any
    board: pd.DataFrame
    name: str

    @cached_property
    def stored(self) -> dict[str, Any]:
        """Stored results of the candidate's origin: item scores and encoders among them."""
        (origin,) = self.board.loc[self.board["embedding"] == self.name, "origin"].unique()
        stored: dict[str, Any] = self.catalog.load(f"{origin}.scores")
        return stored

    @cached_property
    def item_scores(self) -> pa.Table:
        """Scores of units of the candidate's origin, on all tasks."""
        table: pa.Table = self.stored["item_scores"].read()
        return table

    def read(self, task: str) -> ScoredCandidate:
        """Read the scored units of the candidate on a task, and what the task is judged by.

        Raises
        ------
        DataError
            The use case lacks the task, or the candidate was not scored on it.
        """
        tasks = self.params["tasks"]
        if task not in tasks:
            raise DataError(f"task {task}", "something is deployed for it, but the use case lacks it", suggest(task, tasks))
        rows = self.board[(self.board["task"] == task) & self.board["primary"] & self.board["failed"].isna()]
        if self.name not in rows["embedding"].tolist():
            reason = f"was not scored on {task}"
            raise DataError(f"--candidate {self.name}", reason, suggest(self.name, rows["embedding"]))
        definition = TaskDefinition.model_validate(tasks[task])
        (row,) = rows[rows["embedding"] == self.name].to_dict("records")
        tables, metric = self.catalog.load(f"examples@{task}"), str(row["metric"])
        kept = build_scored_units(select_task(self.item_scores, task), KINDS[definition.kind], tables, [self.name])
        return ScoredCandidate(kept.to_pandas(), metric, definition, dict(tables), {str(key): row[key] for key in row})
