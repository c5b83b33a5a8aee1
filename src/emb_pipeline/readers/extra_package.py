"""Packages that a reader asks for, and that an extra brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from emb_pipeline.errors import DataError


@contextmanager
def importing_extra(package: str, extra: str, place: str) -> Iterator[None]:
    """Import a package of an extra inside of this.

    The import itself is written out where it is needed, so that it is seen by type checkers and by the fingerprints of code.

    Raises
    ------
    DataError
        It is not installed; names the extra, and ``place``, what needs it.
    """
    try:
        yield
    except ImportError as error:
        raise DataError(place, f"needs {package}, which is not installed", f"pip install 'emb_pipeline[{extra}]'") from error
