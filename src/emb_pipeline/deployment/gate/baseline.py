"""The deployed embedding as the gate needs it: its scores of test units, of a bundle or a version of the leaderboard."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from emb_pipeline.deployment.bundle import MANIFEST, UNITS, read_scored_units
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.storage.sealed_files import read_json

TASKS = "manifest.json"
"""Names the tasks of a folder of bundles."""
_EXPORT = "export it again: kedro run --pipelines deploy"


@dataclass(frozen=True, eq=False)
class Baseline:
    """The embedding that is deployed for one task.

    Attributes
    ----------
    task, embedding : str
        Their names.
    units : DataFrame of SCORED_UNITS
        What it scored.
    folder : Path, optional
        The bundle, where it is one.
    """

    task: str
    embedding: str
    units: pd.DataFrame
    folder: Path | None = None

    @property
    def fingerprint(self) -> str:
        """Hash of its name and scores: a history of tests belongs to it."""
        values = self.units.sort_values(["metric", "unit_id", "seed"])
        rows = values[["unit_id", "content", "metric", "value"]].to_csv(index=False)
        return hashlib.sha256(f"{self.task}\n{self.embedding}\n{rows}".encode()).hexdigest()[:20]


def read_bundles(folder: Path) -> list[Baseline]:
    """Read the baseline of a bundle, or of each bundle of a folder.

    Raises
    ------
    DataError
        There is no bundle, or it holds no scores of units.
    """
    if (folder / TASKS).is_file():
        return [_read_bundle(folder / task) for task in read_json(folder / TASKS, _EXPORT)["tasks"]]
    return [_read_bundle(folder)]


def _read_bundle(folder: Path) -> Baseline:
    facts, units = read_json(folder / MANIFEST, _EXPORT), read_scored_units(folder)
    if units is None:
        raise DataError(str(folder), f"has no {UNITS}: an earlier version made it, without the scores of units", _EXPORT)
    return Baseline(str(facts["task"]), str(facts["embedding"]), units.to_pandas(), folder)


def read_version(version: str, units: pd.DataFrame, chosen: pd.DataFrame, embedding: str | None = None) -> list[Baseline]:
    """Read the baselines of a version of the leaderboard: of each task the embedding that was chosen, or the named one.

    Parameters
    ----------
    version : str
        Its name.
    units : DataFrame of SCORED_UNITS
        Of that version.
    chosen : DataFrame of task and embedding
        What the decision of that version chose.
    embedding : str, optional
        The one that is deployed.

    Raises
    ------
    DataError
        Nothing was chosen, or the embedding is not in that version.
    """
    made = []
    for task, of_task in units.groupby("task", sort=True):
        names = [embedding] if embedding else chosen.loc[chosen["task"] == task, "embedding"].tolist()
        for name in names:
            rows = of_task[of_task["embedding"] == name]
            if rows.empty:
                known = suggest(name, of_task["embedding"].unique())
                raise DataError(f"version {version}, {task}", f"has no scores of {name}", known)
            made.append(Baseline(str(task), str(name), rows))
    if not made:
        raise DataError(f"version {version}", "nothing was chosen in it", "name what is deployed: --deployed <embedding>")
    return made


def select_tasks(baselines: Collection[Baseline], tasks: Collection[str]) -> list[Baseline]:
    """Select the baselines of some tasks; all where none is named.

    Raises
    ------
    DataError
        A task that nothing is deployed for.
    """
    known = [each.task for each in baselines]
    for task in tasks:
        if task not in known:
            raise DataError(f"--task {task}", "nothing is deployed for it", suggest(task, known))
    return [each for each in baselines if not tasks or each.task in tasks]
