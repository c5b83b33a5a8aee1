"""Test units of a task: whether there are enough of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.audit.lines import AuditLines, Check

UNIT_CHECKS = (Check("few_test_units", "warning"),)


FEWEST_UNITS = 2
"""Test units that differ, below which nothing can be resampled."""
FEW_UNITS = 50
"""Test units, or groups of them, below which a reader is told what so few can show."""


def add_few_units(lines: AuditLines, n_units: int, what: str) -> None:
    """Say what a test set of few units cannot show; nothing where there are enough."""
    if n_units < FEW_UNITS:
        least = 2.8 * math.sqrt(0.1 / max(n_units, 1))  # one in ten units differs; 80 % power at 5 %
        note = (
            f"{what} are tested on, fewer than {FEW_UNITS}: two embeddings that differ on a tenth of them must differ by "
            f"about {least:.0%} to be found significantly different in four of five cases; that none differs shows little"
        )
        lines.add("few_test_units", n_units, n_units, note)


def require_units(units: Sequence[object], place: str, what: str) -> None:
    """Refuse a task with fewer than two test units that differ: nothing can be resampled, so there is no interval.

    Parameters
    ----------
    units : sequence
        What each unit of the test part is resampled with: equal ones stay together.
    place : str
        What the error calls the task.
    what : str
        What the units are, for the message.

    Raises
    ------
    DataError
        There are too few.
    """
    n_distinct = len(set(units))
    if n_distinct < FEWEST_UNITS:
        raise DataError(
            place,
            f"it has {len(units)} {what}, {n_distinct} of them distinct, and an interval needs {FEWEST_UNITS} or more",
            "add some; a few hundred are worth a comparison",
        )
