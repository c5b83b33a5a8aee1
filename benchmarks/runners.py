"""Runners side by side: wall and processor seconds of whole runs, and bytes and seconds of tasks by the size of the grid.

    python benchmarks/runners.py runs --repeats 3             # a tiny use case, each runner in turn, in fresh projects
    python benchmarks/runners.py runs --env base              # a use case of this project
    python benchmarks/runners.py tasks --sizes 48,200,1000    # nothing is trained: the tasks of a run are made, and packed

The processor time of a run is that of all of its processes. Runners take turns, so that a machine that becomes busy is so
for all of them; the ratio within a turn is what counts.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import pickle
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))
OURS = "emb_pipeline.runners.ProcessRunner"
RUNNERS = ("ParallelRunner", OURS)
_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER: processes whose parent has ended are counted, too


def time_runs(env: str, runners: Sequence[str], workers: int, repeats: int, project: Path | None) -> None:
    """Run the use case by each runner in turn, each time in a fresh folder."""
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    seconds: dict[str, list[tuple[float, float]]] = {runner: [] for runner in runners}
    for turn in range(repeats):
        for runner in runners if turn % 2 == 0 else reversed(runners):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder) / "project"
                copy_project(root, project)
                seconds[runner].append(time_run(root, env, runner, workers))
            wall, processor = seconds[runner][-1]
            print(f"{turn}  {runner:40} {wall:8.1f} s wall {processor:8.1f} s processor", flush=True)
    for place, what in enumerate(("wall", "processor")):
        ratios = [ours[place] / other[place] for ours, other in zip(seconds[runners[-1]], seconds[runners[0]], strict=True)]
        print(f"{runners[-1]} / {runners[0]}, {what}: median {statistics.median(ratios):.3f} of {len(ratios)} turns")


def time_run(root: Path, env: str, runner: str, workers: int) -> tuple[float, float]:
    """Time one run: seconds of the clock, and of all processors."""
    before, started = measure_children(), time.perf_counter()
    command = [sys.executable, "-m", "kedro", "run", "--env", env]
    if runner != "SequentialRunner":
        command += ["--runner", runner, "--runner-params", f"max_workers={workers}"]
    given = {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEDRO_LOGGING")}
    with (root / "printed.txt").open("w") as printed:
        subprocess.run(command, cwd=root, check=True, stdout=printed, stderr=printed, env={**environment, **given})
    wall = time.perf_counter() - started
    with suppress(ChildProcessError):
        while True:
            os.wait()
    return wall, measure_children() - before


def measure_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def copy_project(root: Path, project: Path | None) -> None:
    """Make a project without results: a copy of a given one, or one of the tests' tiny use case."""
    from tests.conftest import write_tiny_use_case

    source = project or PROJECT
    root.mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(source / name, root / name)
    shutil.copytree(source / "conf", root / "conf", ignore=shutil.ignore_patterns("local"))
    for name in ("conf/local", "src"):
        (root / name).mkdir()
    if project is None:
        write_tiny_use_case(root)
    elif (project / "data" / "01_raw").is_dir():
        shutil.copytree(project / "data" / "01_raw", root / "data" / "01_raw", symlinks=True)


def measure_tasks(sizes: Sequence[int]) -> None:
    """Make all tasks of grids of these numbers of embeddings, as each runner would, in a process for each."""
    for size in sizes:
        command = [sys.executable, str(Path(__file__).resolve()), "tasks-of-one", "--sizes", str(size)]
        subprocess.run(command, check=True)


def measure_tasks_of_one(n: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        copy_project(root, None)
        widen_grid(root, n)
        with open_session(root) as (pipeline, catalogs):
            found = {"embeddings": n, "nodes": len(pipeline.nodes), **compare_tasks(pipeline, *catalogs)}
            print(json.dumps(found), flush=True)


def widen_grid(root: Path, n: int) -> None:
    """Give the tiny use case n embeddings and four tasks."""
    import yaml

    path = root / "conf" / "tiny" / "globals.yml"
    grid = {"corpora": ["domain", "generic"], "methods": {"word2vec": list(range(2, 2 + n // 2))}}
    path.write_text(
        yaml.safe_dump({"use_case": "tiny", "grid": {**grid, "tasks": ["topic", "search", "topic_2", "search_2"]}})
    )
    parameters = root / "conf" / "tiny" / "parameters_tiny.yml"
    written = yaml.safe_load(parameters.read_text())
    tasks = written["task_definitions"]
    tasks |= {f"{name}_2": task for name, task in tasks.items()}
    parameters.write_text(yaml.safe_dump(written, sort_keys=False))


@contextmanager
def open_session(root: Path) -> Iterator[tuple[object, tuple[object, object]]]:
    """Open the use case: its pipeline, a catalog of Kedro's parallel runner, and one of ours."""
    from kedro.framework.project import pipelines
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro.io.data_catalog import SharedMemoryDataCatalog

    os.chdir(root)
    bootstrap_project(root)
    with KedroSession.create(root, env="tiny") as session:
        context = session.load_context()
        pipeline = pipelines["__default__"]
        shared, own = context._get_catalog(catalog_class=SharedMemoryDataCatalog), context._get_catalog()
        for catalog in (shared, own):
            for name in pipeline.datasets():
                catalog.get(name, fallback_to_runtime_pattern=True)
        yield pipeline, (shared, own)


def compare_tasks(pipeline: object, shared: object, own: object) -> dict[str, float]:
    """Pack a sample of nodes as Kedro does, and all as we do."""
    from kedro.runner.task import Task

    from emb_pipeline.runners.tasks import NodeTask, cut_catalog

    nodes = pipeline.nodes
    sample = nodes[:: max(len(nodes) // 10, 1)]
    started = time.process_time()
    kedro = [len(pickle.dumps(Task(node, shared, False, None, "run", True))) for node in sample]
    kedro_seconds = (time.process_time() - started) / len(sample) * len(nodes)
    started = time.process_time()
    ours = [len(NodeTask(node, cut_catalog(own, node), "run").pack()) for node in nodes]
    return {
        "kedro_bytes_a_task": round(statistics.mean(kedro)),
        "kedro_seconds_of_all": round(kedro_seconds, 2),
        "our_bytes_a_task": round(statistics.mean(ours)),
        "our_most_bytes": max(ours),
        "our_seconds_of_all": round(time.process_time() - started, 2),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("what", choices=["runs", "tasks", "tasks-of-one"])
    arguments.add_argument("--env", default="tiny")
    arguments.add_argument("--runners", default=",".join(RUNNERS))
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--sizes", default="48,200,1000")
    chosen = arguments.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    if chosen.what == "runs":
        project = None if chosen.env == "tiny" else PROJECT
        time_runs(chosen.env, chosen.runners.split(","), chosen.workers, chosen.repeats, project)
    elif chosen.what == "tasks":
        measure_tasks(sizes)
    else:
        measure_tasks_of_one(*sizes)


if __name__ == "__main__":
    main()
