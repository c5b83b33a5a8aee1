"""The errors that a person can repair, and the nearest known name for a message.

`EmbPipelineError` is the base of all of them; each is in the room that raises it:

* `DataError`: data that cannot be used; `emb_pipeline.text.tokens.EmptyCorpusError`,
  `emb_pipeline.embeddings.training.divergence.DivergedError`;
* `emb_pipeline.experiment.problems.GridError` and `ParametersError`: a use case that cannot be run as it is written, and
  `emb_pipeline.config.errors.ConfigurationError`, which Kedro's commands print;
* `emb_pipeline.storage.atomic.LockHeldError`, `emb_pipeline.hooks.one_run.UseCaseInUseError`: another process is at work;
* `emb_pipeline.provenance.reuse.StaleResultsError` and `MissingInputsError`: results that a run cannot build on;
* `emb_pipeline.hooks.failed_cells.FailedCellsError`: a run that ended without some of its results;
* `emb_pipeline.hooks.room.NoRoomError`: a run that cannot fit this machine;
* `emb_pipeline.runners.errors`: a cluster that does not answer, a worker that was killed, an error of a node on a worker.

`emb_pipeline.cli.command` turns them into one message and exit code 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class EmbPipelineError(Exception):
    """An error that a person can repair.

    Parameters
    ----------
    place : str
        File and row, option, or command: ``"reviews.csv, row 17"``.
    reason : str
        The trouble: ``"label is empty"``.
    remedy : str, optional
        A way out that works: ``"fill it in or drop the row"``; empty where the reason says it.
    """

    def __init__(self, place: str, reason: str, remedy: str = "") -> None:
        Exception.__init__(self, place, reason, remedy)  # not of another base, which may take other arguments
        self.place, self.reason, self.remedy = place, reason, remedy

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" + (f"; {self.remedy}" if self.remedy else "")


class DataError(EmbPipelineError, ValueError):
    """Data that cannot be used."""


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
    close = find_nearest_name(name, names)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names) or 'none'}"


def find_nearest_name(name: str, known: Iterable[str]) -> list[str]:
    """Find the known name that is written most alike: a list of one name, or of none."""
    return difflib.get_close_matches(name, [str(each) for each in known], n=1, cutoff=0.6)
