"""Scores on tasks of MTEB, as files that the package mteb reads."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from emb_pipeline.storage.atomic import write_atomically

NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Classification": {"accuracy": ("accuracy",), "macro_f1": ("f1",)},
    "MultilabelClassification": {"subset_accuracy": ("accuracy",), "macro_f1": ("f1",), "lrap": ("lrap",)},
    "Clustering": {"v_measure": ("v_measure",), "ami": ("ami",)},
    "PairClassification": {
        "ap": ("cosine_ap", "max_ap"),
        "accuracy": ("cosine_accuracy", "max_accuracy"),
        "pair_f1": ("cosine_f1", "max_f1"),
    },
    "STS": {"spearman": ("cosine_spearman",), "pearson": ("cosine_pearson",)},
    "Retrieval": {
        "ndcg@10": ("ndcg_at_10",),
        "mrr@10": ("mrr_at_10",),
        **{f"recall@{depth}": (f"recall_at_{depth}",) for depth in (1, 5, 10, 20, 50, 100, 1000)},
    },
}
"""MTEB's names of this project's metrics, for each type of its tasks. Cosine is the one similarity: its maximum, too."""
PROTOCOL = "emb_pipeline"
"""Key of what MTEB's own protocol does not have: how the score was made, its interval and its units."""


class Scored(NamedTuple):
    """A task of the use case that is one of MTEB.

    Attributes
    ----------
    name, kind : str
        As in the use case.
    about : mapping
        As MTEB has it (`emb_pipeline.readers.mteb.stored.read_about`).
    """

    name: str
    kind: str
    about: Mapping[str, Any]


def write_mteb_results(leaderboard: pd.DataFrame, task: Scored, folder: Path) -> list[Path]:
    """Write a file for each embedding: ``results/emb_pipeline__<embedding>/<use case>/<task>.json``.

    Controls are left out. ``mteb.ResultCache(folder)`` reads the files, and so does ``mteb.TaskResult.from_disk``.

    Parameters
    ----------
    leaderboard : DataFrame
        One row for each embedding and metric.
    task : Scored
        The task.
    folder : Path
        Where ``results`` is written.

    Returns
    -------
    list of Path
        None where the metric that MTEB judges the task by was not measured.
    """
    rows = leaderboard[(leaderboard["task"] == task.name) & (leaderboard["origin"] != "control")]
    return list(_write_files(rows, task, folder))


def _write_files(rows: pd.DataFrame, task: Scored, folder: Path) -> Iterator[Path]:
    for (use_case, embedding), of_embedding in rows.groupby(["use_case", "embedding"], sort=True):
        scores = _collect_scores(of_embedding, task)
        if task.about["main_score"] not in scores:
            continue
        path = folder / "results" / f"emb_pipeline__{embedding}" / str(use_case) / f"{task.about['task']}.json"
        with write_atomically(path) as part:
            part.write_text(json.dumps(_describe_result(scores, of_embedding, task), indent=2), encoding="utf-8")
        yield path


def _collect_scores(rows: pd.DataFrame, task: Scored) -> dict[str, float]:
    names = NAMES.get(task.about["type"], {})
    values = dict(zip(rows["metric"], rows["value"], strict=True))
    return {theirs: float(values[ours]) for ours, several in names.items() if ours in values for theirs in several}


def _describe_result(scores: Mapping[str, float], rows: pd.DataFrame, task: Scored) -> dict[str, Any]:
    about = task.about
    main = rows[rows["primary"]].iloc[0]
    of_project = {
        "protocol": f"kind {task.kind} of emb_pipeline; compare it with MTEB's own protocol before you compare scores",
        "primary_metric": str(main["metric"]),
        "value": float(main["value"]),
        "interval": [_finite(main[name]) for name in ("ci_low", "ci_high")],
        "n": int(main["n"]),
    }
    of_subset = {
        **scores,
        "main_score": scores[about["main_score"]],
        "hf_subset": about["subset"],
        "languages": list(about["languages"]),
        PROTOCOL: of_project,
    }
    seconds = [_finite(main[name]) for name in ("encode_seconds", "fit_seconds")]
    return {
        "dataset_revision": about["revision"],
        "task_name": about["task"],
        "mteb_version": about["mteb_version"],
        "scores": {about["split"]: [of_subset]},
        "evaluation_time": sum(each for each in seconds if each is not None),
        "kg_co2_emissions": None,
    }


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
