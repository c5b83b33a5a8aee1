"""Real servers on this machine, for the time of a test: MLflow's, and PostgreSQL's. They listen on 127.0.0.1 alone."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_DEBIAN = Path("/usr/lib/postgresql")
_SECONDS = 180
"""A machine may be busy."""


def find_free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class MlflowServer:
    """An MLflow server, which can be killed and started again at the same address.

    Parameters
    ----------
    folder : Path
        Of its log and artifacts.
    store : str, optional
        Its database; a file of SQLite in the folder by default.
    """

    def __init__(self, folder: Path, store: str = "") -> None:
        self._folder, self._store = folder, store or f"sqlite:///{folder / 'server.db'}"
        self._port = find_free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--workers", "1", "--backend-store-uri", self._store]
        command += ["--artifacts-destination", str(self._folder / "artifacts")]
        alone = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # its queues take seconds to start
        with (self._folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=alone)
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=1).read()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self._folder / "server.log").read_text())

    def kill(self) -> None:
        """Kill it with SIGKILL, with all of its processes."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextmanager
def run_mlflow(folder: Path, store: str = "") -> Iterator[MlflowServer]:
    """Run an MLflow server; killed with the block."""
    server = MlflowServer(folder, store)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def run_postgres() -> Iterator[str]:
    """Run PostgreSQL with an empty database; give its address as SQLAlchemy takes it. Skip the test where there is none."""
    pytest.importorskip("psycopg2", reason="no driver of PostgreSQL: pip install 'emb_pipeline[postgres]'")
    initdb, postgres = _find_program("initdb"), _find_program("postgres")
    if not (initdb and postgres):
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    user = "nobody" if getpass.getuser() == "root" else None  # PostgreSQL refuses root
    folder, port = Path(tempfile.mkdtemp(prefix="postgres_")), find_free_port()
    try:
        if user:
            shutil.chown(folder, user)
        data = str(folder / "data")
        made = [initdb, "-D", data, "-U", "mlflow", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, user=user, cwd=folder, capture_output=True)
        command = [postgres, "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        command += ["-c", "unix_socket_directories="]
        with (folder / "postgres.log").open("w") as log:
            process = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
        try:
            address = f"://mlflow@127.0.0.1:{port}/postgres"
            _wait_for_postgres(f"postgresql{address}")
            yield f"postgresql+psycopg2{address}"
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_program(name: str) -> str | None:
    places = [*sorted(map(str, _DEBIAN.glob("*/bin"))), os.environ.get("PATH", "")]
    return shutil.which(name, path=os.pathsep.join(places))


def _wait_for_postgres(address: str) -> None:
    import psycopg2

    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            psycopg2.connect(address).close()
            return
        except psycopg2.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
