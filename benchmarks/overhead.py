"""What Kedro, storage and MLflow cost: a whole run against the same library calls in a bare script.

    python benchmarks/overhead.py [--env base]

Both run one after the other, in processes of their own, sequentially, from the same raw files; the ratio is what counts.
The bare script calls the node functions in order and keeps everything in memory: no catalog, no files but the token corpora
that training reads, no MLflow, no hooks.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa


def bare_run(env: str) -> None:
    """All library calls of a use case, in one process."""
    from kedro.framework.project import configure_project, pipelines
    from kedro.framework.session import KedroSession

    from emb_pipeline.provenance.node_fingerprints import find_output

    configure_project("emb_pipeline")
    with KedroSession.create(project_path=Path.cwd(), env=env) as session:
        parameters = session.load_context().params
    store: dict[str, object] = {"parameters": parameters}
    for node in pipelines["__default__"].nodes:
        for name in node.inputs:
            if name.startswith("params:"):
                value = parameters
                for part in name.removeprefix("params:").split("."):
                    value = value[part] if isinstance(value, Mapping) else getattr(value, part)
                store[name] = value
        values = {name: store[find_output(name, store)] for name in node.inputs}
        for name, value in node.run(values).items():
            store[name] = _as_loaded(value)


def _as_loaded(value: object) -> object:
    """What the catalog would give back: a stream as something to iterate again, a data frame as a table."""
    if isinstance(value, Iterator):
        return list(value)
    return pa.Table.from_pandas(value, preserve_index=False) if isinstance(value, pd.DataFrame) else value


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--env", default="base")
    arguments.add_argument("--project", type=Path, default=Path(__file__).parents[1])
    arguments.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.bare:
        bare_run(chosen.env)
        return
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, command in {
            "bare script": [sys.executable, str(Path(__file__).resolve()), "--env", chosen.env, "--bare"],
            "kedro run": [sys.executable, "-m", "kedro", "run", "--env", chosen.env],
        }.items():
            root = Path(folder) / name.replace(" ", "_")
            root.mkdir()
            for part in ("conf", "src"):
                shutil.copytree(chosen.project / part, root / part)
            for part in ("pyproject.toml", ".telemetry"):
                shutil.copy(chosen.project / part, root / part)
            (root / "data").mkdir()
            if (chosen.project / "data" / "01_raw").is_dir():
                shutil.copytree(chosen.project / "data" / "01_raw", root / "data" / "01_raw")
            started = time.perf_counter()
            subprocess.run(
                command,
                cwd=root,
                check=True,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1"},
            )
            seconds[name] = time.perf_counter() - started
            print(f"{name:12} {seconds[name]:8.1f} s", flush=True)
    print(f"ratio        {seconds['kedro run'] / seconds['bare script']:8.2f}")


if __name__ == "__main__":
    main()
