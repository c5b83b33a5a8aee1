"""Answers to queries, each stored as Parquet until what it was made of changes."""

from __future__ import annotations

import logging
import time
from functools import partial
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.sql.answer import ask
from emb_pipeline.readers.sql.names import Names, find_names
from emb_pipeline.readers.stored_tables import stamp_files, store_tables
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.text.hashing import hash_text

FOLDER = "queries"
"""Folder of the answers, among the raw data."""
_ANSWER = "answer.parquet"
_log = logging.getLogger(__name__)


def store_answer(file: NamedFile) -> Path:
    """Find the answer to the query in a file, or ask.

    An answer holds until the text of its query or one of the files of this machine that it names changes. What a query
    reads from elsewhere is asked once.

    Returns
    -------
    Path
        A Parquet file.

    Raises
    ------
    DataError
        As for `emb_pipeline.readers.sql.answer.ask`, or there is no row.
    """
    query, names = _read(file)
    folder = _place_answer(query, file.raw)
    make = partial(_ask_and_write, names, file.name, folder)
    return store_tables(folder, stamp_files(names.files), make, what=f"asking {file.name}") / _ANSWER


def write_query(query: str, raw: Path, project: Path) -> NamedFile:
    """Write the query of a source to a file of its own, so that it is one like others."""
    path = _place_answer(query, raw).with_suffix(".sql")
    if not path.exists():
        with write_atomically(path) as part:
            part.write_text(query, encoding="utf-8")
    return NamedFile(path, "query", raw, project)


def list_inputs(file: NamedFile) -> list[Path]:
    """List the files that the answer to a query is made of: those that it names, and the answer, where it names others, too.

    That answer is asked for where it is not there yet. A query that cannot be answered is refused where it is read.
    """
    try:
        _, names = _read(file)
        return [*names.files, *([store_answer(file)] if names.leave_the_machine else [])]
    except DataError:
        return []


def _place_answer(query: str, raw: Path) -> Path:
    return raw / FOLDER / f"{hash_text(query):016x}"


def _read(file: NamedFile) -> tuple[str, Names]:
    try:
        query = file.path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(file.name, "the query is not UTF-8", "save it as UTF-8") from error
    return query, find_names(query, file.project)


def _ask_and_write(names: Names, place: str, kept: Path, folder: Path) -> None:
    import pyarrow.parquet as pq

    n_rows, started = 0, time.perf_counter()
    with ask(names, place) as batches, pq.ParquetWriter(folder / _ANSWER, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            n_rows += batch.num_rows
    if not n_rows:
        raise DataError(place, "the query gives no row", "correct its conditions")
    elsewhere = f"; they are kept, remove {kept} to ask again" if names.leave_the_machine else ""
    _log.info("%s: %s rows in %.1f s%s", place, f"{n_rows:,}", time.perf_counter() - started, elsewhere)
