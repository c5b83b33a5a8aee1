"""The lines of an audit, and the checks that say how severe each is.

Every audit is a long table: check, count, total, share (count / total; NaN where the total is 0), severity, note (how to
read the line), examples (up to five ids to look at). Texts are compared by their tokens, so case and punctuation do not
hide a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("check", pa.string()),
        ("count", pa.int64()),
        ("total", pa.int64()),
        ("share", pa.float64()),
        ("severity", pa.string()),
        ("note", pa.string()),
        ("examples", pa.list_(pa.string())),
    ]
)
Severity: TypeAlias = Literal["size", "warning", "fault", "ceiling"]
"""What a count above zero means: nothing bad; a reader must know it; the scores are wrong or too high; the best that can
be reached."""
OVERLAP_SCHEMA = pa.schema([("task", pa.string()), *SCHEMA])
LOOK_AT = 5
"""Examples that a line names."""


@dataclass(frozen=True)
class Check:
    """One thing that an audit counts.

    Attributes
    ----------
    name : str
        As it is in the table. A ``*`` at its end stands for what the data names: ``class.*`` is the size of each class.
    severity : {"size", "warning", "fault", "ceiling"}
        How a count above zero is to be read.
    """

    name: str
    severity: Severity

    def covers(self, name: str) -> bool:
        """Say if this is the check of that line."""
        prefix, star, _ = self.name.partition("*")
        return name.startswith(prefix) if star else name == self.name


class AuditLines:
    """An audit that is being written: one line for each thing that was counted.

    Parameters
    ----------
    checks : sequence of Check
        Those that the audit may write; a line of another name is refused.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks
        self._rows: list[tuple[str, int, int, float, str, str, list[str]]] = []

    def add(self, name: str, count: int, total: int, note: str, examples: Iterable[str] = ()) -> None:
        """Add a line: so many of a total. The note says of what, the examples (ids) where to look."""
        check = next((check for check in self._checks if check.covers(name)), None)
        if check is None:
            raise ValueError(f"the audit has no check {name!r}: add it to its checks, with a severity")
        share = count / total if total else float("nan")
        self._rows.append((name, count, total, share, check.severity, note, list(islice(examples, LOOK_AT))))

    def table(self) -> pa.Table:
        """Build the table of lines, of schema SCHEMA."""
        columns = list(zip(*self._rows, strict=True)) or [()] * len(SCHEMA)
        return pa.Table.from_arrays(
            [pa.array(column, kind.type) for column, kind in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
        )


def require_checks(lines: pa.Table, checks: Sequence[Check]) -> None:
    """Hold the lines of an audit against the checks that it may count.

    Raises
    ------
    ValueError
        A line is of no check, or has another severity than its check.
    """
    for name, severity in zip(lines["check"].to_pylist(), lines["severity"].to_pylist(), strict=True):
        if severity not in {check.severity for check in checks if check.covers(name)}:
            raise ValueError(f"the line {name!r} ({severity}) of the audit is none of the checks that its kind names")
