"""Small pipelines in other processes: what is passed, how errors arrive, and what happens where a process is killed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import configure_project, settings
from kedro.io import AbstractDataset, DataCatalog
from kedro.pipeline import Pipeline, node
from kedro_datasets.json import JSONDataset

from emb_pipeline.datasets.tables import TableDataset
from emb_pipeline.errors import DataError
from emb_pipeline.hooks.display.events import EVENTS, EventReader
from emb_pipeline.hooks.display.hook import Display
from emb_pipeline.hooks.display.logs import LOG
from emb_pipeline.runners import DaskRunner, ProcessRunner
from emb_pipeline.runners.errors import ClusterError, NodeError, WorkerKilledError
from emb_pipeline.runners.node_runner import NodeRunner
from tests.runners import steps
from tests.runners.conftest import Cluster

pytestmark = pytest.mark.slow
CELL = {"origin": "domain", "key": "word2vec_8", "method": "word2vec", "dim": 8, "options": {}}


@pytest.fixture(autouse=True)
def the_package_is_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    configure_project("emb_pipeline")
    for hook in settings.HOOKS:
        if isinstance(hook, Display):  # a run of another test in this process has left its log
            hook._log.close()
            monkeypatch.setattr(hook._log, "_owner", 0)


@pytest.fixture(params=["processes", "cluster"])
def make_runner(request: pytest.FixtureRequest) -> Callable[[], NodeRunner]:
    """A runner of processes, or of a cluster with one worker."""
    if request.param == "processes":
        return lambda: ProcessRunner(max_workers=2)
    cluster: Cluster = request.getfixturevalue("cluster")
    cluster.start_worker()
    return lambda: DaskRunner(cluster.address)


def run(runner: NodeRunner, steps: list[Any], **given: Any) -> DataCatalog:
    catalog = DataCatalog()
    for name, value in given.items():
        catalog[name] = value
    runner.run(Pipeline(steps), catalog, run_id="test")
    return catalog


def test_a_graph_runs_elsewhere_and_an_error_arrives_as_it_was_raised(
    make_runner: Callable[[], NodeRunner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (EVENTS, LOG):
        monkeypatch.setenv(name, str(tmp_path / name))
    stored = JSONDataset(filepath=str(tmp_path / "joined.json"))
    catalog = run(
        make_runner(),
        [
            node(steps.name_process, "start", "first", name="first"),
            node(steps.name_process, "first", "second", name="second"),
            node(steps.join, ["first", "second"], "joined", name="last"),
        ],
        start="begun",
        joined=stored,
    )
    first, second = catalog.load("joined").split(", ")
    assert first.startswith("begun in ") and second.startswith(f"{first} in ")
    assert str(os.getpid()) not in first.split()
    worker = int(first.rpartition(" ")[2])
    begun = [event for event in EventReader(tmp_path / EVENTS).read_new() if event["event"] == "start"]
    assert [event["node"] for event in begun] == ["first", "second", "last"] and begun[0]["process"] == worker
    assert f" - {worker} - emb_pipeline.steps - INFO - a step says begun\n" in (tmp_path / LOG).read_text()
    with pytest.raises(DataError, match="row 17: the label is 'x'; fill it in") as refused:
        run(make_runner(), [node(steps.refuse, "start", "out", name="read")], start="x")
    assert "def refuse" in str(refused.value.__cause__) or "in refuse" in str(refused.value.__cause__)
    with pytest.raises(NodeError, match="stubborn: StubbornError: x and more"):
        run(make_runner(), [node(steps.raise_stubbornly, "start", "out", name="stubborn")], start="x")


def test_after_an_error_what_is_at_work_ends_and_nothing_else_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {name: JSONDataset(filepath=str(tmp_path / f"{name}.json")) for name in ("good", "after")}
    with pytest.raises(DataError), caplog.at_level(logging.INFO):
        run(
            ProcessRunner(max_workers=2),
            [
                node(steps.name_process, "start", "good", name="good"),
                node(steps.refuse, "start", "bad", name="bad"),
                node(steps.join, ["good", "bad"], "after", name="after"),
            ],
            start="x",
            **files,
        )
    assert files["good"].exists() and not files["after"].exists()
    assert "You can resume the pipeline run" in caplog.text


def test_only_what_is_missing_runs(tmp_path: Path) -> None:
    def run_again() -> str:
        files = {name: JSONDataset(filepath=str(tmp_path / f"{name}.json")) for name in ("first", "second")}
        each = [node(steps.name_process, *pair, name=pair[1]) for pair in (("start", "first"), ("first", "second"))]
        catalog = DataCatalog(files)
        catalog["start"] = "begun"
        ProcessRunner(max_workers=1).run(Pipeline(each), catalog, run_id="test", only_missing_outputs=True)
        return str(catalog.load("second"))

    before = run_again()
    assert run_again() == before
    (tmp_path / "second.json").unlink()
    assert run_again() != before


def test_a_node_whose_process_was_killed_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    catalog = run(
        ProcessRunner(max_workers=2),
        [
            node(steps.end_process_once, "folder", "made", name="big"),
            *(node(steps.name_process, "folder", f"other_{n}", name=f"other_{n}") for n in range(3)),
        ],
        folder=str(tmp_path),
    )
    assert catalog.load("made") == "made" and all(catalog.load(f"other_{n}") for n in range(3))
    assert "big: the process that worked on it was killed" in caplog.text and "it is tried again" in caplog.text


def test_a_cell_whose_process_is_killed_again_and_again_has_failed_and_the_rest_goes_on(tmp_path: Path) -> None:
    scores: AbstractDataset[Any, Any] = TableDataset(filepath=str(tmp_path / "scores.parquet"))
    catalog = run(
        ProcessRunner(max_workers=2),
        [
            node(steps.train_too_much, ["params:cell", "text"], "scores", name="train"),
            *(node(steps.name_process, "text", f"other_{n}", name=f"other_{n}") for n in range(3)),
        ],
        **{"params:cell": steps.EmbeddingSpec.model_validate(CELL), "text": "a text", "scores": scores},
    )
    failed = catalog.load("scores")
    assert failed.place == "domain.word2vec_8" and "was killed, perhaps for want of memory" in failed.reason
    assert failed.cell["method"] == "word2vec" and all(catalog.load(f"other_{n}") for n in range(3))


def test_a_step_that_no_cell_owns_ends_the_run_where_its_process_is_killed() -> None:
    with pytest.raises(WorkerKilledError, match=r"big: the process .* was killed"):
        run(ProcessRunner(max_workers=1), [node(steps.end_process, "start", "out", name="big")], start="x")


def test_a_cluster_made_for_a_run_listens_on_the_loopback_interface_alone() -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    catalog = run(DaskRunner(max_workers=1), [node(steps.list_listening, "start", "out", name="look")], start="x")
    assert catalog.load("out") == ["127.0.0.1"]


def test_an_address_without_a_scheduler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    monkeypatch.setattr("emb_pipeline.runners.dask_runner._CONNECT_SECONDS", "1s")
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers there .*; start one: dask scheduler"):
        DaskRunner("tcp://127.0.0.1:1")
