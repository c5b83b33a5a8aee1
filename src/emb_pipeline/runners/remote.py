"""The work of a Dask worker: it takes nodes of several runs, one after the other, and outlives them."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import threading
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from emb_pipeline.hooks.run_lines import send_lines
from emb_pipeline.runners.tasks import Outcome

_lock = threading.Lock()
_set_here: set[str] = set()


@dataclass(frozen=True)
class Setting:
    """The place of a run, for its workers.

    Attributes
    ----------
    run : str
        Its topic on the cluster, where workers write what the process that started the run reads.
    package, project : str
        Name of the package, folder of the project.
    environment : mapping of str to str
        Variables of the environment that nodes look at.
    levels : mapping of str to str
        Levels of loggers.
    """

    run: str
    package: str
    project: str
    environment: Mapping[str, str]
    levels: Mapping[str, str]

    def pack(self) -> bytes:
        """Pack it: a Dask worker may log what its tasks are given, and this holds keys of services."""
        return zlib.compress(json.dumps(asdict(self)).encode())

    @classmethod
    def unpack(cls, packed: bytes) -> Setting:
        """Unpack it on a worker."""
        return cls(**json.loads(zlib.decompress(packed)))


def run_remotely(packed: bytes, setting: bytes) -> bytes:
    """Run a packed node on this Dask worker, and pack its outcome."""
    try:
        with _lock:
            _prepare(Setting.unpack(setting))
        from emb_pipeline.runners.work import run_packed
    except Exception as error:
        return Outcome.of_error("a worker", error).pack()
    return run_packed(packed)


def _prepare(setting: Setting) -> None:
    """Make this process a worker of the run."""
    from distributed import get_worker

    worker = get_worker()
    send_lines(lambda variable, line: worker.log_event(setting.run, [variable, line]))
    for name in _set_here - set(setting.environment):
        os.environ.pop(name, None)
    _set_here.update(setting.environment)
    os.environ.update(setting.environment)
    if Path(setting.project).is_dir():
        os.chdir(setting.project)
    from kedro.framework import project

    # A worker under a nanny may not start processes; reading docstrings and tokenizing do. Its own end ends them.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    if _configured != [setting.package]:
        project.configure_project(setting.package)
        _configured[:] = [setting.package]
    for name, level in setting.levels.items():
        logging.getLogger(name).setLevel(level)


_configured: list[str] = []
