"""A run under a budget: rounds, what is dropped, and the ordinary run of what remains."""

import os
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import run_kedro
from tests.embeddings.remote.server import Service, count_tokens, serve
from tests.forked import start_in_fork

REPORTING = Path("data/08_reporting/tiny")
ROUNDS = Path("data/02_intermediate/rounds/tiny")
SEQUENTIAL = ("--env", "tiny", "--runner", "SequentialRunner")
PRICE = 1000.0
PAID = """
use_case: tiny
grid:
  corpora: []
  baselines: [tfidf, bm25, one_hot]
  controls: [random_8]
  pretrained:
    service:
      method: api
      options: {base_url: "%s", model: tiny, price_per_million_tokens: 1000, drift_texts: 0, latency_requests: 0}
  tasks: [search]
"""


def read_newest(table: str) -> pd.DataFrame:
    newest = max((REPORTING / f"{table}.parquet").glob("*/*.parquet"))
    return pd.read_parquet(newest)


def kill_in_the_first_round() -> None:
    """Start a run under a budget, and kill it when the first cells of a round are there."""
    environment = {**os.environ, "COLUMNS": "400"}
    with start_in_fork(("-m", "kedro", "run", *SEQUENTIAL, "--budget", "10min"), environment) as running:
        ends = time.monotonic() + 120
        while len(list(ROUNDS.rglob("*.parquet"))) < 2 and time.monotonic() < ends:
            assert running.process.is_alive()
            time.sleep(0.02)
        running.process.kill()
        running.process.join()


def test_what_is_clearly_worse_is_dropped_and_a_later_run_has_it_in_full(finished: Path) -> None:
    kill_in_the_first_round()
    made = {file: file.stat().st_mtime_ns for file in ROUNDS.rglob("*.parquet")}
    said = run_kedro(*SEQUENTIAL, "--budget", "10min").stdout
    assert f"{len(made)} of them there already" in said
    assert {file: file.stat().st_mtime_ns for file in made} == made
    board, rounds = read_newest("leaderboard"), read_newest("rounds")
    row = board[(board["task"] == "search") & (board["embedding"] == "generic.glove_8")].squeeze()
    assert row["dropped"].startswith("dropped after 50 of 60 queries: 0.2")
    assert "among 59 of 60 passages against 0.993 of task.tfidf among all, at least 0." in row["dropped"]
    assert pd.isna(row["value"]) and pd.isna(row["failed"])
    first = rounds[rounds["round"] == 1]
    assert first.loc[first["embedding"] == "generic.glove_8", "state"].eq("dropped").any()
    assert rounds["is_decided"].all() and rounds["spent_usd"].eq(0).all()
    whole = board[(board["task"] == "search") & board["value"].notna()]
    assert {"task.tfidf", "control.random_8"} <= set(whole["embedding"])
    assert (whole.loc[whole["primary"], "n"] == 60).all()
    page = (REPORTING / "latest" / "report.html").read_text(encoding="utf-8")
    assert "Chosen under a budget" in page
    assert "chosen under a budget of 10min" in said

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


def test_dollars_are_counted_by_the_account_of_the_service_and_never_exceeded(project: Path) -> None:
    with serve(Service()) as service:
        (project / "conf/tiny/globals.yml").write_text(PAID % service.url)
        refused = run_kedro(*SEQUENTIAL, "--budget", "0.01usd", check=False)
        assert refused.returncode and "the first round needs about $" in refused.stderr
        assert set(service.billed_texts) <= {"dimension"}  # one word: how long are its vectors?
        run_kedro(*SEQUENTIAL, "--budget", "5usd")
    rounds = read_newest("rounds")
    billed = sum(map(count_tokens, service.billed_texts)) * PRICE / 1e6
    assert 0 < rounds["spent_usd"].max() <= billed + 1e-9 < 5
    assert rounds["full_usd"].notna().all()
    assert rounds.loc[rounds["embedding"] == "pretrained.service", "state"].iloc[-1] == "dropped"


@pytest.mark.parametrize("given", [("--budget", "ten"), ("--budget", "10min", "--pipelines", "evaluate")])
def test_a_budget_that_cannot_be_kept_is_refused_before_anything_runs(project: Path, given: tuple[str, ...]) -> None:
    refused = run_kedro(*SEQUENTIAL, *given, check=False)
    assert refused.returncode and "--budget" in refused.stderr
