"""A gate's history: one error budget for all candidates that are held against one baseline."""

from __future__ import annotations

from pathlib import Path

import pytest

from emb_pipeline.deployment.gate.history import PastTest, add_test, find_level, read_history
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.swap.error_budget import compute_level


def _test(scores: str, *, passed: bool = True, baseline: str = "b") -> PastTest:
    return PastTest(baseline, "candidate", scores, 0.009, passed, "2026-01-01T00:00:00+00:00")


def test_levels_count_what_came_before(tmp_path: Path) -> None:
    file = tmp_path / "gate.jsonl"
    assert find_level(read_history(file), "b", "s1", 0.05) == compute_level(0.05, 0, 0)
    add_test(file, _test("s1"))
    add_test(file, _test("s2", passed=False))
    assert find_level(read_history(file), "b", "s3", 0.05) == compute_level(0.05, 2, 1)


def test_the_same_scores_are_no_further_test(tmp_path: Path) -> None:
    file = tmp_path / "gate.jsonl"
    add_test(file, _test("s1"))
    add_test(file, _test("s1"))
    assert len(read_history(file)) == 1
    assert find_level(read_history(file), "b", "s1", 0.05) == 0.009


def test_another_baseline_starts_anew(tmp_path: Path) -> None:
    file = tmp_path / "gate.jsonl"
    add_test(file, _test("s1"))
    assert find_level(read_history(file), "new", "s1", 0.05) == compute_level(0.05, 0, 0)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "gate.jsonl"
    add_test(file, _test("s1"))
    file.write_text(file.read_text() + "{\n")
    with pytest.raises(DataError, match="line 2"):
        read_history(file)
