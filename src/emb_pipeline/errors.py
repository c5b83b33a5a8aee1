"""The errors that bad data raises, and what a message says of a name that is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class DataError(ValueError):
    """Data that cannot be used, and the way out.

    Parameters
    ----------
    place : str
        File, and row where there is one: ``"reviews.csv, row 17"``.
    reason : str
        What is wrong: ``"label is empty"``.
    remedy : str
        What to do about it: ``"fill it in or drop the row"``.
    """

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        super().__init__(place, reason, remedy)
        self.place, self.reason, self.remedy = place, reason, remedy

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}; {self.remedy}"


class DataErrors(DataError):
    """Several errors in one message; place, reason and remedy are those of the first.

    Parameters
    ----------
    errors : sequence of DataError
        At least one.
    note : str
        The first line of the message, above the errors.
    """

    def __init__(self, errors: Sequence[DataError], note: str) -> None:
        super().__init__(errors[0].place, errors[0].reason, errors[0].remedy)
        self.errors, self.note = tuple(errors), note

    def __reduce__(self) -> tuple[type[DataErrors], tuple[tuple[DataError, ...], str]]:
        return DataErrors, (self.errors, self.note)

    def __str__(self) -> str:
        lines, known = [self.note], set()
        for error in self.errors:  # a remedy that repeats is noise
            lines.append(f"  {error}" if error.remedy not in known else f"  {error.place}: {error.reason}")
            known.add(error.remedy)
        return "\n".join(lines)


def suggest(name: str, known: Iterable[str]) -> str:
    """Name what was probably meant, or else everything that there is.

    Returns
    -------
    str
        ``did you mean 'decision'?``, or ``known: accuracy, f1``.
    """
    names = [str(each) for each in known]
    close = nearest(name, names)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names) or 'none'}"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Find the known name that is written most alike: a list of one name, or of none."""
    return difflib.get_close_matches(name, [str(each) for each in known], n=1, cutoff=0.6)
