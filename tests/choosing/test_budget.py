"""A budget is a time, an amount of dollars, or both."""

from pathlib import Path

import pytest

from emb_pipeline.choosing.budget import parse_budget
from emb_pipeline.choosing.clock import Clock
from emb_pipeline.errors import DataError


@pytest.mark.parametrize(
    ("written", "seconds", "usd"),
    [
        ("10min", 600, None),
        ("2h", 7200, None),
        ("90s", 90, None),
        ("2usd", None, 2),
        ("1.50usd", None, 1.5),
        ("10min, 2USD", 600, 2),
        ("2usd,0.5h", 1800, 2),
    ],
)
def test_a_budget_is_a_time_an_amount_or_both(written: str, seconds: float | None, usd: float | None) -> None:
    budget = parse_budget(written)
    assert (budget.seconds, budget.usd) == (seconds, usd)


@pytest.mark.parametrize("written", ["", "10", "10 minutes", "-1min", "0s", "10min,5min", "2usd,1usd", "10min;2usd", "2eur"])
def test_what_is_no_budget_is_refused_with_one_that_works(written: str) -> None:
    with pytest.raises(DataError) as error:
        parse_budget(written)
    assert parse_budget("10min,1.50usd").usd == 1.5
    assert "10min,1.50usd" in error.value.remedy


def test_time_that_an_earlier_run_spent_counts_on_the_same_question(tmp_path: Path) -> None:
    first = Clock(tmp_path / "spent.json", "question")
    first._began -= 100
    first.note()
    assert 100 <= Clock(tmp_path / "spent.json", "question").spent < 110
    assert Clock(tmp_path / "spent.json", "another question").spent < 10
