"""A run under a budget: rounds, what is dropped, and the ordinary run of what remains."""

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import run_kedro

REPORTING = Path("data/08_reporting/tiny")
SEQUENTIAL = ("--env", "tiny", "--runner", "SequentialRunner")


def read_newest(table: str) -> pd.DataFrame:
    newest = max((REPORTING / f"{table}.parquet").glob("*/*.parquet"))
    return pd.read_parquet(newest)


@pytest.fixture
def chosen(finished: Path) -> str:
    return run_kedro(*SEQUENTIAL, "--budget", "10min").stdout


def test_what_is_clearly_worse_is_dropped_and_evaluated_in_full_by_a_later_run(chosen: str) -> None:
    board, rounds = read_newest("leaderboard"), read_newest("rounds")
    row = board[(board["task"] == "search") & (board["embedding"] == "generic.glove_8")].squeeze()
    assert row["dropped"].startswith("dropped after 50 of 60 queries: 0.2")
    assert "of task.tfidf, at least 0." in row["dropped"]
    assert pd.isna(row["value"]) and pd.isna(row["failed"])
    first = rounds[rounds["round"] == 1]
    assert first.loc[first["embedding"] == "generic.glove_8", "state"].eq("dropped").any()
    assert rounds["is_decided"].all()
    whole = board[(board["task"] == "search") & board["value"].notna()]
    assert {"task.tfidf", "control.random_8"} <= set(whole["embedding"])
    assert (whole.loc[whole["primary"], "n"] == 60).all()
    page = (REPORTING / "latest" / "report.html").read_text(encoding="utf-8")
    assert "Chosen under a budget" in page
    assert "chosen under a budget of 10min" in chosen

    run_kedro(*SEQUENTIAL, "--only-missing-outputs")
    board = read_newest("leaderboard")
    assert board["dropped"].isna().all()
    assert "generic.glove_8" in set(board.loc[(board["task"] == "search") & board["value"].notna(), "embedding"])
    assert read_newest("rounds").empty
    assert "Chosen under a budget" not in (REPORTING / "latest" / "report.html").read_text(encoding="utf-8")


def test_a_budget_that_is_too_small_decides_nothing_and_says_so(finished: Path) -> None:
    said = run_kedro(*SEQUENTIAL, "--budget", "1s").stdout
    rounds, board = read_newest("rounds"), read_newest("leaderboard")
    assert not rounds["is_decided"].any()
    assert "Not decided" in (REPORTING / "latest" / "report.html").read_text(encoding="utf-8")
    assert "not decided" in said
    of_search = board[(board["task"] == "search") & board["value"].notna() & board["primary"]]
    assert (of_search["n"] == 50).all()
