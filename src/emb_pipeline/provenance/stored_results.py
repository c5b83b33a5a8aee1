"""Questions to the datasets of a catalog: whether a result is there, since when, and whether it is a failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import DataCatalog


def is_stored(catalog: DataCatalog, name: str) -> bool:
    """Tell whether a result exists."""
    dataset = catalog.get(name)
    found = bool(dataset.exists()) if dataset is not None else False
    if dataset is not None:
        dataset.release()  # a versioned dataset remembers the version it has seen, and would load that one for ever
    return found


def has_failed(catalog: DataCatalog, name: str) -> bool:
    """Tell whether an earlier run stored a failure in place of this result: steps that take it do without it."""
    failure = getattr(catalog.get(name), "failure", None)
    return failure is not None and failure() is not None


def find_path(catalog: DataCatalog, name: str) -> Path:
    """Find the file or folder that a result is loaded from.

    Kedro 1.7 gives no public name to it: what Kedro-Viz reads, too, is read here, and nowhere else.
    """
    dataset: Any = catalog.get(name)
    load_path = getattr(dataset, "_get_load_path", None)
    path = Path(str(load_path() if load_path else dataset._filepath))
    dataset.release()
    return path


def find_write_time(catalog: DataCatalog, name: str) -> float:
    """Find when a result was written, in seconds since the epoch."""
    path = find_path(catalog, name)
    manifest = path / "manifest.json"
    return (manifest if manifest.is_file() else path).stat().st_mtime


def count_as_missing(catalog: DataCatalog, name: str) -> None:
    """Let the runner make a result again that exists."""
    dataset: Any = catalog.get(name)
    dataset.exists = _deny  # the runner asks the instance; a module-level function survives pickling


def _deny() -> bool:
    return False
