"""A result that could not be made: the place, the reason, and the cell that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from traceback import format_exception
from typing import Any

LONGEST_REASON = 600


@dataclass(frozen=True)
class Failed:
    """What a step gives in place of a result that it could not make.

    Attributes
    ----------
    place : str
        What failed: ``domain.word2vec_100`` for a training, ``domain.word2vec_100 on topic`` for a cell.
    reason : str
        Why, in one line, with the way out where the error names one.
    cell : dict
        What a row of the leaderboard needs: embedding, origin, method, dim, tuned, seed, and task and kind of a cell.
    root : str
        Where it began: the place itself, or that of the failure that it follows from.
    traceback : str
        Of the error, for who looks for its cause.
    """

    place: str
    reason: str
    cell: dict[str, Any] = field(default_factory=dict)
    root: str = ""
    traceback: str = ""

    @classmethod
    def of_error(cls, error: BaseException, place: str, cell: Mapping[str, Any] | None = None) -> Failed:
        """The failure that an error makes of a step."""
        return cls(place, reason_of(error), dict(cell or {}), place, "".join(format_exception(error)))

    @classmethod
    def following(cls, earlier: Failed, place: str, cell: Mapping[str, Any] | None = None) -> Failed:
        """The failure of a step that takes a result which failed earlier."""
        values = dict(cell or {})
        if earlier.root == values.get("embedding"):
            reason = f"its training failed: {_bare(earlier)}"
        else:
            reason = f"its base {earlier.root} failed: {_bare(earlier)}"
        return cls(place, reason, values, earlier.root)

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """The failure in JSON values."""
        return asdict(self)


def reason_of(error: BaseException) -> str:
    """What an error says, in one line: its message where it is meant for users, else with its type."""
    message = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        message = f"not enough memory ({message or 'an array was too large'}); choose a smaller dimension or fewer workers"
    elif not message or type(error) in (KeyError, IndexError, TypeError, AttributeError, AssertionError):
        message = f"{type(error).__name__}: {message}".rstrip(": ")
    return message if len(message) <= LONGEST_REASON else message[:LONGEST_REASON] + "…"


def _bare(failed: Failed) -> str:
    """The first reason of a chain of failures."""
    for start in ("its training failed: ", f"its base {failed.root} failed: "):
        if failed.place != failed.root and failed.reason.startswith(start):
            return failed.reason.removeprefix(start)
    return failed.reason
