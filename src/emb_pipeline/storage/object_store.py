"""Whole objects of an object store, each by its exact key: nothing is listed, renamed or copied there.

The library of each store comes through fsspec. Keys and other options of the connection are in the environment, which the
processes of a run share: `OPTIONS`, or the store's own variables (``AWS_ACCESS_KEY_ID``, …).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.redaction import hide_secret, redact

OPTIONS = "EMB_PIPELINE_STORAGE_OPTIONS"
"""Environment variable: options of fsspec's file system, as JSON."""
STORES: Mapping[str, tuple[str, str]] = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gs"),
    "gcs": ("gcsfs", "gs"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
    "az": ("adlfs", "azure"),
    "memory": ("fsspec", ""),
}
"""The library that each kind of URL needs, and the extra of this package that installs it."""
_WHOLE_BYTES = 8 << 20
"""Up to this size an object is sent, or fetched, as one piece of memory."""


_KNOWN_SECONDS, _KNOWN_BYTES = 2.0, 1 << 16
"""The time for which a small object is known that was just read or written here: others write it meanwhile at most once."""
_known: dict[str, tuple[float, bytes | None]] = {}
_remembered_seconds = 0.0
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_known.clear)  # a worker has its own view of what is there


def check_url(url: str) -> None:
    """Refuse a URL of no store, or one whose library is not installed.

    Raises
    ------
    DataError
        With the known kinds of URL, or the command that installs the library.
    """
    protocol = url.partition(":")[0].lower()
    if protocol not in STORES:
        known = ", ".join(f"{name}://" for name in STORES)
        raise DataError(redact(url), "is a URL of no object store", f"name a folder, or one of {known}")
    library, extra = STORES[protocol]
    if not is_library_installed(library):
        raise DataError(redact(url), f"needs {library}, which is not installed", f"pip install 'emb_pipeline[{extra}]'")


@cache
def is_library_installed(library: str) -> bool:
    """Tell whether a library is installed, without importing it."""
    return find_spec(library) is not None


def read_object(url: str, again: bool = True) -> bytes | None:
    """Read an object; None where there is none.

    Parameters
    ----------
    url : str
        Of the object.
    again : bool
        Whether to read it also where it was read a moment ago: within `_KNOWN_SECONDS`, or within `remember_reads`.
    """
    known = _known.get(url)
    if not again and known is not None and time.monotonic() < known[0]:
        return known[1]
    content = _read(url)
    _know(url, content)
    return content


def forget_reads() -> None:
    """Read everything again: other processes may have written since."""
    _known.clear()


@contextmanager
def remember_reads(seconds: float) -> Iterator[None]:
    """Let what this process reads until the block ends be known for some seconds: also that something is not there."""
    global _remembered_seconds
    _remembered_seconds = seconds
    try:
        yield
    finally:
        _remembered_seconds = 0.0


def _know(url: str, content: bytes | None) -> None:
    seconds = _remembered_seconds or (_KNOWN_SECONDS if content is not None else 0.0)
    if seconds and (content is None or len(content) <= _KNOWN_BYTES):
        _known[url] = (time.monotonic() + seconds, content)
    else:
        _known.pop(url, None)


def _read(url: str) -> bytes | None:
    with _explain(url):
        try:
            # Without a start, s3fs asks for the size first.
            return bytes(_connect(url).cat_file(url, start=0))
        except FileNotFoundError:
            return None


def download_object(url: str, path: Path, n_bytes: int) -> bool:
    """Write an object of a known size into a file; False where there is none."""
    if n_bytes == 0:  # a store refuses to give the range of nothing
        path.write_bytes(b"")
        return True
    if n_bytes <= _WHOLE_BYTES:
        content = _read(url)
        if content is not None:
            path.write_bytes(content)
        return content is not None
    with _explain(url):
        try:
            _connect(url).get_file(url, str(path))
        except FileNotFoundError:
            return False
    return True


def write_object(url: str, content: bytes) -> None:
    """Write an object whole, in place of an earlier one."""
    _known.pop(url, None)
    with _explain(url):
        _connect(url).pipe_file(url, content)
    _know(url, content)


def create_object(url: str, content: bytes) -> bool:
    """Write an object if there is none yet; False if there is one."""
    with _explain(url):
        try:
            _connect(url).pipe_file(url, content, mode="create")
        except FileExistsError:
            return False
    return True


def upload_object(path: Path, url: str) -> None:
    """Write a file as an object, in place of an earlier one."""
    if path.stat().st_size <= _WHOLE_BYTES:
        write_object(url, path.read_bytes())
        return
    with _explain(url):
        _connect(url).put_file(str(path), url)


def delete_object(url: str) -> None:
    """Delete an object, if it is there."""
    _known.pop(url, None)
    with _explain(url), suppress(FileNotFoundError):
        _connect(url).rm_file(url)


def hide_options(options: Mapping[str, Any]) -> None:
    """Hide the texts among options of a connection in everything that is logged: a key is one of them."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            hide_options(value)
        elif isinstance(value, str) and not name.endswith(("url", "region", "region_name", "account_name", "project")):
            hide_secret(value)


def _connect(url: str) -> Any:
    """Connect to a URL's store; fsspec keeps one connection for each process, and a new one after a fork."""
    import fsspec  # type: ignore[import-untyped]

    check_url(url)
    protocol = url.partition(":")[0].lower()
    return fsspec.filesystem(protocol, **_read_options(os.environ.get(OPTIONS, ""), protocol))


@cache
def _read_options(written: str, protocol: str) -> dict[str, Any]:
    options: dict[str, Any] = json.loads(written) if written and protocol != "memory" else {}
    hide_options(options)
    return options


@contextmanager
def _explain(url: str) -> Iterator[None]:
    """Raise an error of a store as one with its place and a way out."""
    try:
        yield
    except DataError:
        raise
    except PermissionError as error:
        remedy = (
            "give keys under data_root in conf/local/credentials.yml or in the store's environment variables; they must "
            "allow reading, writing and deleting objects, and listing the bucket: without that a store says of what is not "
            "there that it is forbidden"
        )
        raise DataError(redact(url), f"the store refuses it ({_shorten(error)})", remedy) from error
    except FileNotFoundError as error:
        raise DataError(redact(url), f"cannot be written ({_shorten(error)})", "make its bucket first") from error
    except Exception as error:  # each library has errors of its own
        kind = type(error).__name__
        raise DataError(
            redact(url),
            f"the store cannot be used ({kind}: {_shorten(error)})",
            "see that its address and keys are right and that it answers, then continue with --only-missing-outputs",
        ) from error


def _shorten(error: BaseException) -> str:
    return redact(" ".join(str(error).split()))[:300]
