"""Writes are whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emb_pipeline.atomic import atomic_path, temporary_path


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "new" / "a.txt") as path:
        path.write_text("whole")
        assert not (tmp_path / "new" / "a.txt").exists()
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"


def test_an_error_leaves_the_old_file_and_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a.txt") as path:
        path.write_text("half")
        1 / 0
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_folder_replaces_an_older_one(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with atomic_path(tmp_path / "folder") as folder:
            folder.mkdir()
            (folder / content).write_text(content)
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["second"]


def test_what_a_killed_process_left_is_removed_and_a_running_one_is_let_alone(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ours = temporary_path(tmp_path / "a")
    for left in (ours, ours.with_name(ours.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))):
        left.mkdir()
    other = temporary_path(tmp_path / "ab")
    other.mkdir()
    with atomic_path(tmp_path / "a") as path:
        path.write_text("whole")
    assert {file.name for file in tmp_path.iterdir()} == {"a", ours.name, other.name}
