"""Limits of what a compressed file, an archive, or one piece of text may unpack to.

Real text packs to a third or a tenth of its size; a file that unpacks to a hundred times its size and to hundreds of
megabytes is made to exhaust the machine. Such a file is refused while it is being read.
"""

from __future__ import annotations

import os

from emb_pipeline.errors import DataError

VARIABLE = "EMB_PIPELINE_UNPACKED_MB"
"""Environment variable that raises (or lowers) all limits: megabytes (MiB)."""
UNPACKED_MB = 512
"""MiB that any compressed file or archive may unpack to."""
RATIO = 100
"""A larger file may unpack to this many times its size."""
WHOLE_MB = 1024
"""MiB that are held in memory at once: a member of an archive, a file that is one document."""
LINE_MB = 256
"""MiB of one line."""

_MB = 1 << 20


def largest_unpacked(packed: int) -> int:
    """Find how many bytes a compressed file or an archive of so many bytes may unpack to."""
    return max(_read_limit(UNPACKED_MB) * _MB, RATIO * packed)


def largest_whole() -> int:
    """Find how many bytes may be held in memory at once."""
    return _read_limit(WHOLE_MB) * _MB


def largest_line() -> int:
    """Find how many bytes one line may have."""
    return _read_limit(LINE_MB) * _MB


def too_large(place: str, what: str, limit: int, needed: int = 0) -> DataError:
    """Make the error for what exceeds a limit; ``needed`` bytes would be enough, where that is known."""
    wanted = max(limit // _MB * 4, needed // _MB + 1)
    return DataError(
        place,
        f"{what} exceeds the limit of {limit // _MB:,} MiB",
        f"split it into smaller files; if it is what it should be, set {VARIABLE}={wanted} or more",
    )


def _read_limit(default: int) -> int:
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return default
    if not given.isdecimal() or int(given) < 1:
        raise DataError(VARIABLE, f"'{given}' is not a whole number of megabytes", f"set it to a number: {VARIABLE}=2048")
    return int(given)
