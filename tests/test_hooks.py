"""The command that a run prints for repeating it, and one run of a use case at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emb_pipeline import hooks
from emb_pipeline.hooks import WAIT, UseCaseInUseError, kedro_command, only_run_of


def test_the_whole_default_run_needs_no_option() -> None:
    assert kedro_command({"pipeline_names": ["__default__"], "env": None, "tags": ()}) == "kedro run"


def test_every_choice_stands_in_the_command() -> None:
    command = kedro_command(
        {
            "env": "medical",
            "pipeline_names": ["train", "evaluate"],
            "tags": ("diagnosis",),
            "node_names": ("a", "b"),
            "namespaces": ("domain.glove_100",),
            "runtime_params": {"methods": {"word2vec": {"window": 9}}, "seed": 1},
        }
    )
    assert command == (
        "kedro run --env medical --pipelines train,evaluate --tags diagnosis --nodes a,b "
        "--namespaces domain.glove_100 --params methods.word2vec.window=9,seed=1"
    )


HOLDER = """
import sys, time
from pathlib import Path
from emb_pipeline import hooks
hooks.project_path = lambda: Path(sys.argv[1])
with hooks.only_run_of("shop", "kedro run --env shop --params seed=1"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[str]:
    """Another process that runs the use case ``shop`` of this project."""
    monkeypatch.setattr(hooks, "project_path", lambda: tmp_path)
    monkeypatch.delenv(WAIT, raising=False)
    running = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None and running.stdout.readline() == "held\n"
    return running


def test_a_second_run_of_a_use_case_names_the_first_and_ends_until_the_first_is_killed(
    holder: subprocess.Popen[str],
) -> None:
    with pytest.raises(UseCaseInUseError) as refused, only_run_of("shop", "kedro run --env shop"):
        pass
    message, code = refused.value.format_message(), refused.value.exit_code
    assert f"process {holder.pid} on " in message and "'kedro run --env shop --params seed=1'" in message and code == 1
    with only_run_of("another", "kedro run --env another"):  # two use cases may run at once
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with only_run_of("shop", "kedro run --env shop"):
        pass


def test_a_second_run_waits_where_it_is_asked_to(holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WAIT, "1")
    threading.Timer(0.5, holder.kill).start()
    with only_run_of("shop", "kedro run --env shop"):
        assert holder.wait() == -signal.SIGKILL
