"""The estimate of a run, and the refusal of one that cannot fit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from emb_pipeline.cli import cli
from emb_pipeline.config.active import build_active_experiment, load_active_parameters
from emb_pipeline.hooks import room
from emb_pipeline.hooks.display.guess import Guess
from emb_pipeline.hooks.room import NoRoomError, find_free_disk, require_room
from emb_pipeline.hooks.sizes import Sizes
from emb_pipeline.storage.free_memory import MEMORY_GB


@pytest.fixture
def tiny(project: Path) -> Path:
    bootstrap_project(project)
    return project


@pytest.mark.slow
def test_an_estimate_names_each_stage_and_the_whole(tiny: Path) -> None:
    done = CliRunner().invoke(cli, ["estimate", "--env", "tiny", "--format", "json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.output[done.output.index("{") :])
    assert {"ingest", "train", "evaluate", "report"} <= set(facts["stages"])
    low, expected, high = facts["wall_seconds"]
    assert 0 < low < expected < high < 3600
    assert facts["machine"]["words_per_second"] > 10_000 and facts["machine"]["measured_in_seconds"] < 120
    assert facts["memory_bytes"][1] == max(stage["memory_bytes"][1] for stage in facts["stages"].values())
    assert facts["disk_bytes"][1] == pytest.approx(sum(stage["disk_bytes"][1] for stage in facts["stages"].values()))


@pytest.mark.slow
def test_a_run_that_cannot_fit_is_refused_before_its_first_step_and_what_the_message_says_helps(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MEMORY_GB, "0.001")
    done = CliRunner().invoke(cli, ["estimate", "--env", "tiny"])
    assert done.exit_code == 1
    assert re.search(r"this run \(memory\): it takes about .* 0.0 GB are free; take fewer examples", done.output)
    with KedroSession.create(tiny, env="tiny") as session, pytest.raises(NoRoomError, match="machine: check to false"):
        session.run(tags=["ingest"])
    assert not list((tiny / "data").rglob("documents.parquet"))
    with KedroSession.create(tiny, env="tiny", runtime_params={"machine": {"check": False}}) as session:
        session.run(tags=["ingest"])
    assert list((tiny / "data").rglob("documents.parquet"))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus_and_disk_does(tiny: Path) -> None:
    with KedroSession.create(tiny, env="tiny") as session:
        session.load_context()
        experiment, guess = build_active_experiment(), Guess(load_active_parameters(), tiny)
        steps = [each for each in pipelines["__default__"].nodes if "ingest" in each.tags]
    needs = []
    for words in (1e8, 1e9):
        guess.words = dict.fromkeys(guess.words, words)
        sizes = Sizes(experiment, guess)
        needs.append((sizes.estimate_memory(steps), sizes.estimate_disk(steps)))
    assert needs[1][0] < 2 * needs[0][0] and needs[1][1] > 9 * needs[0][1]
    with pytest.raises(NoRoomError, match=r"\(disk space\): .* name a larger disk as data_root"):
        require_room(steps, sizes, "data", free_memory=1e12, free_disk=1e9)
    require_room(steps, sizes, "data", free_memory=1e12, free_disk=1e12)


def test_the_disk_is_that_of_the_nearest_folder_that_is_there(tmp_path: Path) -> None:
    assert find_free_disk(str(tmp_path / "not" / "yet")) == pytest.approx(find_free_disk(str(tmp_path)), rel=0.01)
    assert find_free_disk("s3://bucket/results") == float("inf")


@pytest.mark.slow
def test_a_run_that_continues_needs_room_for_what_is_missing_alone(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap_project(finished)
    monkeypatch.setattr(room, "find_free_disk", lambda folder: 1.0)
    with KedroSession.create(finished, env="tiny") as session, pytest.raises(NoRoomError, match="disk space"):
        session.run(tags=["ingest"])
    with KedroSession.create(finished, env="tiny") as session:
        session.run(tags=["ingest"], only_missing_outputs=True)
