"""A look at the first rows of every file of a use case, before anything large is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emb_pipeline.errors import DataError, DataErrors
from emb_pipeline.readers import documents
from emb_pipeline.readers.bad_rows import MOST_LISTED
from emb_pipeline.readers.files.named_files import first_rows
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.examples.reader import ExamplesReader

N_ROWS = 1_000


def check_first_rows(
    corpora: Mapping[str, Sequence[CorpusSource]],
    tasks: Mapping[str, tuple[ExamplesReader, Any]],
    raw: Path,
    project: Path,
    *,
    n_rows: int = N_ROWS,
) -> None:
    """Read the first rows of every file that is there, and list what cannot be used.

    Public sources are not fetched for it, and a fault that only the whole can show (a class with one example) is not looked
    for.

    Parameters
    ----------
    corpora : mapping of str to sequence of CorpusSource
        The sources of each corpus.
    tasks : mapping of str to (ExamplesReader, source)
        The reader and the source of each task.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.
    n_rows : int
        Rows of each file.

    Raises
    ------
    DataError
        A file is missing or not what its source says, or a row cannot be used; `DataErrors` where there are several.
    """
    errors: list[DataError] = []
    with first_rows(n_rows):
        for source in (source for sources in corpora.values() for source in sources):
            errors += _collect_errors(documents.check_first_rows, source, raw, project)
        for reader, source in tasks.values():
            errors += _collect_errors(reader.check_first_rows, source, raw, project)
    errors = list({str(error): error for error in errors}.values())  # a file may serve a corpus and a task
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise DataErrors(
            errors[:MOST_LISTED], f"{len(errors)} faults in the first {n_rows:,} rows of the files of this use case:"
        )


def _collect_errors(check: Callable[[Any, Path, Path], None], source: Any, raw: Path, project: Path) -> Iterator[DataError]:
    try:
        check(source, raw, project)
    except DataErrors as several:
        yield from several.errors
    except DataError as error:
        yield error
