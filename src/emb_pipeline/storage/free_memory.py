"""The memory that this process may still take, and the refusal of work that needs more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from emb_pipeline.errors import DataError

MEMORY_GB = "EMB_PIPELINE_MEMORY_GB"
"""Environment variable: gigabytes that a process may take, where neither the machine nor its container says so."""


def find_free_memory() -> float:
    """Find the bytes that are free: of the machine, its container, or ``EMB_PIPELINE_MEMORY_GB``, whichever is least."""
    free = [float(psutil.virtual_memory().available), *find_room_in_groups()]
    if told := os.environ.get(MEMORY_GB, "").strip():
        try:
            free.append(float(told) * 1e9 - psutil.Process().memory_info().rss)
        except ValueError as error:
            raise DataError(MEMORY_GB, f"{told!r} is no number of gigabytes", "write it as 16, or leave it out") from error
    return max(min(free), 0.0)


def require_memory(place: str, n_bytes: float, remedy: str, *, free: float | None = None) -> None:
    """Refuse work that needs more memory than is free, before any of it is done.

    Parameters
    ----------
    place : str
        The work, for the message.
    n_bytes : float
        Memory that it needs at its peak, besides what is in use.
    remedy : str
        A way out that works.
    free : float, optional
        Bytes that are free; `find_free_memory` by default.

    Raises
    ------
    DataError
        It does not fit.
    """
    free = find_free_memory() if free is None else free
    if n_bytes > free:
        raise DataError(place, f"it would need {n_bytes / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free", remedy)


def find_room_in_groups(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Iterator[float]:
    """Find what is left of the limit of each control group that this process is in; files that are cached can be dropped.

    Parameters
    ----------
    root : Path
        Where control groups are mounted.
    own : Path
        The groups of this process.
    """
    for folder in _list_groups(root, own):
        for limit, usage in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            most, used = _read_number(folder / limit), _read_number(folder / usage)
            if most is not None and used is not None:
                yield max(most - used + _count_cached(folder), 0.0)


def _list_groups(root: Path, own: Path) -> Iterator[Path]:
    """List the group of this process and those above it, of version 2 (``0::/path``) and of version 1."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base = root / "memory" if controllers else root
        inside = Path(path.strip().lstrip("/"))
        for part in (inside, *inside.parents):
            yield base / part


def _read_number(path: Path) -> float | None:
    try:
        return float(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _count_cached(folder: Path) -> float:
    try:
        lines = (folder / "memory.stat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    facts = dict(line.split(" ", 1) for line in lines if " " in line)
    return float(facts.get("inactive_file", facts.get("total_inactive_file", 0)))
