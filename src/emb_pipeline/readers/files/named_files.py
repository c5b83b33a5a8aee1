"""The files that a source names, found."""

from __future__ import annotations

import glob as globbing
import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import wraps
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import ParamSpec, TypeVar

from emb_pipeline.errors import DataError
from emb_pipeline.readers.options import PlacedSource
from emb_pipeline.readers.public_data.fetch import fetch, find_mirror, is_fetched
from emb_pipeline.readers.public_data.public_sources import public_sources
from emb_pipeline.storage.local_paths import is_url

_FIRST_ROWS: ContextVar[int | None] = ContextVar("first_rows", default=None)
QUERY_SUFFIX = ".sql"
_Made = ParamSpec("_Made")
_Item = TypeVar("_Item")


@contextmanager
def first_rows(n_rows: int) -> Iterator[None]:
    """Read only the first rows of every file, and only files that are there: public sources are not fetched."""
    token = _FIRST_ROWS.set(n_rows)
    try:
        yield
    finally:
        _FIRST_ROWS.reset(token)


def per_file(read: Callable[_Made, Iterator[_Item]]) -> Callable[_Made, Iterator[_Item]]:
    """Let a function that streams the rows of one file stop where `first_rows` says."""

    @wraps(read)
    def limited(*args: _Made.args, **kwargs: _Made.kwargs) -> Iterator[_Item]:
        return islice(read(*args, **kwargs), _FIRST_ROWS.get())

    return limited


def checks_first_rows() -> bool:
    """Tell whether only the first rows of files that are there are read."""
    return _FIRST_ROWS.get() is not None


@dataclass(frozen=True)
class NamedFile:
    """A file and the short name that ids and errors call it by.

    Attributes
    ----------
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to: those of what a file names.
    """

    path: Path
    name: str
    raw: Path = Path()
    project: Path = Path()


def named_files(source: PlacedSource, raw: Path, project: Path, *, glob: str | None = None) -> list[NamedFile]:
    """List the files of a source, sorted by name; a public source is fetched if it is not there yet.

    Parameters
    ----------
    source : PlacedSource
        Says path, download or package, and perhaps a glob inside it.
    raw : Path
        Folder that sources are fetched to.
    project : Path
        Folder that paths are relative to.
    glob : str, optional
        Instead of the source's own ``files``.

    Raises
    ------
    DataError
        Nothing is there, or nothing matches.
    """
    found = source.make_files(raw, project, glob)
    if found is None:
        found = _find_files(source, raw, project, glob if glob is not None else source.files)
    return [replace(file, raw=raw, project=project) for file in found]


def _find_files(source: PlacedSource, raw: Path, project: Path, glob: str | None) -> list[NamedFile]:
    if source.path is not None:
        return _list_own_files(source.path, glob, project)
    if source.download is not None:
        if checks_first_rows() and not _is_here(source.download, raw):
            return []
        folder, remedy = _find_source_folder(source.download, raw), "correct 'download'"
        place = f"source '{source.download}'"
    else:
        assert source.package is not None
        folder, remedy = _find_package_folder(source.package), "correct 'files'"
        place = f"package '{source.package}'"
        if glob is None:
            raise DataError(place, "no file in it is named", "say 'files: <path inside the package>'")
    if not folder.is_dir():
        raise DataError(place, f"its folder {folder} is missing", remedy)
    return _match_files(folder, glob, place)


def find_file(source: PlacedSource, raw: Path, project: Path, glob: str) -> NamedFile:
    """Find the one file of a source that matches a glob.

    Raises
    ------
    DataError
        None does, or several.
    """
    files = named_files(source, raw, project, glob=glob)
    if len(files) != 1:
        raise DataError(f"'{glob}'", f"matches {len(files)} files, not one", "name the file more closely")
    return files[0]


