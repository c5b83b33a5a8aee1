"""Places of results: files and folders of this machine, and no URLs."""

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
    """Take the place of a result, unless it is a URL: as a path of this machine it would be a new folder ``s3:``.

    Raises
    ------
    DataError
        It is a URL.
    """
    if is_url(filepath):
        raise DataError(filepath, "is a URL, and results are files of this machine", _REMEDY)
    return PurePosixPath(filepath)
