"""Rows that cannot be used: listed together in one error, or left out and counted."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from emb_pipeline.errors import DataError, DataErrors

MOST_LISTED = 20
"""Bad rows that one error lists."""
_EXAMPLES = 5


class BadRows:
    """Collects what is wrong with rows while a source is read.

    Used as a context manager: where it ends, all that was collected is raised as one error.

    Parameters
    ----------
    on_error : {"refuse", "skip"}
        Whether a bad row is an error or is left out.
    empty : {"refuse", "leave_out"}
        Whether a row without text, label or the like is an error or is left out.
    offers_skip : bool
        Whether the source has the option ``on_error``, so that the error can name it.

    Attributes
    ----------
    n_skipped, n_empty : int
        Rows that were left out because of an error; because they are empty.
    skipped, empty_places : list of str
        The first of each: errors, and places.
    left_out : dict of str to list of str
        Ids of what was left out for another reason, by that reason.
    """

    def __init__(self, *, on_error: str = "refuse", empty: str = "refuse", offers_skip: bool = False) -> None:
        self._skips, self.leaves_out_empty, self._offers_skip = on_error == "skip", empty == "leave_out", offers_skip
        self._errors: list[DataError] = []
        self.n_skipped = self.n_empty = 0
        self.skipped: list[str] = []
        self.empty_places: list[str] = []
        self.left_out: dict[str, list[str]] = {}

    @classmethod
    def of(cls, source: Any) -> BadRows:
        """Build the collector that a source's options ask for."""
        return cls(
            on_error=getattr(source, "on_error", "refuse"),
            empty=getattr(source, "empty", "refuse"),
            offers_skip=hasattr(source, "on_error"),
        )

    @property
    def n_bad(self) -> int:
        """Rows with an error so far."""
        return self.n_skipped + len(self._errors)

    def take(self, error: DataError) -> None:
        """Take the error of one row; the one that fills the list raises all of them."""
        if self._skips:
            self.n_skipped += 1
            if len(self.skipped) < _EXAMPLES:
                self.skipped.append(f"{error.place}: {error.reason}")
            return
        self._errors.append(error)
        if len(self._errors) == MOST_LISTED:
            self.raise_all()

    def leave_out_empty(self, place: str) -> None:
        """Count a row that is left out because it is empty."""
        self.n_empty += 1
        if len(self.empty_places) < _EXAMPLES:
            self.empty_places.append(place)

    def leave_out_for(self, reason: str, example_id: str) -> None:
        """Count an example that is left out for a reason of its reader."""
        self.left_out.setdefault(reason, []).append(example_id)

    def add_counts(self, other: BadRows) -> None:
        """Count what another collector, of a part of the source, has left out."""
        self.n_skipped += other.n_skipped
        self.n_empty += other.n_empty
        self.skipped = [*self.skipped, *other.skipped][:_EXAMPLES]
        self.empty_places = [*self.empty_places, *other.empty_places][:_EXAMPLES]

    def describe_left_out(self) -> str:
        """Describe how many rows were left out, in brackets, and the first; empty where there is none."""
        n_out = self.n_skipped + self.n_empty
        return f" ({n_out:,} rows were left out; the first: {(self.skipped or self.empty_places)[0]})" if n_out else ""

    def raise_all(self) -> None:
        """Raise what was collected, if there is anything."""
        if not self._errors:
            return
        errors, self._errors = self._errors, []
        if len(errors) == 1:
            raise errors[0]
        found = f"the first {MOST_LISTED} bad rows" if len(errors) == MOST_LISTED else f"{len(errors)} bad rows"
        hint = " ('on_error: skip' leaves such rows out)" if self._offers_skip else ""
        raise DataErrors(errors, f"{found}{hint}:")

    def __enter__(self) -> BadRows:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, DataError) and self._errors:
            self._errors.append(error)
            self.raise_all()
        elif kind is None:
            self.raise_all()


def take_or_raise(bad: BadRows | None, error: DataError) -> None:
    """Give a row's error to the collector; raise it where there is none."""
    if bad is None:
        raise error
    bad.take(error)


def count_left_out(bad: BadRows | None) -> int:
    """Count the rows that are left out so far."""
    return 0 if bad is None else bad.n_bad + bad.n_empty
