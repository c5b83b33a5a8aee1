"""Real runs on a terminal: they show themselves, their log is whole, and Ctrl-C ends them with the way to go on."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from emb_pipeline.hooks.display.events import EventReader
from tests.conftest import run_kedro
from tests.hooks.display.terminal import CTRL_C, Terminal, find_log

pytestmark = pytest.mark.slow
RUNNERS = {
    "sequential": "",
    "threads": "--runner ThreadRunner",
    "processes": "--runner emb_pipeline.runners.ProcessRunner --runner-params max_workers=2",
}
PARALLEL = "--runner ParallelRunner --runner-params max_workers=2"
LONG = "methods.word2vec.epochs=500,methods.word2vec.negative=50"
"""A training that still goes on when the keys arrive, and when a second picture is drawn."""
RUN = ("-m", "kedro", "run", "--env", "tiny", "--pipelines", "ingest,train")


def read_events(project: Path) -> list[dict[str, object]]:
    files = sorted((project / "logs" / "tiny").glob("*.jsonl"))
    return list(EventReader(files[-1]).read_new()) if files else []


def has_started(project: Path, step: str) -> bool:
    return any(event["event"] == "start" and step in str(event["node"]) for event in read_events(project))


def list_completed(log: str) -> set[str]:
    return set(re.findall(r"Completed node: (\S+)", log))


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_a_run_is_shown_live_and_its_log_is_whole(runner: str, project: Path) -> None:
    terminal = Terminal(*RUN, "--params", LONG, *runner.split(), size=(80, 24))
    terminal.wait()
    assert terminal.exit_code == 0, terminal.text[-3000:]
    shown, log = terminal.text, find_log(project)
    planned = {name for event in read_events(project) if event["event"] == "begin" for name, *_ in event["nodes"]}
    n = len(planned)
    assert f"tiny: {n} nodes to run, about " in shown and f"log: {log.relative_to(project)}" in shown
    assert "tiny  " in shown and f" of {n} nodes  ━" in shown and "▶ " in shown
    assert re.search(rf"\n{n} of {n} nodes in \d+:\d\d\n", shown)
    assert "Completed node" not in shown
    text = log.read_text()
    assert n > 12 and list_completed(text) == planned
    assert f"Completed {n} out of {n} tasks" in text and "the run took " in text
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ - \d+ - ", line) for line in text.splitlines())


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_ctrl_c_ends_a_run_and_says_how_to_go_on(runner: str, project: Path) -> None:
    from tests.datasets.test_tracking import runs

    run = ("-m", "emb_pipeline", "run", "tiny", *RUN[-2:]) if "Thread" in runner else RUN  # both commands end alike
    terminal = Terminal(*run, "--params", LONG, *runner.split())
    terminal.wait(lambda: has_started(project, "train_"))
    processes = psutil.Process(terminal.pid).children(recursive=True)
    terminal.press(CTRL_C)
    terminal.wait(seconds=60)
    assert terminal.exit_code == 130, terminal.text[-3000:]
    command = f"kedro run --env tiny --pipelines ingest,train --params {LONG} --only-missing-outputs {runner}".strip()
    ends = " ".join(terminal.text.split())
    assert "To go on: kedro run --env tiny --pipelines " in ends
    assert sorted(re.split(r"[ ,]", ends.rpartition("To go on: ")[2])) == sorted(re.split(r"[ ,]", command))
    assert "Traceback" not in terminal.text
    assert not psutil.wait_procs(processes, timeout=20)[1]
    assert [run.info.status for run in runs(f"sqlite:///{project / 'mlflow.db'}", "emb/runs")] == ["KILLED"]


def test_a_worker_that_is_killed_ends_the_run_with_the_nodes_that_it_may_have_worked_on(project: Path) -> None:
    terminal = Terminal(*RUN, "--params", LONG, *PARALLEL.split())
    terminal.wait(lambda: has_started(project, "train_"))
    started = [event for event in read_events(project) if event["event"] == "start" and "train_" in str(event["node"])]
    os.kill(int(str(started[0]["process"])), signal.SIGKILL)
    terminal.wait()
    assert terminal.exit_code == 1
    shown = " ".join(terminal.text.split())
    assert "A worker was killed, perhaps for want of memory, while these ran: " in shown
    assert "To go on: kedro run --env tiny --pipelines " in shown and "it takes less memory" in shown
    assert "Traceback" not in shown and "BrokenProcessPool" in find_log(project).read_text()
    assert "\x1b[?25h" in terminal.raw  # the cursor is shown again


def test_without_a_terminal_a_run_says_little_and_its_estimate_is_held_against_its_time(finished: Path) -> None:
    console = (finished / "console.txt").read_text()
    before_scores = console.partition("search (60 queries)")[0].splitlines()
    assert len(before_scores) < 40 and any("ingest: 12 of 12 nodes done" in line for line in before_scores)
    log = find_log(finished).read_text()
    whole = re.search(r"Completed (\d+) out of \1 tasks", log)
    assert whole and re.search(r"the estimate was .*, [+-]\d+ % off", log)
    again = run_kedro("--env", "tiny", "--only-missing-outputs")
    assert f"tiny: 0 nodes to run, {whole[1]} reused" in again.stdout
    (times,) = json.loads((finished / "data/06_models/tiny/.node_seconds.json").read_text()).values()
    assert len(times) == int(whole[1]) and all(seconds >= 0 for seconds in times.values())


def test_every_line_of_the_log_can_be_asked_for_and_another_way_is_refused(project: Path) -> None:
    ingest = ("--env", "tiny", "--pipelines", "ingest")
    assert "Completed node: " in run_kedro(*ingest, env={"EMB_PIPELINE_CONSOLE": "lines"}).stdout
    refused = run_kedro(*ingest, env={"EMB_PIPELINE_CONSOLE": "line"}, check=False)
    assert refused.returncode == 1 and "there is no way 'line' to show a run; did you mean 'lines'?" in refused.stderr
