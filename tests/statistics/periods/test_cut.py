"""Periods of test units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.periods.cut import cut_periods
from emb_pipeline.statistics.periods.options import DriftOptions


def spread(start: str, end: str, n: int) -> np.ndarray:
    """So many times, evenly from one to the other."""
    first, last = (np.datetime64(each, "s").astype(np.int64) for each in (start, end))
    return np.linspace(first, last, n).astype(np.int64).astype("datetime64[s]")


def names(times: np.ndarray, periods: object = "auto") -> list[str]:
    return [each.name for each in cut_periods(times, DriftOptions.model_validate({"periods": periods})).periods]


@pytest.mark.parametrize(
    ("start", "end", "n", "expected"),
    [
        ("2020-01-01", "2024-12-31", 500, ["2020", "2021", "2022", "2023", "2024"]),
        ("2024-01-01", "2024-12-31", 400, ["2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4"]),
        ("2024-11-01", "2025-01-31", 300, ["2024-11", "2024-12", "2025-01"]),
        ("2024-12-23", "2025-01-12T23:00", 300, ["2024-W52", "2025-W01", "2025-W02"]),
        ("2024-02-28", "2024-03-01T23:00", 300, ["2024-02-28", "2024-02-29", "2024-03-01"]),
    ],
)
def test_the_coarsest_unit_with_three_to_twelve_periods_is_taken(start: str, end: str, n: int, expected: list[str]) -> None:
    assert names(spread(start, end, n)) == expected


@pytest.mark.parametrize(
    ("unit", "code"), [("year", "Y"), ("quarter", "Q"), ("month", "M"), ("week", "W-SUN"), ("day", "D")]
)
def test_units_are_those_of_pandas(unit: str, code: str) -> None:
    times = np.repeat(spread("1968-12-29T23:59:59", "1972-01-03", 60), 30)
    codes = cut_periods(times, DriftOptions.model_validate({"periods": unit})).codes
    theirs = pd.PeriodIndex(pd.DatetimeIndex(times), freq=code)
    assert (codes == np.unique(theirs.asi8, return_inverse=True)[1]).all()


def test_a_small_period_joins_the_next_and_a_small_last_one_the_one_before() -> None:
    sizes = [5, 30, 40, 7]
    times = np.concatenate([spread(f"2024-0{month}-02", f"2024-0{month}-20", n) for month, n in enumerate(sizes, 1)])
    found = cut_periods(times, DriftOptions(periods="month"))
    assert [each.name for each in found.periods] == ["2024-01 to 2024-02", "2024-03 to 2024-04"]
    assert np.bincount(found.codes).tolist() == [35, 47]
    assert found.periods[0].start == np.datetime64("2024-01-02") and found.periods[1].end == np.datetime64("2024-04-20")


def test_parts_of_equal_size_never_cut_equal_times() -> None:
    days = np.repeat(spread("2024-01-01", "2024-01-30", 30), 3)
    assert names(days, 3) == ["2024-01-01 to 2024-01-10", "2024-01-11 to 2024-01-20", "2024-01-21 to 2024-01-30"]
    found = cut_periods(spread("2024-01-01", "2024-01-02", 97), DriftOptions(periods=4))
    assert np.bincount(found.codes).tolist() == [24, 24, 24, 25] and len({each.name for each in found.periods}) == 4
    times = np.array(["2022"] * 50 + ["2023"] * 30, dtype="datetime64[us]")
    assert names(times, 4) == ["2022", "2023"] and names(times) == ["2022", "2023"]
    assert names(np.array(["2022-03"] * 70, dtype="datetime64[us]"), 4) == ["2022-03"]


def test_units_without_a_time_are_in_no_period() -> None:
    times = np.concatenate([spread("2020-01-01", "2022-12-31", 90), np.array(["NaT"] * 5, dtype="datetime64[s]")])
    found = cut_periods(times)
    assert found.n_untimed == 5 and (found.codes[-5:] == -1).all() and len(found.periods) == 3
    assert cut_periods(np.array(["NaT"], dtype="datetime64[s]")).periods == []
    assert len(cut_periods(spread("2020-01-01", "2022-12-31", 30)).periods) == 1
