"""Datasets whose results are files of this machine or objects of a store: ``filepath`` is a path or a URL."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractVersionedDataset, DatasetError, Version

from emb_pipeline.storage.failures import Failed
from emb_pipeline.storage.local_paths import is_url
from emb_pipeline.storage.places import Place, find_newest_version, find_place, note_newest_version


def take_filepath(filepath: str) -> PurePosixPath:
    """Take the place of a result. As a path a URL loses a slash, and is still known as one.

    Raises
    ------
    DataError
        A URL of no object store, or one whose library is not installed.
    """
    find_place(filepath)
    return PurePosixPath(filepath)


class Placed:
    """A dataset with a place."""

    _filepath: PurePosixPath

    @property
    def place(self) -> Place:
        """Where the result is; of a versioned one, where its versions are."""
        return find_place(self._filepath)

    def failure(self) -> Failed | None:
        """Read why there is no result; None where there is one."""
        return self.place.failure()


class PlacedVersions(Placed, AbstractVersionedDataset[Any, Any]):
    """A dataset of one file with a place, each version of which is kept if Kedro asks for versions.

    Nothing is listed in a store, where the newest version is noted next to the versions. Others are loaded by their name.

    Parameters
    ----------
    filepath : str
        Where the file is, a path or a URL.
    version : Version, optional
        Set by Kedro for an entry with ``versioned: true``.
    metadata : dict, optional
        Anything for other tools, such as Kedro-Viz's layer.
    """

    def __init__(self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(
            filepath=take_filepath(filepath),
            version=version,
            exists_function=_does_path_exist,
            glob_function=_find_versions,
        )
        self.metadata = metadata

    @contextmanager
    def _write(self) -> Iterator[Path]:
        """Give the path to write this version to."""
        target = self._get_save_path()
        with find_place(target).write() as path:
            yield path
        if self._version and is_url(str(target)):
            note_newest_version(target)
        self.place.forget_failure()

    @contextmanager
    def _use(self) -> Iterator[Path]:
        """Give the path to read the version from that is loaded."""
        with find_place(self._get_load_path()).use() as path:
            yield path

    def _exists(self) -> bool:
        try:
            path = self._get_load_path()
        except DatasetError:  # no version yet
            return False
        return find_place(path).exists() and (self._version is None or self.failure() is None)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}


def _does_path_exist(path: str) -> bool:  # named functions: datasets are pickled
    return find_place(path).exists() if is_url(path) else Path(path).exists()


def _find_versions(pattern: str) -> list[str]:
    return find_newest_version(pattern) if is_url(pattern) else glob.glob(pattern)
