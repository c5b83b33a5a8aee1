"""A damaged file is read or refused with a place and a remedy; nothing else ever comes out of a reader."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.readers.mutated_files import cases, mutate, read


def test_the_files_are_read_where_nothing_is_damaged(tmp_path: Path) -> None:
    assert [case for case in cases() if not read(case, case.content, tmp_path, lenient=False)] == []


@pytest.mark.slow
@pytest.mark.parametrize("lenient", [False, True])
def test_damaged_files_are_read_or_refused(lenient: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("ERROR")
    rng = random.Random(17)
    known = cases()
    found = [
        read(case, mutate(case.content, rng), tmp_path, lenient=lenient) for case in (rng.choice(known) for _ in range(300))
    ]
    assert 30 < sum(found) < 270
