"""``emb-pipeline doctor``: what this installation can do, and what it lacks."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import psutil
from kedro.utils import find_kedro_project

from emb_pipeline.cli.command import ProjectCommand
from emb_pipeline.embeddings.extras import EXTRAS, is_installed

_NEEDED = ("kedro", "kedro_datasets", "mlflow", "gensim", "sklearn", "numba", "pyarrow", "plotly")
_LEAST_MEMORY, _LEAST_DISK = 4 << 30, 5 << 30
OK, NOTE, BAD = "ok", "note", "bad"
_MARKS = {OK: ("✓", "green"), NOTE: ("·", "yellow"), BAD: ("✗", "red")}


class Found(NamedTuple):
    """The finding of one check.

    Attributes
    ----------
    state : {"ok", "note", "bad"}
        Fine; something that only some need is missing; a run will fail.
    what, remedy : str
        In words, and the way out.
    """

    state: str
    what: str
    remedy: str = ""


@click.command(cls=ProjectCommand, name="doctor")
@click.pass_context
def command(context: click.Context) -> None:
    """Check the installation: packages, compiled loops, models, machine, project. Ends with 1 where a run would fail."""
    found = [each for check in CHECKS for each in check()]
    for each in found:
        mark, color = _MARKS[each.state]
        remedy = f"; {each.remedy}" if each.remedy else ""
        click.echo(f"{click.style(mark, fg=color)} {each.what}{remedy}")
    if any(each.state == BAD for each in found):
        context.exit(1)


def check_python() -> Iterator[Found]:
    """Check the version of Python and the packages that every run needs."""
    yield Found(OK, f"Python {platform.python_version()}, emb_pipeline {importlib.metadata.version('emb_pipeline')}")
    missing = [name for name in _NEEDED if not is_installed(name)]
    if missing:
        yield Found(BAD, f"not installed: {', '.join(missing)}", "pip install -r requirements.lock")
    else:
        yield Found(OK, "the packages of every run are installed")


def check_extras() -> Iterator[Found]:
    """Check the packages of each extra."""
    for extra, packages in EXTRAS.items():
        missing = [name for name in packages if not is_installed(name)]
        if missing:
            yield Found(NOTE, f"extra {extra}: {', '.join(missing)} not installed", f"pip install 'emb_pipeline[{extra}]'")
        else:
            yield Found(OK, f"extra {extra}")


def check_kernels() -> Iterator[Found]:
    """Check that inner loops are compiled: else the first run compiles them."""
    package = Path(str(importlib.util.find_spec("emb_pipeline").origin)).parent  # type: ignore[union-attr]
    cache = os.environ.get("NUMBA_CACHE_DIR")
    places = [package, *([Path(cache)] if cache else [])]
    if any(next(place.rglob("*.nbi"), None) for place in places):
        yield Found(OK, "inner loops are compiled")
    else:
        yield Found(
            NOTE, "inner loops are not compiled: the first run takes a minute longer", "python -m emb_pipeline.precompile"
        )


def check_machine() -> Iterator[Found]:
    """Check cores, memory, disk and GPU."""
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(Path.cwd())
    what = f"{os.cpu_count()} cores, {memory.total / 2**30:.0f} GB of memory, {disk.free / 2**30:.0f} GB free on disk"
    is_small = memory.total < _LEAST_MEMORY or disk.free < _LEAST_DISK
    yield Found(NOTE if is_small else OK, what, "4 GB of memory and 5 GB of disk are advised" if is_small else "")
    if is_installed("torch"):
        import torch

        name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
        yield Found(OK, f"GPU: {name}" if name else "no GPU: transformers run on the processor")


def check_project() -> Iterator[Found]:
    """Check that the working folder is in a project, and which use cases it has."""
    project = find_kedro_project(Path.cwd())
    if project is None:
        yield Found(BAD, f"{Path.cwd()} is in no project", "change to the folder with conf/ and pyproject.toml")
        return
    names = sorted(path.parent.name for path in (Path(project) / "conf").glob("*/globals.yml"))
    yield Found(OK, f"project {project}, use cases: {', '.join(name for name in names if name != 'template')}")
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    yield Found(OK, "MLflow: " + (uri.split("@")[-1] if uri else "mlflow.db in the project"))


CHECKS: tuple[Callable[[], Iterator[Found]], ...] = (check_python, check_extras, check_kernels, check_machine, check_project)
"""In the order in which they are shown."""
