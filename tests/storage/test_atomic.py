"""Writes are whole or not at all."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.storage import atomic
from emb_pipeline.storage.atomic import LockHeldError, build_temporary_path, find_holder, hold_lock, write_atomically
from emb_pipeline.storage.vector_shards import VectorShards, hash_texts


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "new" / "a.txt") as path:
        path.write_text("whole")
        assert not (tmp_path / "new" / "a.txt").exists()
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"


def test_an_error_leaves_the_old_file_and_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), write_atomically(tmp_path / "a.txt") as path:
        path.write_text("half")
        1 / 0
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_folder_replaces_an_older_one(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with write_atomically(tmp_path / "folder") as folder:
            folder.mkdir()
            (folder / content).write_text(content)
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["second"]


@pytest.mark.slow
def test_what_a_killed_process_left_is_removed_and_a_running_one_is_let_alone(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ours = build_temporary_path(tmp_path / "a")
    for left in (ours, ours.with_name(ours.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))):
        left.mkdir()
    other = build_temporary_path(tmp_path / "ab")
    other.mkdir()
    with write_atomically(tmp_path / "a") as path:
        path.write_text("whole")
    assert {file.name for file in tmp_path.iterdir()} == {"a", ours.name, other.name}


def test_a_reused_process_number_does_not_keep_what_a_killed_process_left(tmp_path: Path) -> None:
    ours = build_temporary_path(tmp_path / "a")
    machine, pid, started, rest = ours.name.removeprefix(".a.").split("-")
    assert (int(pid), int(started) > 0) == (os.getpid(), True)
    earlier = ours.with_name(f".a.{machine}-1-{int(started) + 1}-{rest}")  # process 1 runs, and started before that
    elsewhere = ours.with_name(f".a.other_host_00000000-{pid}-{started}-{rest}")
    long_ago = ours.with_name(f".a.other_host_00000000-7-{started}-{rest}")
    for left in (earlier, elsewhere, long_ago):
        left.touch()
    os.utime(long_ago, (0, 0))
    build_temporary_path(tmp_path / "a")
    assert list(tmp_path.iterdir()) == [elsewhere]


HOLD = """
import sys, time
from pathlib import Path
from emb_pipeline.storage.atomic import hold_lock
with hold_lock(Path(sys.argv[1]), what="counting sheep"):
    print("held", flush=True)
    time.sleep(60)
"""

TAKE = """
import os, sys, time
from pathlib import Path
from emb_pipeline.storage.atomic import hold_lock
with hold_lock(Path(sys.argv[1]), what="counting sheep"), open(sys.argv[2], "a") as log:
    for word in ("in", "out"):
        print(os.getpid(), word, file=log, flush=True)
        time.sleep(0.3)
"""
ELSEWHERE = """
import fcntl, socket, sys, time
from pathlib import Path
import filelock._identity
from emb_pipeline.storage import atomic

fcntl.flock = lambda *asked: None
filelock._identity._BOOT_ID = 7
socket.gethostname = atomic.platform.node = lambda: "elsewhere"
atomic._read_boot_id, atomic._LEASE_SECONDS = lambda: "7", 1.5
"""
"""The process is on another machine: the drive that both see has no locks between them. A lease is shorter here."""

CLAIM = """
import numpy as np
from emb_pipeline.storage.vector_shards import VectorShards, hash_texts
shards, keys = VectorShards(Path(sys.argv[1]), 2), hash_texts(["a", "b"])
with shards.claim_rows(keys, np.arange(2), 2) as (rows, others):
    print(len(rows), flush=True)
    time.sleep(60)
"""
TAKE_AS_NOBODY = """
import os
from pathlib import Path
from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.storage.atomic import hold_lock
if os.geteuid() == 0:
    os.setuid(65534)
try:
    with hold_lock(Path("run.lock"), what="nothing"):
        print("held")
except EmbPipelineError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_lock_names_its_holder_and_is_free_when_the_holder_is_killed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "new" / "run.lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    with pytest.raises(LockHeldError) as held, hold_lock(lock, what="nothing", wait=0):
        pass
    expected = f"process {process.pid} on {platform.node()}, which is counting sheep since "
    assert expected in str(held.value) and expected in str(find_holder(lock))
    monkeypatch.setattr(atomic, "_SAY_AFTER_SECONDS", 0.0)
    with pytest.raises(LockHeldError), hold_lock(lock, what="nothing", wait=0.2):
        pass
    assert f"waiting for {expected}" in caplog.text
    process.kill()
    process.wait()
    assert find_holder(lock) is None
    with hold_lock(lock, what="counting goats", wait=0):
        mine = find_holder(lock)
        assert mine is not None and (mine.pid, mine.what) == (os.getpid(), "counting goats")
    assert find_holder(lock) is None and not lock.with_name("run.lock.holder").exists()


