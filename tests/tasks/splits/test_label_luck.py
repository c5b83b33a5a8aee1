"""Equally good embeddings are seldom called different, and an interval holds the accuracy with other labels, too."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "label_luck.py"


@pytest.mark.slow
def test_with_resamples_of_the_labels_tests_and_intervals_hold_the_luck_of_the_labels() -> None:
    """300 labels and 5,000 test units, where units alone call one pair of equals in four different."""
    by_units, with_labels, held_by_units, held_with_labels, _ = runpy.run_path(str(BENCHMARK))["error_rates"]("300/5000", 30)
    assert by_units >= 0.15 and with_labels <= 0.1
    assert held_by_units <= 0.85 and held_with_labels >= 0.9
