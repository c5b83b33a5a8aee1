"""The official split of a data set: which files or rows are for training, tuning and testing."""

from __future__ import annotations

from collections.abc import Mapping

from emb_pipeline.errors import DataError
from emb_pipeline.readers.options import SplitName


def list_split_files(splits: Mapping[SplitName, str] | None) -> list[tuple[SplitName | None, str | None]]:
    """List each split with the glob of its files; one of neither where all files hold the same."""
    return [(None, None)] if splits is None else list(splits.items())


def split_name(value: str, place: str) -> str:
    """``train``, ``validation`` or ``test``, from what a split column calls it (``dev`` is validation).

    Raises
    ------
    DataError
        It is none of them.
    """
    name = value.strip().casefold()
    name = {"dev": "validation", "valid": "validation", "val": "validation", "training": "train"}.get(name, name)
    if name not in ("train", "validation", "test"):
        raise DataError(
            place, f"split '{value}' is not among train, validation, test", "correct it, or leave the split column out"
        )
    return name
