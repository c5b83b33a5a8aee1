"""Classes that are left out of training, so that their texts cannot be answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from emb_pipeline.errors import DataError, suggest
from emb_pipeline.tasks.cutoffs.draws import draw_units

PLACE = "cutoffs.unanswerable"
FEWEST_CLASSES = 3
"""Without one of two classes there is nothing to choose between: the other has every text, with probability 1."""


@dataclass(frozen=True)
class LeftOutClasses:
    """Classes of a task that are left out, one after the other.

    Attributes
    ----------
    names : tuple of str
        Those that are; empty: all, drawn by chance where there are more than ``at_most``.
    at_most : int
        Probes that are fitted, one for each class.
    """

    names: tuple[str, ...] = ()
    at_most: int = 10

    def choose(self, classes: Iterable[str], seed: int) -> list[str]:
        """Choose the classes of a task that are left out.

        Raises
        ------
        DataError
            The task has fewer than three classes, or not one that is named.
        """
        known = [str(name) for name in classes]
        if len(known) < FEWEST_CLASSES:
            reason = f"{len(known)} classes: without one of them there is nothing to choose between"
            raise DataError(PLACE, reason, "name texts of your own (source), or another task (task)")
        for name in self.names:
            if name not in known:
                raise DataError(PLACE, f"{name!r} is no class of the task", suggest(name, known))
        return list(self.names) or [known[place] for place in draw_units(len(known), self.at_most, seed).tolist()]


def find_rows(labels: np.ndarray, names: Sequence[str], among: np.ndarray) -> np.ndarray:
    """Find the rows that are of one of these classes, among some: ascending."""
    return np.asarray(among[np.isin(labels[among], list(names))])
