"""Memory of tokenising grows with the vocabulary, not with the corpus."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "tokenise_memory.py"


@pytest.mark.slow
def test_peak_memory_is_the_same_for_ten_times_the_text() -> None:
    printed = subprocess.run(
        [sys.executable, str(BENCHMARK), "--megabytes", "3", "30"], capture_output=True, text=True, check=True
    )
    ratio = re.search(r"peak ratio ([\d.]+)", printed.stdout)
    assert ratio is not None
    assert float(ratio[1]) < 1.1
