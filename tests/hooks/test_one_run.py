"""One run of a use case at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emb_pipeline.hooks.one_run import WAIT, UseCaseInUseError, hold_use_case

pytestmark = pytest.mark.slow

HOLDER = """
import sys, time
from pathlib import Path
from emb_pipeline.hooks.one_run import hold_use_case
with hold_use_case(Path(sys.argv[1]) / "shop", "shop", "kedro run --env shop --params seed=1"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[str]:
    """Another process that runs the use case ``shop`` of this project."""
    monkeypatch.delenv(WAIT, raising=False)
    running = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None and "held\n" in iter(running.stdout.readline, "")  # below lines of Kedro's log
    return running


def test_a_second_run_of_a_use_case_names_the_first_and_ends_until_the_first_is_killed(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    with pytest.raises(UseCaseInUseError) as refused, hold_use_case(shop, "shop", "kedro run --env shop"):
        pass
    message = str(refused.value)
    assert f"process {holder.pid} on " in message and "'kedro run --env shop --params seed=1'" in message
    with hold_use_case(tmp_path / "another", "another", "kedro run --env another"):  # two use cases may run at once
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with hold_use_case(tmp_path / "shop", "shop", "kedro run --env shop"):
        pass


def test_a_second_run_waits_where_it_is_asked_to(
    holder: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WAIT, "1")
    threading.Timer(0.5, holder.kill).start()
    with hold_use_case(tmp_path / "shop", "shop", "kedro run --env shop"):
        assert holder.wait() == -signal.SIGKILL
