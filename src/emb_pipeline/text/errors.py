"""The error that bad data raises."""

from __future__ import annotations


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
