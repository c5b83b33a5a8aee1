"""What memory is free, and what is refused for want of it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.storage.free_memory import MEMORY_GB, find_free_memory, find_room_in_groups, require_memory


def test_the_limit_of_a_container_counts_without_the_files_that_it_caches(tmp_path: Path) -> None:
    group = tmp_path / "groups" / "job" / "step"
    group.mkdir(parents=True)
    (tmp_path / "own").write_text("0::/job/step\n")
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("700\n")
    (group.parent / "memory.max").write_text("1000\n")
    (group.parent / "memory.current").write_text("800\n")
    (group.parent / "memory.stat").write_text("anon 500\ninactive_file 300\n")
    assert list(find_room_in_groups(tmp_path / "groups", tmp_path / "own")) == [500.0]


def test_groups_of_version_one_are_read_too(tmp_path: Path) -> None:
    group = tmp_path / "groups" / "memory" / "job"
    group.mkdir(parents=True)
    (tmp_path / "own").write_text("5:cpu,cpuacct:/job\n4:memory:/job\n")
    (group / "memory.limit_in_bytes").write_text("1000")
    (group / "memory.usage_in_bytes").write_text("900")
    assert list(find_room_in_groups(tmp_path / "groups", tmp_path / "own")) == [100.0]


def test_a_machine_without_groups_has_the_memory_that_is_available(tmp_path: Path) -> None:
    assert not list(find_room_in_groups(tmp_path, tmp_path / "none"))
    assert 0 < find_free_memory() <= psutil.virtual_memory().total


def test_a_limit_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MEMORY_GB, "0.001")
    assert find_free_memory() == 0
    with pytest.raises(DataError, match=r"a matrix: it would need 2.0 GB of memory, and 0.0 GB are free; take fewer rows"):
        require_memory("a matrix", 2e9, "take fewer rows")
