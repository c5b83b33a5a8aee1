"""Questions to the datasets of a catalog: whether a result is there, since when, and whether it is a failure."""

from __future__ import annotations

from typing import Any

from kedro.io import DataCatalog

from emb_pipeline.storage.places import Place, find_place


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


def find_stored(catalog: DataCatalog, name: str) -> Place:
    """Find the place that a result is loaded from.

    Kedro 1.7 gives no public name to it: what Kedro-Viz reads, too, is read here, and nowhere else.
    """
    dataset: Any = catalog.get(name)
    load_path = getattr(dataset, "_get_load_path", None)
    place = find_place(str(load_path() if load_path else dataset._filepath))
    dataset.release()
    return place


def find_write_time(catalog: DataCatalog, name: str) -> float:
    """Find when a result was written, in seconds since the epoch."""
    return find_stored(catalog, name).find_write_time()


def count_as_missing(catalog: DataCatalog, name: str) -> None:
    """Let the runner make a result again that exists."""
    dataset: Any = catalog.get(name)
    dataset.exists = _deny  # the runner asks the instance; a module-level function survives pickling


def _deny() -> bool:
    return False
