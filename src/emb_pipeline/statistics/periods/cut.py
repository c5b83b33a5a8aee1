"""Periods of test units: calendar units, or parts of equal size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import get_args

import numpy as np

from emb_pipeline.statistics.intervals.simultaneous import FEWEST_OF_PART
from emb_pipeline.statistics.periods.options import CalendarUnit, DriftOptions

FEWEST_PERIODS, MOST_PERIODS = 3, 12
"""Periods that a calendar unit has to give to be taken by itself."""
_EQUAL = 4
_UNITS: tuple[CalendarUnit, ...] = get_args(CalendarUnit)


@dataclass(frozen=True)
class Period:
    """One period.

    Attributes
    ----------
    name : str
        2024, 2024-Q1, 2024-05, 2024-W05, 2024-05-31; of several that were joined, the first and the last.
    start, end : datetime64[us]
        Its first and its last time.
    """

    name: str
    start: np.datetime64
    end: np.datetime64


@dataclass(frozen=True, eq=False)
class Periods:
    """Units by period.

    Attributes
    ----------
    periods : list of Period
        The oldest first.
    codes : ndarray of shape (n_units,), int
        Number of each unit's period; -1 where it has no time.
    """

    periods: list[Period]
    codes: np.ndarray

    @property
    def n_untimed(self) -> int:
        """Units without a time."""
        return int((self.codes < 0).sum())


def cut_periods(times: np.ndarray, options: DriftOptions | None = None) -> Periods:
    """Cut units into periods by their times.

    Weeks are those of ISO 8601, from Monday on. Equal times are in one period.

    Parameters
    ----------
    times : ndarray of shape (n_units,), datetime64
        In UTC; NaT where a unit has none.
    options : DriftOptions, optional
        Calendar unit or number of periods.

    Returns
    -------
    Periods
        No period where no unit has a time; one where there are too few units for two.
    """
    wanted = (options or DriftOptions()).periods
    times = np.asarray(times).astype("datetime64[us]")
    known = np.flatnonzero(~np.isnat(times))
    codes = np.full(len(times), -1, dtype=np.int64)
    if not len(known):
        return Periods([], codes)
    of_known = times[known]
    if isinstance(wanted, int):
        places, starts = _cut_equally(of_known, wanted)
    elif wanted == "auto":
        places, starts = _choose(of_known)
    else:
        places, starts = _cut_by_calendar(of_known, wanted)
    codes[known] = places
    ends = [of_known[places == place] for place in range(len(starts))]
    return Periods(
        [Period(name, within.min(), within.max()) for name, within in zip(starts, ends, strict=True)],
        codes,
    )


def _choose(times: np.ndarray) -> tuple[np.ndarray, list[str]]:
    for unit in _UNITS:
        places, names = _cut_by_calendar(times, unit)
        if FEWEST_PERIODS <= len(names) <= MOST_PERIODS:
            return places, names
    return _cut_equally(times, _EQUAL)


def _cut_by_calendar(times: np.ndarray, unit: CalendarUnit) -> tuple[np.ndarray, list[str]]:
    numbers = _number_units(times, unit)
    present, places = np.unique(numbers, return_inverse=True)
    first = [times[places == place].min() for place in range(len(present))]
    return _join_small(places, [_name_unit(moment, unit) for moment in first])


def _number_units(times: np.ndarray, unit: CalendarUnit) -> np.ndarray:
    if unit == "quarter":
        return np.asarray(np.floor_divide(times.astype("datetime64[M]").astype(np.int64), 3))
    if unit == "week":
        return np.asarray(np.floor_divide(times.astype("datetime64[D]").astype(np.int64) + 3, 7))  # 1970-01-01: a Thursday
    codes = {"year": "Y", "month": "M", "day": "D"}
    return np.asarray(times.astype(f"datetime64[{codes[unit]}]").astype(np.int64))


def _name_unit(moment: np.datetime64, unit: CalendarUnit) -> str:
    if unit == "quarter":
        month = int(moment.astype("datetime64[M]").astype(np.int64))
        return f"{moment.astype('datetime64[Y]')}-Q{month % 12 // 3 + 1}"
    if unit == "week":
        year, week, _ = moment.astype("datetime64[D]").item().isocalendar()
        return f"{year}-W{week:02d}"
    codes = {"year": "Y", "month": "M", "day": "D"}
    return str(moment.astype(f"datetime64[{codes[unit]}]"))


def _cut_equally(times: np.ndarray, n_periods: int) -> tuple[np.ndarray, list[str]]:
    order = np.sort(times)
    edges = np.unique(order[[len(order) * number // n_periods for number in range(1, n_periods)]])
    places = np.unique(np.searchsorted(edges, times, side="right"), return_inverse=True)[1]
    within = [times[places == place] for place in range(int(places.max()) + 1)]
    return _join_small(places, _name_spans(within))


def _name_spans(within: Sequence[np.ndarray]) -> list[str]:
    """Name spans by their ends, no finer than is needed: by days where these differ, years where nothing finer is known."""
    names: list[str] = []
    for unit in ("Y", "M", "D", "m", "s", "us"):
        ends = [tuple(str(each.astype(f"datetime64[{unit}]")) for each in (times.min(), times.max())) for times in within]
        names = [start if start == end else f"{start} to {end}" for start, end in ends]
        is_finer = unit in "YM" and any((times != times.astype(f"datetime64[{unit}]")).any() for times in within)
        if not is_finer and all(one[1] != other[0] for one, other in pairwise(ends)):
            break
    return names


def _join_small(places: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Join each period that is too small to the one after it, the last one to the one before it."""
    sizes = np.bincount(places, minlength=len(names))
    parts: list[list[int]] = []
    for place in range(len(names)):
        if parts and sizes[parts[-1]].sum() < FEWEST_OF_PART:
            parts[-1].append(place)
        else:
            parts.append([place])
    if len(parts) > 1 and sizes[parts[-1]].sum() < FEWEST_OF_PART:
        last = parts.pop()
        parts[-1] += last
    joined = np.empty(len(names), dtype=np.int64)
    for number, part in enumerate(parts):
        joined[part] = number
    return joined[places], [_name_joined(names[part[0]], names[part[-1]]) for part in parts]


def _name_joined(first: str, last: str) -> str:
    if first == last:
        return first
    return f"{first.partition(' to ')[0]} to {last.rpartition(' to ')[2]}"
