"""Data sets of Hugging Face, each split stored as Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emb_pipeline.errors import DataError, suggest
from emb_pipeline.readers.extra_package import importing_extra
from emb_pipeline.readers.files.named_files import NamedFile, checks_first_rows, iter_files
from emb_pipeline.readers.hf_dataset.source import HfDatasetSource
from emb_pipeline.readers.stored_tables import stamp_files, store_tables
from emb_pipeline.redaction import hide_secret, redact
from emb_pipeline.text.hashing import hash_text

if TYPE_CHECKING:
    from types import ModuleType

    from datasets import DatasetDict

FOLDER = "hf_datasets"
"""Folder of the stored splits, among the raw data."""
_SAVED = ("dataset_dict.json", "state.json")
"""Files that `save_to_disk` writes next to the data."""


def store_split(source: HfDatasetSource, raw: Path, project: Path, split: str | None) -> list[NamedFile]:
    """Store a data set as Parquet, unless that is there, and name the file of one split.

    Returns
    -------
    list of NamedFile
        The file; none for a data set of the hub that is not here yet, where only first rows are checked.

    Raises
    ------
    DataError
        The package ``datasets`` is not installed, the data set cannot be loaded or has no such split, or no split is
        named and it has several.
    """
    found_at = " ".join((source.origin, source.config or "", source.revision or ""))
    folder = raw / FOLDER / f"{hash_text(found_at):016x}"
    if source.name is not None and not folder.exists() and checks_first_rows():
        return []
    files = [] if source.path is None else source.find_files(raw, project)
    make = partial(_load_and_write, source, project)
    store_tables(folder, stamp_files(files), make, what=f"loading {source.origin}")
    splits = sorted(path.stem for path in iter_files(folder) if path.suffix == ".parquet")
    if split is None and len(splits) == 1:
        split = splits[0]
    if split is None:
        mapping = ", ".join(f"{name}: {name}" for name in ("train", "validation", "test") if name in splits)
        raise DataError(
            source.origin,
            f"it has the splits {', '.join(splits)}, and none is named",
            f"say 'splits: {{{mapping}}}', or 'split: {splits[0]}' to read one",
        )
    if split not in splits:
        raise DataError(source.origin, f"it has no split '{split}'", suggest(split, splits))
    return [NamedFile(folder / f"{split}.parquet", f"{source.origin}/{split}")]


def _load_and_write(source: HfDatasetSource, project: Path, folder: Path) -> None:
    with importing_extra("datasets", "hf", source.origin):
        import datasets
    hide_secret(os.environ.get("HF_TOKEN", ""))
    with quiet(datasets), explain(datasets, source):
        loaded = _load(datasets, source, project, folder / "cache")
        for name, split in loaded.items():
            if not len(split):
                raise DataError(source.origin, f"its split '{name}' has no row", "copy or fetch the data set again")
            split.to_parquet(folder / f"{name}.parquet")


def _load(datasets: ModuleType, source: HfDatasetSource, project: Path, cache: Path) -> DatasetDict:
    if source.path is None:
        loaded = datasets.load_dataset(source.name, source.config, revision=source.revision)
    elif not (place := project / source.path).is_dir():
        raise DataError(source.path, f"there is no such folder in {project}", "correct 'path': it is relative to that")
    elif any((place / name).exists() for name in _SAVED):
        if source.config is not None:
            raise DataError(source.path, "what save_to_disk writes has no configurations", "leave 'config' out")
        loaded = datasets.load_from_disk(str(place))
    else:
        loaded = datasets.load_dataset(str(place), source.config, cache_dir=str(cache))
    return loaded if isinstance(loaded, Mapping) else datasets.DatasetDict(train=loaded)


@contextmanager
def quiet(datasets: ModuleType) -> Iterator[None]:
    """Show no progress bars of the library."""
    if not datasets.is_progress_bar_enabled():
        yield
        return
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.enable_progress_bars()


@contextmanager
def explain(datasets: ModuleType, source: Any) -> Iterator[None]:
    """Say what a data set that cannot be loaded needs."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # of many kinds: of the library, of the network, of what the files are
        first = redact(" ".join(str(error).split()))[:300] or type(error).__name__
        remedy = "copy or save the data set again, or correct 'config'"
        if "script" in first:
            remedy = "its code is never run: where you trust it, run it and save the rows as Parquet, and name that folder"
        if isinstance(error, ConnectionError | TimeoutError | OSError) and source.path is None:
            remedy = "fetch it where there is a network, copy the folder here, and say 'path: …' in place of 'name'"
        raise DataError(source.origin, f"it cannot be loaded ({first})", remedy) from error
