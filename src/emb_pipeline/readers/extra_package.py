"""Packages that a reader asks for, and that an extra brings."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from emb_pipeline.errors import DataError


def import_extra(package: str, extra: str, place: str) -> ModuleType:
    """Import a package of an extra.

    Raises
    ------
    DataError
        It is not installed; names the extra, and ``place``, what needs it.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise DataError(place, f"needs {package}, which is not installed", f"pip install 'emb_pipeline[{extra}]'") from error
