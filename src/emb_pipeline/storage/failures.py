"""A result that could not be made, and how it is stored: a small JSON file next to where the result would be.

A failed result is stored and loaded like any other, so that the steps that take it can say so; but it does not count as
existing, so that ``--only-missing-outputs`` makes it again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from traceback import format_exception
from typing import Any

import pyarrow as pa

from emb_pipeline.storage.atomic import write_atomically

LONGEST_REASON = 600
FAILURES = pa.schema(
    [
        *((name, pa.string()) for name in ("embedding", "origin", "method")),
        ("dim", pa.int64()),
        ("tuned", pa.bool_()),
        ("seed", pa.int64()),
        *((name, pa.string()) for name in ("task", "kind", "reason")),
    ]
)
"""Cells that failed; without a task: embeddings that could not be made or diagnosed."""


@dataclass(frozen=True)
class Failed:
    """The value that a step gives in place of a result that it could not make.

    Attributes
    ----------
    place : str
        The training that failed, ``domain.word2vec_100``, or the cell, ``domain.word2vec_100 on topic``.
    reason : str
        Why, in one line, with the way out where the error names one.
    cell : dict
        What a row of the leaderboard needs: embedding, origin, method, dim, tuned, seed, and task and kind of a cell.
    root : str
        Where it began: the place itself, or that of the failure that it follows from.
    traceback : str
        Of the error, for who looks for its cause.
    """

    place: str
    reason: str
    cell: dict[str, Any] = field(default_factory=dict)
    root: str = ""
    traceback: str = ""

    @classmethod
    def of_error(cls, error: BaseException, place: str, cell: Mapping[str, Any] | None = None) -> Failed:
        """Make the failure of a step of its error."""
        return cls(place, word_reason(error), dict(cell or {}), place, "".join(format_exception(error)))

    @classmethod
    def following(cls, earlier: Failed, place: str, cell: Mapping[str, Any] | None = None) -> Failed:
        """Make the failure of a step that takes a result which failed earlier."""
        values = dict(cell or {})
        if earlier.root == values.get("embedding"):
            reason = f"its training failed: {_find_first_reason(earlier)}"
        else:
            reason = f"its base {earlier.root} failed: {_find_first_reason(earlier)}"
        return cls(place, reason, values, earlier.root)

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Turn the failure into JSON values."""
        return asdict(self)


def word_reason(error: BaseException) -> str:
    """Word the reason of an error in one line: its message where it is meant for users, else with its type."""
    message = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        message = f"not enough memory ({message or 'an array was too large'}); choose a smaller dimension or fewer workers"
    elif not message or type(error) in (KeyError, IndexError, TypeError, AttributeError, AssertionError):
        message = f"{type(error).__name__}: {message}".rstrip(": ")
    return message if len(message) <= LONGEST_REASON else message[:LONGEST_REASON] + "…"


def _find_first_reason(failed: Failed) -> str:
    """Find the first reason of a chain of failures."""
    for start in ("its training failed: ", f"its base {failed.root} failed: "):
        if failed.place != failed.root and failed.reason.startswith(start):
            return failed.reason.removeprefix(start)
    return failed.reason


def is_containable(error: BaseException) -> bool:
    """Tell whether the run can go on: after any error, and after a panic of a library in Rust, which is no `Exception`."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def build_failures_table(failed: Iterable[Failed]) -> pa.Table:
    """Build a table of one row per cell, or embedding, that failed."""
    return pa.Table.from_pylist([{**each.cell, "reason": each.reason} for each in failed], schema=FAILURES)


def find_marker(path: Path) -> Path:
    """Name the file that says that the result of this path could not be made."""
    return path.with_name(f"{path.name}.failed.json")


def load_failure(path: Path) -> Failed | None:
    """Load the failure that is stored in place of the result of this path; None where there is none."""
    try:
        return Failed(**json.loads(find_marker(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def store_failure(path: Path, failed: Failed) -> None:
    """Store a failure in place of a result, and remove the result of an earlier run."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    with write_atomically(find_marker(path)) as part:
        part.write_text(json.dumps(failed.to_json(), indent=1, default=str), encoding="utf-8")


def forget_failure(path: Path) -> None:
    """Remove the failure of an earlier run, now that the result is there."""
    find_marker(path).unlink(missing_ok=True)
