"""Failures at rest: a small JSON file next to where the result would be stored.

A failed result is stored and loaded like any other, so that the steps that take it can say so; but it does not count as
existing, so that ``--only-missing-outputs`` makes it again.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from emb_pipeline.failures import Failed
from emb_pipeline.storage.atomic import atomic_path


def marker_of(path: Path) -> Path:
    """The file that says that the result of this path could not be made."""
    return path.with_name(f"{path.name}.failed.json")


def failure_at(path: Path) -> Failed | None:
    """The failure that is stored in place of the result of this path; None where there is none."""
    try:
        return Failed(**json.loads(marker_of(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def store_failure(path: Path, failed: Failed) -> None:
    """Store a failure in place of a result, and remove the result of an earlier run."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    with atomic_path(marker_of(path)) as part:
        part.write_text(json.dumps(failed.to_json(), indent=1, default=str), encoding="utf-8")


def forget_failure(path: Path) -> None:
    """Remove the failure of an earlier run, now that the result is there."""
    marker_of(path).unlink(missing_ok=True)
