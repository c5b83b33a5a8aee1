"""Tests that a gate made before: a file of one JSON object a line, which outlives the run that wrote it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.statistics.swap.error_budget import compute_level
from emb_pipeline.storage.atomic import hold_lock


@dataclass(frozen=True)
class PastTest:
    """One test.

    Attributes
    ----------
    baseline : str
        Fingerprint of what was deployed (`Baseline.fingerprint`).
    candidate : str
        Name of the candidate.
    scores : str
        Fingerprint of its scores: the same candidate that is tested again is no further test.
    level : float
        Level of the test.
    passed : bool
        Whether it was shown to be not inferior.
    at : str
        Time, ISO 8601.
    """

    baseline: str
    candidate: str
    scores: str
    level: float
    passed: bool
    at: str


def read_history(file: Path) -> list[PastTest]:
    """Read all tests; none where the file is not there yet.

    Raises
    ------
    DataError
        A line that is no test.
    """
    if not file.is_file():
        return []
    tests = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            tests.append(PastTest(**json.loads(line)))
        except (TypeError, ValueError) as error:
            raise DataError(f"{file}, line {number}", f"is no test of a gate ({error})", "drop the line") from error
    return tests


def find_level(tests: Sequence[PastTest], baseline: str, scores: str, whole: float) -> float:
    """Find the level of a test: that of its first time, or what is left for a new one (`compute_level`).

    Each baseline has a history of its own: deploying a candidate ends the old one.
    """
    of_baseline = [test for test in tests if test.baseline == baseline]
    for test in of_baseline:
        if test.scores == scores:
            return test.level
    return compute_level(whole, len(of_baseline), sum(test.passed for test in of_baseline))


def add_test(file: Path, test: PastTest) -> None:
    """Add a test at the end of the file, unless it is there; two gates may do so at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(file.with_name(f".{file.name}.lock"), what=f"writing {file}"):
        if any((past.baseline, past.scores) == (test.baseline, test.scores) for past in read_history(file)):
            return
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(test)) + "\n")
