"""Whole runs of the tiny use case by workers, some of which are killed: they find the same as a run in one process."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from emb_pipeline.hooks.display.events import EventReader
from tests.conftest import run_kedro
from tests.forked import run_in_fork
from tests.runners.conftest import Cluster, wait_for
from tests.runners.results import assert_same_results

pytestmark = pytest.mark.slow
WORKER = "emb_pipeline.runners."


def find_begun(project: Path) -> list[int]:
    """Find the processes that have begun a node, in their order."""
    found = [EventReader(file).read_new() for file in (project / "logs" / "tiny").glob("*.jsonl")]
    return list(dict.fromkeys(int(event["process"]) for events in found for event in events if event["event"] == "start"))


def kill_meanwhile(kill: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


def test_a_worker_with_another_version_of_the_package_works_by_the_source_of_the_run(
    cluster: Cluster, project: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old" / "emb_pipeline"
    old.mkdir(parents=True)
    (old / "__init__.py").write_text("raise ImportError('an old version')")
    cluster.start_worker(env={"PYTHONPATH": str(old.parent), "XDG_CACHE_HOME": str(tmp_path / "cache")})
    given = ("--runner", f"{WORKER}DaskRunner", "--runner-params", f"address={cluster.address}")
    run_kedro("--env", "tiny", "--nodes", "ingest.domain.read", *given)
    assert (project / "data/02_intermediate/tiny/domain/documents.parquet").is_file()
    (source,) = (tmp_path / "cache" / "emb_pipeline" / "source").iterdir()
    assert (source / "emb_pipeline" / "runners" / "remote.py").is_file()


def test_a_task_stays_small_where_embeddings_are_many(project: Path) -> None:
    path = project / "conf/tiny/globals.yml"
    grid = {"corpora": ["domain", "generic"], "methods": {"word2vec": list(range(2, 62))}, "tasks": ["topic", "search"]}
    path.write_text(yaml.safe_dump({"use_case": "tiny", "grid": grid}))
    done = run_in_fork(["-c", "from tests.runners.task_sizes import print_sizes; print_sizes()"], os.environ)
    sizes = json.loads(done.stdout.splitlines()[-1])
    assert len(sizes) > 400 and max(sizes.values()) < 10_000 and sum(sizes.values()) / len(sizes) < 3_000


def test_processes_of_this_machine_find_the_same_and_one_that_is_killed_is_replaced(sequential: Path, project: Path) -> None:
    def kill() -> None:
        os.kill(wait_for(lambda: find_begun(project))[0], signal.SIGKILL)

    killing = kill_meanwhile(kill)
    done = run_kedro("--env", "tiny", "--runner", f"{WORKER}ProcessRunner", "--runner-params", "max_workers=2")
    killing.join()
    assert "was killed, perhaps for want of memory" in done.stdout and "it is tried again" in done.stdout
    assert len(find_begun(project)) == 3
    assert_same_results(project, sequential)


def test_a_cluster_finds_the_same_though_a_worker_and_another_with_its_nanny_are_killed(
    cluster: Cluster, sequential: Path, project: Path
) -> None:
    nannies = [cluster.start_worker("--resources", "memory=1e12 GPU=1") for _ in range(2)]
    cluster.wait_for_workers()

    def kill() -> None:
        first, second = wait_for(lambda: found if len(found := find_begun(project)) > 1 else [])[:2]
        os.kill(first, signal.SIGKILL)  # its nanny starts another one
        nanny = psutil.Process(second).parents()
        os.kill(next(each.pid for each in nanny if each.pid in nannies), signal.SIGKILL)
        os.kill(second, signal.SIGKILL)

    killing = kill_meanwhile(kill)
    done = run_kedro("--env", "tiny", "--runner", f"{WORKER}DaskRunner", "--runner-params", f"address={cluster.address}")
    killing.join()
    assert "with 2 workers" in done.stdout
    assert len(find_begun(project)) == 3
    assert_same_results(project, sequential)