def list_existing_files(
    source: PlacedSource, raw: Path, project: Path, globs: Iterable[str | None], takes_queries: bool = False
) -> list[Path]:
    """List the files of a source that exist, for each glob; none of a public source, which is checked when it is read.

    With ``takes_queries`` those that a query names count, too.
    """
    if source.download in public_sources():
        return []
    found: dict[Path, None] = {}
    for glob in globs:
        try:
            files = named_files(source, raw, project, glob=glob)
        except DataError:
            continue  # refused where it is read
        for file in files:
            found[file.path] = None
            if takes_queries and file.path.suffix == QUERY_SUFFIX:
                found.update(dict.fromkeys(_list_inputs_of_query(file)))
    return list(found)


def _list_inputs_of_query(file: NamedFile) -> list[Path]:
    # By name: the code of queries counts for what is read with them alone.
    inputs: list[Path] = import_module("emb_pipeline.readers.sql.stored").list_inputs(file)
    return inputs


def _find_source_folder(source: str, raw: Path) -> Path:
    # A folder that somebody put among the raw data serves too, under any name that no public source has.
    if source not in public_sources() and (raw / source).is_dir():
        return raw / source
    return fetch(source, raw, mirror=find_mirror(), progress=True)


def _is_here(source: str, raw: Path) -> bool:
    # One that is unknown is refused where it is looked for.
    return source not in public_sources() or is_fetched(source, raw)


def _list_own_files(path: str, glob: str | None, project: Path) -> list[NamedFile]:
    if is_url(path):
        remedy = "read a table of an object store by a query (reader: sql), or copy the files into a folder of the project"
        raise DataError(path, "is a URL, and 'path' is a file or folder of this machine", remedy)
    start = project / path
    if start.is_file():
        if glob is not None and not start.match(glob):
            return _match_files(start.parent, glob, path)
        return [NamedFile(start, path)]
    if start.is_dir():
        return _match_files(start, glob, path)
    if any(mark in path for mark in "*?["):
        anchor = Path(start.anchor) if Path(path).is_absolute() else project
        pattern = str(Path(path).relative_to(anchor)) if Path(path).is_absolute() else path
        found = [
            NamedFile(file, file.relative_to(anchor).as_posix()) for file in sorted(anchor.glob(pattern)) if file.is_file()
        ]
        if found:
            return found
    if start.is_symlink():
        raise DataError(path, f"is a link to {os.readlink(start)}, which is not there", "correct the link, or 'path'")
    raise DataError(path, f"there is no such file or folder in {project}", "correct 'path'; it is relative to the project")


def _match_files(folder: Path, glob: str | None, place: str) -> list[NamedFile]:
    # pathlib's own glob follows no link to a folder.
    matching = (
        None
        if glob is None
        else {folder / name for name in globbing.glob(glob, root_dir=folder, recursive=True, include_hidden=True)}
    )
    files = [
        NamedFile(file, file.relative_to(folder).as_posix())
        for file in iter_files(folder)
        if matching is None or file in matching
    ]
    if not files:
        wanted = "it holds no file" if glob is None else f"none of its files matches '{glob}'"
        some = [file.relative_to(folder).as_posix() for file in iter_files(folder)][:5]
        raise DataError(place, wanted + (f" (it holds {', '.join(some)}, …)" if some else ""), "correct 'files' or 'path'")
    return files


def iter_files(folder: Path) -> Iterator[Path]:
    """List the files of a folder, sorted by path, without hidden and unfinished ones; links are followed once."""
    found: list[Path] = []
    walked: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        stat = os.stat(parent)
        if (stat.st_dev, stat.st_ino) in walked:  # a link to a folder above it, or to one that was listed
            folders.clear()
            continue
        walked.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    yield from sorted(path for path in found if path.is_file() and path.suffix not in (".part", ".download"))


def _find_package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package '{package}'", "is not installed", "install it, or use 'path:' for files of your own")
    return Path(next(iter(spec.submodule_search_locations)))
