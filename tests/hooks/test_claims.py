"""Two runs at once: allowed where neither makes what the other one makes or takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kedro.pipeline import Pipeline, node

from emb_pipeline.hooks.claims import Claim
from emb_pipeline.hooks.one_run import WAIT, UseCaseInUseError, hold_use_case, list_used_elsewhere

HOLDER = """
import sys, time
from pathlib import Path
from emb_pipeline.hooks.claims import Claim
from emb_pipeline.hooks.one_run import hold_use_case
makes = None if sys.argv[2] == "all" else frozenset(sys.argv[2].split(","))
with hold_use_case(Path(sys.argv[1]), "shop", "kedro run --env shop --namespaces a", Claim(makes, frozenset({"texts"}))):
    print("held", flush=True)
    time.sleep(600)
"""


def take(*_inputs: Any) -> None:
    """A step."""


def claim(makes: str, takes: str = "") -> Claim:
    return Claim(frozenset(makes.split()), frozenset(takes.split()))


@pytest.mark.parametrize(
    ("first", "second", "collides"),
    [
        (claim("a.scores", "texts"), claim("b.scores", "texts"), False),
        (claim("a.scores", "texts"), claim("a.scores", "texts"), True),
        (claim("texts"), claim("a.scores", "texts"), True),
        (Claim(), claim("a.scores"), True),
        (Claim(), Claim(), True),
        (claim(""), claim("a.scores"), False),
    ],
)
def test_runs_collide_where_one_makes_what_the_other_makes_or_takes(first: Claim, second: Claim, collides: bool) -> None:
    assert first.collides_with(second) is second.collides_with(first) is collides
    assert Claim.read(first.write()) == first


def test_a_run_claims_what_its_steps_make_and_take_by_names_without_transcoding() -> None:
    whole = Pipeline(
        [
            node(take, None, "topic.examples", name="read"),
            node(take, ["examples@topic", "params:a"], "a.scores", name="a"),
            node(take, "a.scores", "page", name="report"),
        ]
    )
    assert Claim.of(whole.only_nodes("a"), whole) == claim("a.scores", "topic.examples")
    assert Claim.of(whole, whole) == Claim()
    assert Claim.of(whole.only_nodes("read"), whole).collides_with(Claim.of(whole.only_nodes("a"), whole))


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv(WAIT, raising=False)
    started: list[subprocess.Popen[str]] = []

    def start_holder(makes: str) -> subprocess.Popen[str]:
        running = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path), makes], stdout=subprocess.PIPE, text=True)
        started.append(running)
        assert running.stdout is not None and "held\n" in iter(running.stdout.readline, "")
        return running

    yield start_holder
    for each in started:
        each.kill()
        each.wait()


@pytest.mark.slow
def test_two_jobs_work_at_once_and_two_of_the_same_do_not(tmp_path: Path, start: Any) -> None:
    first = start("a.scores,a.vectors")
    with hold_use_case(tmp_path, "shop", "kedro run --namespaces b", claim("b.scores", "texts")):
        assert list_used_elsewhere(tmp_path) == {"a.scores", "a.vectors"}
    for other in (claim("a.vectors", "texts"), claim("texts"), claim("page", "a.scores"), Claim()):
        refused = pytest.raises(UseCaseInUseError, match=f"in use by process {first.pid} on .*--namespaces a")
        with refused, hold_use_case(tmp_path, "shop", "kedro run --env shop", other):
            pass
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    with hold_use_case(tmp_path, "shop", "kedro run --env shop"):
        assert list_used_elsewhere(tmp_path) == frozenset()
    assert list((tmp_path / ".runs").iterdir()) == []


@pytest.mark.slow
def test_all_is_in_use_while_another_process_runs_all(tmp_path: Path, start: Any) -> None:
    start("all")
    assert list_used_elsewhere(tmp_path) is None
    with pytest.raises(UseCaseInUseError), hold_use_case(tmp_path, "shop", "kedro run --namespaces b", claim("b.scores")):
        pass
