"""Rows and facts that the report picks out of its tables."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.statistics.costs import UNTIL_SCORED
from emb_pipeline.tasks.registry import find_metric

CONTROL = "control"
EXACT = "exact"
"""The index of a search that compares all vectors, without a vector store."""
CORRUPTION, RESAMPLING, VARIANT = "corruption", "resampling", "variant"
CHANGED_TEXT = frozenset({CORRUPTION, RESAMPLING})
"""Derivations of embeddings whose training text was changed on purpose: nothing to deploy."""
COPIES = CHANGED_TEXT | {"reduction", "fine_tuning"}
"""Derivations that leave an embedding of the same method, to be held against what it was made from."""

_LETTER = re.compile(r"\(\w+\)|\w")


@dataclass(frozen=True)
class Contrast:
    """One embedding against another on the same units: ``difference = first - second``."""

    difference: float
    low: float
    high: float
    p: float
    is_significant: bool
    detectable: float = float("nan")


def tasks_of(leaderboard: pd.DataFrame) -> list[str]:
    """Find the tasks that have a primary value, in the leaderboard's order."""
    if leaderboard.empty:
        return []
    rows = leaderboard[leaderboard["primary"].astype(bool) & leaderboard["value"].notna()]
    return [str(task) for task in rows["task"].unique()]


def select_primary(leaderboard: pd.DataFrame, task: str) -> pd.DataFrame:
    """Select rows of a task's primary metric that have a value, best first; equal ones by name.

    Embeddings that were trained on a resample of their corpus are left out: they are nothing to choose.
    """
    rows = _select_primary(leaderboard, task)
    rows = rows[~_find_resampled(rows)]
    better_last = rows.empty or find_metric(str(rows["metric"].iloc[0])).higher_is_better
    return rows.sort_values(["value", "embedding"], ascending=[not better_last, True]).reset_index(drop=True)


def select_resamples(leaderboard: pd.DataFrame, task: str) -> pd.DataFrame:
    """Select rows of a task's primary metric of embeddings that were trained on a resample of their corpus."""
    rows = _select_primary(leaderboard, task)
    return rows[_find_resampled(rows)]


def _select_primary(leaderboard: pd.DataFrame, task: str) -> pd.DataFrame:
    rows = leaderboard[(leaderboard["task"] == task) & leaderboard["primary"].astype(bool)]
    return rows[rows["value"].notna()]


def _find_resampled(rows: pd.DataFrame) -> np.ndarray:
    return rows["derivation"].isin([RESAMPLING]).to_numpy()


def primary_metric(leaderboard: pd.DataFrame, task: str) -> str:
    """Find the metric that a task is ranked by; empty where the task has no value."""
    rows = select_primary(leaderboard, task)
    return "" if rows.empty else str(rows["metric"].iloc[0])


def find_secondary_metrics(leaderboard: pd.DataFrame, task: str) -> list[str]:
    """Find the other metrics of a task, in the leaderboard's order."""
    rows = leaderboard[(leaderboard["task"] == task) & ~leaderboard["primary"].astype(bool)]
    return [str(metric) for metric in rows["metric"].unique()]


def is_control(origin: str) -> bool:
    """Say whether an embedding of this origin is there to mark the noise floor."""
    return origin == CONTROL


def is_sparse(origin: str, method: str) -> bool:
    """Say whether an embedding is a sparse baseline: fitted on the task's own texts, one column per term."""
    return origin == "task" and method in METHODS and METHODS[method].sparse


def drop_controls(rows: pd.DataFrame) -> pd.DataFrame:
    """Select rows of embeddings that could have learnt something."""
    return rows[rows["origin"] != CONTROL]


def select_sparse(rows: pd.DataFrame) -> pd.DataFrame:
    """Select rows of sparse baselines."""
    return rows[_find_sparse(rows)]


def select_dense(rows: pd.DataFrame) -> pd.DataFrame:
    """Select rows of dense embeddings, controls left out."""
    rest = drop_controls(rows)
    return rest[~_find_sparse(rest)]


def _find_sparse(rows: pd.DataFrame) -> np.ndarray:
    each = [is_sparse(origin, method) for origin, method in zip(rows["origin"], rows["method"], strict=True)]
    return np.array(each, dtype=bool)


def drop_repetitions(rows: pd.DataFrame) -> pd.DataFrame:
    """Select rows without the repetitions of an embedding with further training seeds."""
    return rows[rows["family"] == rows["embedding"]]


