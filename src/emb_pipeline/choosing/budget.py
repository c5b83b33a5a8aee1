"""The budget of a run: time, money, or both."""

from __future__ import annotations

import re
from dataclasses import dataclass

from emb_pipeline.errors import DataError

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|usd)", re.IGNORECASE)
_REMEDY = "write 10min, 2h, 90s, 2usd, or a time and an amount: 10min,1.50usd"


@dataclass(frozen=True)
class Budget:
    """Limits of a run.

    Attributes
    ----------
    written : str
        As a person wrote it.
    seconds, usd : float, optional
        Time of the clock, and what services may ask for; None: no limit.
    """

    written: str
    seconds: float | None = None
    usd: float | None = None


def parse_budget(written: str) -> Budget:
    """Read a budget: a time, an amount of dollars, or both with a comma.

    Raises
    ------
    DataError
        It is neither; nothing is left to spend; or two times, or two amounts, are given.

    Examples
    --------
    >>> parse_budget("10min,2usd")
    Budget(written='10min,2usd', seconds=600.0, usd=2.0)
    """
    found: dict[str, float] = {}
    for part in written.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise DataError("--budget", f"{part.strip()!r} is no time and no amount", _REMEDY)
        unit = match[2].lower()
        kind, value = ("usd", float(match[1])) if unit == "usd" else ("seconds", float(match[1]) * _SECONDS[unit])
        if kind in found:
            raise DataError("--budget", f"{written!r} has two {'amounts' if kind == 'usd' else 'times'}", _REMEDY)
        if value <= 0:
            raise DataError("--budget", f"{part.strip()!r} leaves nothing to spend", _REMEDY)
        found[kind] = value
    return Budget(written, found.get("seconds"), found.get("usd"))
