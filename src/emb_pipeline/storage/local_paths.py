"""Paths and URLs, and places that can only be a path."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from emb_pipeline.errors import DataError

_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_REMEDY = "give a folder of a local or mounted disk; rclone, s3fs or gcsfuse mount a bucket as one"


def is_url(place: str) -> bool:
    """Tell whether a place is a URL, also one that lost a slash as a path: ``s3:/bucket/key``. ``C:/data`` is none."""
    return _URL.match(place) is not None


def require_local(filepath: str) -> PurePosixPath:
    """Take the place of what can only be a file, unless it is a URL: as a path it would be a new folder ``s3:``.

    Raises
    ------
    DataError
        It is a URL.
    """
    if is_url(filepath):
        raise DataError(filepath, "is a URL, and this is a file of this machine alone", _REMEDY)
    return PurePosixPath(filepath)