def average_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Make one row per embedding, best first: value and interval averaged over its training seeds, ``n_seeds`` added.

    Tests average item scores over seeds too, so what is quoted and what is tested is the same thing. The averaged interval
    is a little wider than the interval of the average.
    """
    if rows.empty:
        return rows.assign(n_seeds=pd.Series(dtype=int))
    grouped = rows.groupby("family")
    means = grouped[["value", "ci_low", "ci_high"]].mean()
    shortest_first = rows.iloc[rows["embedding"].str.len().argsort(kind="stable")]
    first = shortest_first.drop_duplicates("family").set_index("family", drop=False)
    merged = first.assign(value=means["value"], ci_low=means["ci_low"], ci_high=means["ci_high"], n_seeds=grouped.size())
    merged = merged.reset_index(drop=True)
    lower_first = not find_metric(str(merged["metric"].iloc[0])).higher_is_better
    return merged.sort_values(["value", "embedding"], ascending=[lower_first, True]).reset_index(drop=True)


def split_letters(text: object) -> frozenset[str]:
    """Split the letters of a row: ``"ab"`` are two, ``"z(aa)"`` too; none where there was no test."""
    return frozenset(_LETTER.findall(text)) if isinstance(text, str) else frozenset()


def find_direction(row: Mapping[Hashable, Any], level: float) -> int:
    """Give 1 where domain text is significantly better, -1 where it is worse, 0 where neither shows.

    The adjusted p-value decides, where there is one, else the plain one, else the interval.
    """
    p = row.get("p_adjusted")
    p = row.get("p") if p is None or pd.isna(p) else p
    excludes_zero = bool(row["ci_low"] > 0 or row["ci_high"] < 0)
    if excludes_zero if p is None or pd.isna(p) else p <= level:
        return 1 if row["difference"] > 0 else -1
    return 0


def select_dimensions(rows: pd.DataFrame) -> pd.DataFrame:
    """Select rows of dense embeddings with a dimension of their own, copies of others left out (`drop_copies`)."""
    dense = drop_copies(select_dense(rows))
    return dense[dense["dim"].notna() & (dense["dim"].fillna(0) > 0)]


def select_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Select rows of embeddings that are one of several dimensions of the same: ``curve`` names them."""
    return rows[rows["curve"].notna() & rows["dim"].notna()]


def drop_copies(rows: pd.DataFrame) -> pd.DataFrame:
    """Select rows without embeddings that are another one of the grid: reduced, trained on changed text, or fine-tuned."""
    return rows[~(rows["derivation"].isin(COPIES) | rows["tuned"].astype(bool))]


def select_choosable(rows: pd.DataFrame) -> pd.DataFrame:
    """Select rows of embeddings that could be deployed: no controls, and none whose training text was changed on purpose."""
    rest = drop_controls(rows)
    return rest[~rest["derivation"].isin(CHANGED_TEXT)] if "derivation" in rest.columns else rest


def name_pair(row: Mapping[Hashable, Any]) -> str:
    """Name what the two embeddings of a matched pair have in common: ``Word2Vec 100``."""
    method = str(row["method"])
    return f"{METHODS[method].label if method in METHODS else method} {row['dim']}"


def write_setting(row: Mapping[Hashable, Any]) -> str:
    """Write how an index was searched: ``HNSW with ef = 50``."""
    return f"{row['index']} with {row['parameter']} = {row['setting']:.0f}" if row["parameter"] else str(row["index"])


def costs(rows: pd.DataFrame) -> pd.Series:
    """Sum the seconds to train an embedding, to encode a task with it, and to tune and fit the probe or to search.

    NaN where none is known.
    """
    return rows[[*UNTIL_SCORED]].astype(float).sum(axis=1, min_count=1)


def contrasts(comparisons: pd.DataFrame, task: str, metric: str, level: float) -> dict[tuple[str, str], Contrast]:
    """Index the comparisons of a task by their two embeddings, in both directions.

    Parameters
    ----------
    comparisons : DataFrame
        The report's table; may be empty.
    task, metric : str
        Which of them.
    level : float
        Two embeddings are significantly different where the adjusted p-value (else the plain one) is at most that.
    """
    found: dict[tuple[str, str], Contrast] = {}
    if comparisons.empty:
        return found
    rows = comparisons[(comparisons["task"] == task) & (comparisons["metric"] == metric)]
    for row in rows.to_dict("records"):
        p = float(row["p_adjusted"]) if pd.notna(row["p_adjusted"]) else float(row["p"])
        if pd.isna(p):
            continue
        first, second = str(row["embedding_a"]), str(row["embedding_b"])
        difference, low, high = float(row["difference"]), float(row["ci_low"]), float(row["ci_high"])
        detectable = float(row.get("detectable", float("nan")))
        found[first, second] = Contrast(difference, low, high, p, p <= level, detectable)
        found[second, first] = Contrast(-difference, -high, -low, p, p <= level, detectable)
    return found


def differ_significantly(
    first: Mapping[Hashable, Any], second: Mapping[Hashable, Any], known: Mapping[tuple[str, str], Contrast]
) -> bool | None:
    """Say whether two rows of the leaderboard differ significantly; None where they were not compared.

    The comparison decides; without one, the letters do.
    """
    found = contrast(first, second, known)
    if found is not None:
        return found.is_significant
    letters, others = split_letters(first.get("letters")), split_letters(second.get("letters"))
    return not letters & others if letters and others else None


def contrast(
    first: Mapping[Hashable, Any], second: Mapping[Hashable, Any], known: Mapping[tuple[str, str], Contrast]
) -> Contrast | None:
    """Find ``first - second``, if it was tested; seeds of one embedding are tested as their mean."""
    a, b = str(first["embedding"]), str(second["embedding"])
    return known.get((a, b)) or known.get((str(first["family"]), str(second["family"])))


def find_audit_share(audit: pd.DataFrame, task: str, check: str) -> float | None:
    """Find the share on the audit line of this name of a task; None without such a line."""
    if audit.empty:
        return None
    shares = audit.loc[(audit["scope"] == task) & (audit["check"] == check), "share"].dropna()
    return None if shares.empty else float(shares.iloc[0])
