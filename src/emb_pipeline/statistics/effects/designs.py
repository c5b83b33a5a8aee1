"""Crossings of factors that a grid of embeddings holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

WHOLE_GRID, EMBEDDING = "corpus × embedding", "embedding"


@dataclass(frozen=True, eq=False)
class Design:
    """Embeddings that differ by known factors, scored on the same units.

    Attributes
    ----------
    name : str
        What is crossed: ``corpus × method``.
    scores : ndarray of shape (n_units, n_cells)
        Item scores.
    factors : DataFrame of n_cells rows
        The level of each factor; cells with equal levels are repetitions with other seeds.
    groups : ndarray of shape (n_units,), optional
        Units that are resampled together.
    columns : ndarray of shape (n_cells,), optional
        Place of each cell among all embeddings of the task; 0, 1, … if left out.
    """

    name: str
    scores: np.ndarray
    factors: pd.DataFrame
    groups: np.ndarray | None = None
    columns: np.ndarray | None = None

    @property
    def places(self) -> np.ndarray:
        """Place of each cell among all embeddings of the task."""
        return np.arange(len(self.factors)) if self.columns is None else self.columns

    def __post_init__(self) -> None:
        if self.scores.ndim != 2 or self.scores.shape[1] != len(self.factors):
            raise ValueError(f"{self.name}: scores of shape {self.scores.shape} for {len(self.factors)} cells")
        for factor in self.factors:
            if self.factors[factor].nunique() < 2:
                raise ValueError(f"{self.name}: {factor} has one level, {self.factors[factor].iloc[0]!r}: leave it out")


def find_designs(
    cells: pd.DataFrame, scores: np.ndarray, groups: np.ndarray | None = None, columns: np.ndarray | None = None
) -> list[Design]:
    """Find the crossings that a grid holds.

    Corpus × embedding, corpus × method at one dimension, corpus × dimension of a method.

    Parameters
    ----------
    cells : DataFrame of n_cells rows
        corpus, method and dim (as text) of trained embeddings; repetitions with other seeds are rows of their own.
    scores : ndarray of shape (n_units, n_cells)
        Their item scores.
    groups : ndarray of shape (n_units,), optional
        Units that are resampled together.
    columns : ndarray of shape (n_cells,), optional
        Place of each cell among all embeddings of the task.

    Returns
    -------
    list of Design
        Those in which every factor has two levels or more. Only combinations that every corpus has are taken.
    """
    cells = cells.reset_index(drop=True)
    model = cells["method"] + "_" + cells["dim"]
    everywhere = model.groupby(model).transform(lambda names: cells.loc[names.index, "corpus"].nunique())
    crossed = everywhere == cells["corpus"].nunique()
    designs = []
    subsets: list[tuple[str, pd.Series, dict[str, pd.Series]]] = [
        (WHOLE_GRID, crossed, {"corpus": cells["corpus"], EMBEDDING: model})
    ]
    for dim in cells["dim"].unique():
        chosen = crossed & (cells["dim"] == dim)
        subsets.append((f"corpus × method at {dim}", chosen, {"corpus": cells["corpus"], "method": cells["method"]}))
    for method in cells["method"].unique():
        chosen = crossed & (cells["method"] == method)
        subsets.append((f"corpus × dimension of {method}", chosen, {"corpus": cells["corpus"], "dimension": cells["dim"]}))
    for name, chosen, factors in subsets:
        rows = np.flatnonzero(chosen)
        table = pd.DataFrame({factor: levels.iloc[rows].to_numpy() for factor, levels in factors.items()})
        if len(rows) and all(table[factor].nunique() > 1 for factor in table):
            designs.append(Design(name, scores[:, rows], table, groups, rows if columns is None else columns[rows]))
    return designs