@pytest.mark.slow
def test_a_process_that_waits_gets_the_lock_when_its_holder_is_killed(tmp_path: Path) -> None:
    """Two processes want it while a third one holds it: each gets it, one after the other, and none with the other."""
    lock, log = tmp_path / "run.lock", tmp_path / "log"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    waiting = [subprocess.Popen([sys.executable, "-c", TAKE, str(lock), str(log)]) for _ in range(2)]
    time.sleep(0.5)
    assert not log.exists() and all(process.poll() is None for process in waiting)
    holder.kill()
    holder.wait()
    assert [process.wait(timeout=30) for process in waiting] == [0, 0]
    (first, in_first), (second, in_second) = (line.split() for line in log.read_text().splitlines()[::2])
    assert {first, second} == {str(process.pid) for process in waiting} and in_first == in_second == "in"
    assert log.read_text().splitlines()[1::2] == [f"{first} out", f"{second} out"]


def start(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a process and wait until it prints a line."""
    process = subprocess.Popen([*command, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    if not process.stdout.readline():
        pytest.fail(str(process.communicate()[1], "utf-8"))
    return process


@pytest.mark.slow
def test_a_container_of_this_machine_holds_a_lock_until_it_is_killed(tmp_path: Path) -> None:
    apart = ["unshare", "--pid", "--fork", "--uts", "--kill-child", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "hostname pod"], capture_output=True).returncode:
        pytest.skip("no namespaces of processes here")
    lock = tmp_path / "run.lock"
    script = f"hostname pod && exec {sys.executable} -c '{HOLD}' $0"
    process = start([*apart, script], lock)
    try:
        with pytest.raises(LockHeldError, match="on pod, which is counting sheep"), hold_lock(lock, what="nothing", wait=0):
            pass
        assert str(find_holder(lock)).startswith("process ") and "on pod" in str(find_holder(lock))
    finally:
        process.kill()
        process.wait()
    with hold_lock(lock, what="counting goats", wait=10):
        assert "counting goats" in str(find_holder(lock))


@pytest.mark.slow
def test_a_lock_and_a_claim_hold_between_machines_whose_drive_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_LEASE_SECONDS", 1.5)
    lock, keys = tmp_path / "run.lock", hash_texts(["a", "b"])
    holder = start([sys.executable, "-c", ELSEWHERE + HOLD], lock)
    claimant = start([sys.executable, "-c", ELSEWHERE + CLAIM], tmp_path / "store")
    try:
        with pytest.raises(LockHeldError, match="on elsewhere, which is counting sheep"), hold_lock(lock, what="", wait=0):
            pass
        shards, deadline = VectorShards(tmp_path / "store", 2), time.monotonic() + 3
        while time.monotonic() < deadline:  # longer than a lease
            with shards.claim_rows(keys, np.arange(2), 2) as (rows, others):
                assert (len(rows), len(others)) == (0, 2) and "elsewhere" in str(shards.claimants[0])
            assert find_holder(lock) is not None
            time.sleep(0.2)
    finally:
        for process in (holder, claimant):
            process.kill()
            process.wait()
    with hold_lock(lock, what="counting goats", wait=10):
        assert "counting goats" in str(find_holder(lock))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with shards.claim_rows(keys, np.arange(2), 2) as (rows, others):
            if len(rows) == 2:
                break
        time.sleep(0.2)
    assert len(rows) == 2 and not list((tmp_path / "store").glob("*.lease"))


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_to_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o555)
    done = subprocess.run([sys.executable, "-c", TAKE_AS_NOBODY], cwd=tmp_path / "folder", capture_output=True, text=True)
    assert done.stdout.startswith("run.lock: cannot be locked: Permission denied; make its folder writable"), done.stderr
    (tmp_path / "file").write_text("in the way")
    refused = pytest.raises(EmbPipelineError, match=r"run\.lock: cannot be locked: .*; make its folder writable")
    with refused, hold_lock(tmp_path / "file" / "run.lock", what="nothing"):
        pass


def test_a_drive_without_locks_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)  # as NFS does where its lock service does not run
    refused = pytest.raises(EmbPipelineError, match=r"No locks available; .*NFS: its lock service must run")
    with refused, hold_lock(tmp_path / "run.lock", what="nothing"):
        pass


def test_threads_take_turns(tmp_path: Path) -> None:
    inside: list[int] = []

    def work(number: int) -> None:
        with hold_lock(tmp_path / "lock", what="work"):
            inside.append(number)
            assert len(inside) == 1
            inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(20)))


def test_a_lease_whose_writer_was_killed_before_it_had_a_name_is_over_in_seconds(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lease = tmp_path / "some.lock.lease"
    lease.touch()
    os.utime(lease, (time.time() - 6, time.time() - 6))
    started = time.monotonic()
    with hold_lock(lock, what="the next one", wait=0):
        assert lease.read_bytes() and time.monotonic() - started < 3
