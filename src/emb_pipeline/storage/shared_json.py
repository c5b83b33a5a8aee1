"""A JSON file that several processes change: each change is made to what the others have written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emb_pipeline.storage.atomic import hold_lock, write_atomically


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is no file, or one that holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def update_object(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Change a JSON object that other processes change, too: no change of theirs is lost.

    Parameters
    ----------
    path : Path
        The file. ``.<name>.lock`` next to it is held while it is read and written.
    change : callable
        Takes what is in the file, and returns what will be.

    Returns
    -------
    dict
        What is in the file now.
    """
    with hold_lock(path.with_name(f".{path.name.removeprefix('.')}.lock"), what=f"writing {path.name}"):
        changed = change(read_object(path))
        with write_atomically(path) as part:
            part.write_text(json.dumps(changed), encoding="utf-8")
    return changed
