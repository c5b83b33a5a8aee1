"""Scores of what is deployed and of a candidate on the units that both were scored on.

A test set grows, and rows of its files move. So units are matched by what they are, not by their names: by a fingerprint
of their text and of the right answer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means
from emb_pipeline.statistics.resampling import Resampling

COLUMNS = ("unit_id", "group_id", "content", "metric", "value")
"""Of a table of scored units: names of the unit and of its group, the fingerprint of what it is, and its scores; several
seeds of an embedding are rows of the same unit."""


@dataclass(frozen=True, eq=False)
class CommonUnits:
    """Two embeddings on the same units.

    Attributes
    ----------
    units : list of str
        Names of the units in the candidate's test set.
    deployed, candidate : ndarray of shape (n_units,)
        Item scores of the primary metric, means over seeds.
    groups : ndarray of shape (n_units,), str
        Units of one group are resampled together: the groups of the candidate's test set.
    n_deployed, n_candidate : int
        Units that each was scored on.
    """

    units: list[str]
    deployed: np.ndarray
    candidate: np.ndarray
    groups: np.ndarray
    n_deployed: int
    n_candidate: int

    @property
    def differences(self) -> np.ndarray:
        """Of each unit the candidate's score minus the deployed one's: shape (n_units,)."""
        return np.asarray(self.candidate - self.deployed)

    @property
    def n_groups(self) -> int:
        """Groups, or single units, that are resampled."""
        return len(np.unique(self.groups))


def resample_difference(found: CommonUnits, resampling: Resampling) -> np.ndarray:
    """Resample the mean difference, paired, over groups of units, as all other differences are (`bootstrap_means`).

    Returns
    -------
    ndarray of shape (n_resamples,)
    """
    resampled = bootstrap_means(
        np.column_stack([found.deployed, found.candidate]),
        n_resamples=resampling.resamples,
        rng=resampling.create_rng(),
        groups=found.groups,
        discordant=True,
    )
    return np.asarray(resampled[:, 1] - resampled[:, 0])


def join_units(deployed: pd.DataFrame, candidate: pd.DataFrame, metric: str) -> CommonUnits:
    """Join the scores of two embeddings by what their units are.

    Units of the same content are matched in the order of their names, as far as both sides have them.

    Parameters
    ----------
    deployed, candidate : DataFrame of `COLUMNS`
        Scores of one embedding each.
    metric : str
        The metric.

    Returns
    -------
    CommonUnits
        In the order of the candidate's units; none where nothing is common.
    """
    one, other = _average_seeds(deployed, metric), _average_seeds(candidate, metric)
    both = one.merge(other, on="key", suffixes=("_deployed", "_candidate"), validate="one_to_one")
    both = both.sort_values("unit_id_candidate", kind="stable")
    return CommonUnits(
        both["unit_id_candidate"].astype(str).tolist(),
        both["value_deployed"].to_numpy(np.float64),
        both["value_candidate"].to_numpy(np.float64),
        both["group_id_candidate"].astype(str).to_numpy(),
        len(one),
        len(other),
    )


def _average_seeds(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Average the scores of each unit over seeds, and give it a key: its content, and its place among units of the same."""
    of_metric = scores[scores["metric"] == metric]
    found = (
        of_metric.groupby("unit_id", sort=True)
        .agg(group_id=("group_id", "first"), content=("content", "first"), value=("value", "mean"))
        .reset_index()
    )
    found["key"] = _number_copies(found["content"].tolist())
    return found


def _number_copies(contents: list[str]) -> list[tuple[str, int]]:
    seen: Counter[str] = Counter()
    keys = []
    for content in contents:
        keys.append((content, seen[content]))
        seen[content] += 1
    return keys
