"""A file of JSON that several processes change at once keeps every change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from emb_pipeline.storage.shared_json import read_object, update_object

WRITER = """
import sys
from pathlib import Path
from emb_pipeline.storage.shared_json import update_object
for number in range(20):
    update_object(Path(sys.argv[1]), lambda known: {**known, f"{sys.argv[2]}{number}": number})
"""


@pytest.mark.slow
def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".times.json"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "ab"]
    assert [each.wait() for each in writers] == [0, 0]
    assert len(read_object(path)) == 40


@pytest.mark.parametrize("text", ["[1]", "{", ""])
def test_what_is_no_object_is_written_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "times.json"
    path.write_text(text)
    assert read_object(path) == {}
    assert update_object(path, lambda known: {**known, "a": 1}) == {"a": 1} == read_object(path)
