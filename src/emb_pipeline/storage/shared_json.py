"""A JSON file that several processes change: each change is made to what the others have written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emb_pipeline.storage.atomic import hold_lock
from emb_pipeline.storage.places import read_small_file, write_small_file


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is no file, or one that holds something else."""
    try:
        found = json.loads(read_small_file(path) or "{}")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def update_object(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Change a JSON object that other processes change, too: no change of theirs is lost.

    Parameters
    ----------
    path : Path
        The file. ``.<name>.lock`` next to it is held while it is read and written: by processes of this machine, where the
        file is in an object store.
    change : callable
        Takes what is in the file, and returns what will be.

    Returns
    -------
    dict
        What is in the file now.
    """
    with hold_lock(path.with_name(f".{path.name.removeprefix('.')}.lock"), what=f"writing {path.name}"):
        changed = change(read_object(path))
        write_small_file(path, json.dumps(changed))
    return changed
