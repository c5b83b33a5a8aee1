"""The state of a run, its picture and its plain lines, from events."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from kedro.pipeline import Pipeline, node
from rich.console import Console

from emb_pipeline.hooks.display.draw import draw_run
from emb_pipeline.hooks.display.durations import Durations
from emb_pipeline.hooks.display.events import EVENTS, EventReader, write_event
from emb_pipeline.hooks.display.hook import prepare_files, write_end
from emb_pipeline.hooks.display.picture import draw_svg
from emb_pipeline.hooks.display.plain import PlainLines
from emb_pipeline.hooks.display.plan import simulate
from emb_pipeline.hooks.display.state import RunState

START = 1000.0


def make_events(n_embeddings: int, tasks: tuple[str, ...] = ("topic", "search"), n_scored: int = 0) -> list[dict[str, Any]]:
    """Make the events of a run that scores embeddings on tasks; the first cell fails, the second is reused."""
    origins = itertools.cycle(["domain", "generic", "pretrained", "task", "control"])
    names = [f"{next(origins)}.embedding_{n}" for n in range(n_embeddings)]
    cells = [(name, task) for name in names for task in tasks]
    nodes: list[Any] = [["ingest.read", "ingest", None, 5.0, True]]
    nodes += [[f"{name}.{task}.evaluate", "evaluate", [name, task], 2.0, n != 1] for n, (name, task) in enumerate(cells)]
    begin = {
        "use_case": "shop",
        "log": "logs/shop/1.log",
        "n_workers": 2,
        "estimate": [50, 60, 90],
        "is_known": True,
        "unranked": [],
    }
    events: list[dict[str, Any]] = [{"event": "begin", "time": START, "nodes": nodes, **begin}]
    times = itertools.count(1)
    events += [
        {"event": "start", "time": START, "node": "ingest.read", "process": 1},
        {"event": "end", "time": START + 5, "node": "ingest.read", "status": "done", "seconds": 5.0},
    ]
    for number, (name, task) in enumerate(cells[: n_scored + 2]):
        if number == 1:
            continue
        step, now = f"{name}.{task}.evaluate", START + 5 + next(times)
        events.append({"event": "start", "time": now, "node": step, "process": 2})
        if number:
            score = {"value": number / 100, "metric": "accuracy", "is_higher_better": True}
            events.append({"event": "score", "time": now, "embedding": name, "task": task, **score})
        status = "done" if number else "failed"
        events.append({"event": "end", "time": now + 1, "node": step, "status": status, "seconds": 1.0})
    return events


def play(events: list[dict[str, Any]]) -> RunState:
    state = RunState()
    for event in events:
        state.apply(event)
    return state


def show(state: RunState, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(draw_run(state, width, height))
    return console.export_text().splitlines()


@pytest.mark.parametrize("size", [(100, 30), (80, 24), (60, 14), (200, 60)])
@pytest.mark.parametrize("n_embeddings", [0, 3, 25, 60, 300])
@pytest.mark.parametrize("n_tasks", [1, 2, 9])
def test_the_picture_fits_the_terminal_and_always_names_progress_and_log(
    n_embeddings: int, n_tasks: int, size: tuple[int, int]
) -> None:
    state = play(make_events(n_embeddings, tuple(f"task_{n}" for n in range(n_tasks)), n_scored=n_embeddings * n_tasks))
    for number in range(40):
        state.apply({"event": "warning", "time": START, "text": f"a long warning {number} " * 20})
    lines = show(state, *size)
    assert len(lines) <= size[1] and all(len(line) <= size[0] for line in lines)
    assert "nodes" in lines[0] and "log: logs/shop/1.log" in lines[-1] and "40 warnings, the last: a long" in lines[-2]


def test_the_grid_fills_and_the_first_two_scores_of_a_task_are_a_leaderboard() -> None:
    one = "\n".join(show(play(make_events(4, n_scored=2)), 100, 30))
    assert "✗" in one and "□" in one and "·" in one and "best of" not in one
    two = "\n".join(show(play(make_events(4, n_scored=4)), 100, 30))
    assert "topic, best of 2" in two and two.count("generic.embedding_1") == 3
    dense = show(play(make_events(60, n_scored=20)), 100, 30)
    topic = next(line for line in dense if line.startswith("topic "))
    assert topic.count("■") + topic.count("✗") + topic.count("□") + topic.count("·") == 60


@pytest.mark.parametrize("width", [80, 120])
def test_how_long_a_training_takes_still_is_seen_on_a_narrow_terminal_too(width: int) -> None:
    state = play(make_events(3))
    step = "domain.embedding_0.topic.evaluate"
    state.apply({"event": "start", "time": START + 20, "node": step, "process": 1})
    said = "domain.embedding_0.topic: epoch 3 of 5, loss 0.1234, 1,234,567 words/s, 12 s left"
    state.apply({"event": "says", "time": START + 21, "node": step, "text": said})
    (line,) = [line for line in show(state, width, 30) if "topic: evaluate" in line]
    assert line.rstrip().endswith("words/s, 12 s left") and line.count("domain.embedding_0") == 1


def test_time_left_follows_the_pace_of_the_nodes_that_have_ended() -> None:
    slow = make_events(20, n_scored=10)
    state, quick = play(slow), play([{**event, "seconds": 0.1} if event["event"] == "end" else event for event in slow])
    assert state.estimate_left() > 2 * quick.estimate_left() > 0
    done = play([*slow, {"event": "stop", "time": START + 60, "status": "done"}])
    assert done.running == [] and done.elapsed == 60


def test_a_node_of_which_only_the_runner_tells_has_ended_and_no_time_is_made_of_it() -> None:
    state = play([*make_events(3), {"event": "completed", "time": START + 9, "node": "task.embedding_3.topic.evaluate"}])
    assert state.count() == (2, 6)
    state.apply({"event": "completed", "time": START + 9, "node": "pretrained.embedding_2.search.evaluate"})
    assert state.count() == (3, 6)
    failed = "domain.embedding_0.topic.evaluate"
    state.apply({"event": "completed", "time": START + 9, "node": failed})
    assert state.steps[failed].status == "failed"


def test_all_warnings_are_listed_at_the_end_each_once() -> None:
    state = play(make_events(3, n_scored=4))
    for text in ("few words are known", "a text was cut", "few words are known"):
        state.apply({"event": "warning", "time": START, "text": text})
    state.apply({"event": "stop", "time": START + 60, "status": "done"})
    lines = write_end(state).splitlines()
    assert lines == ["6 of 6 nodes in 1:00, 1 failed", "Warnings:", "  2 × few words are known", "  a text was cut"]


def test_plain_lines_are_one_a_stage_one_a_half_minute_and_each_warning_once() -> None:
    state, plain = play(make_events(10)[:3]), PlainLines()
    assert list(plain.find_due(state)) == ["0:05  ingest: 1 of 1 nodes done"]
    assert list(plain.find_due(state)) == []
    for _ in range(3):
        state.apply({"event": "warning", "time": START + 6, "text": "few words are known"})
    state.apply({"event": "notice", "time": START + 6, "text": "api: 10 texts, about $1"})
    assert list(plain.find_due(state)) == ["api: 10 texts, about $1", "warning: few words are known"]
    state.now = START + 36
    (line,) = plain.find_due(state)
    assert line.startswith("0:36  1 of 20 nodes, about ") and state.warnings["few words are known"] == 3


def test_events_of_a_process_that_was_killed_while_it_wrote_spoil_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.jsonl"
    monkeypatch.setenv(EVENTS, str(path))
    write_event("start", node="a")
    reader = EventReader(path)
    assert [event["node"] for event in reader.read_new()] == ["a"]
    with path.open("a") as file:
        file.write('{"event": "start", "no')
    assert list(reader.read_new()) == []
    with path.open("a") as file:
        file.write("\n")
    write_event("end", node="b")
    assert [event["node"] for event in reader.read_new()] == ["b"]
    monkeypatch.delenv(EVENTS)
    write_event("end", node="c")
    assert list(reader.read_new()) == []


def do(*inputs: object) -> int:
    return len(inputs)


def test_the_time_of_a_run_is_that_of_its_longest_chain_where_workers_wait() -> None:
    steps = [
        node(do, None, "a", name="a"),
        node(do, "a", "b", name="b"),
        *(node(do, None, f"x{n}", name=f"x{n}") for n in range(4)),
    ]
    needs = Pipeline(steps).node_dependencies
    seconds = {"a": 5.0, "b": 5.0, **{f"x{n}": 1.0 for n in range(4)}}
    assert simulate(needs, seconds, 1) == 14.0 and 10.0 <= simulate(needs, seconds, 2) <= 12.0
    assert simulate(needs, seconds, 8) == 10.0 and simulate({}, {}, 2) == 0.0


def test_times_are_kept_by_pace_and_a_damaged_file_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "seconds.json"
    Durations(path).keep({"domain.a.topic.evaluate": 2.0, "domain.b.topic.evaluate": 4.0})
    Durations(path, "fast").keep({"domain.a.topic.evaluate": 0.5})
    whole, of_another_job = Durations(path), Durations(path)
    assert whole.seconds["domain.a.topic.evaluate"] == 2.0 and whole.find_similar("domain.c.topic.evaluate") == 3.0
    assert Durations(path, "fast").seconds == {"domain.a.topic.evaluate": 0.5} and whole.find_similar("train") is None
    whole.keep({"domain.c.topic.evaluate": 3.0})
    of_another_job.keep({"domain.d.topic.evaluate": 5.0})
    assert {"domain.a.topic.evaluate", "domain.c.topic.evaluate", "domain.d.topic.evaluate"} < set(Durations(path).seconds)
    path.write_text("[1")
    assert Durations(path).seconds == {}


def test_jobs_that_begin_in_the_same_moment_have_logs_of_their_own_and_only_old_logs_go(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"2026-01-{number:02}.log").touch()
        if number < 20:
            os.utime(tmp_path / f"2026-01-{number:02}.log", (0, 0))
    names = [prepare_files(tmp_path, "2026-02-01").name for _ in range(3)]
    assert names == ["2026-02-01.log", "2026-02-01-2.log", "2026-02-01-3.log"]
    left = {file.name for file in tmp_path.glob("*.log")}
    assert len(left) <= 22 and {f"2026-01-{number:02}.log" for number in range(20, 30)} < left


def test_drawing_takes_little_and_a_finished_run_is_drawn_again_from_its_file(tmp_path: Path) -> None:
    path, events = tmp_path / "run.jsonl", make_events(43, ("topic", "search", "ner", "pairs"), n_scored=80)
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    began = time.thread_time()
    for _ in range(10):
        show(play(events), 100, 30)
    assert (time.thread_time() - began) / 10 < 0.5
    svg = draw_svg(path, 0.8, 100, 30)
    assert svg.startswith("<svg") and "kedro&#160;run" in svg and "■" in svg
    assert "url(" not in svg.replace("url(#", "")  # nothing is fetched
