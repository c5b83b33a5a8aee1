"""Documents and labeled texts in rows with named columns: csv, tsv, jsonl, parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files import NamedFile, named_files
from emb_pipeline.readers.labeled_texts import LabeledText
from emb_pipeline.readers.options import TabularReading
from emb_pipeline.readers.splits import files_of_splits, split_name
from emb_pipeline.readers.tables import require_named_split, rows
from emb_pipeline.readers.values import identifier, join_columns
from emb_pipeline.text.hashing import text_hash


def read_documents(reading: TabularReading, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream id and text of each row that the sample takes."""
    columns = reading.text_columns
    seen: set[int] = set()
    for file in named_files(reading, raw, project):
        for number, values, given in _sampled_rows(file, reading, columns, (reading.id,), bad):
            if reading.id is None:
                yield f"{file.name}:{number}", join_columns(values)
                continue
            doc_id = identifier(given[reading.id])
            key = text_hash(doc_id)
            if key in seen:
                bad.take(
                    DataError(
                        f"{file.name}, row {number}",
                        f"id '{doc_id}' stands there a second time",
                        f"name a column with unique ids, or leave 'id: {reading.id}' out",
                    )
                )
                continue
            seen.add(key)
            yield doc_id, join_columns(values)


def read_labeled_texts(reading: TabularReading, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledText]:
    """Stream the labeled text of each row that the sample takes."""
    if reading.label is None:
        raise DataError(reading.origin, "no label column is named", "say 'label: <column>' in the task's reading")
    columns = (*reading.text_columns, reading.label)
    for split_of_files, glob in files_of_splits(reading.splits):
        for file in named_files(reading, raw, project, glob=glob):
            require_named_split(file, reading)
            further = (reading.id, reading.split or None, reading.group)
            for number, (*texts, label), given in _sampled_rows(file, reading, columns, further, bad):
                place = f"{file.name}, row {number}"
                example_id = f"{file.name}:{number}" if reading.id is None else identifier(given[reading.id])
                split: str | None = split_of_files
                if reading.split:
                    try:
                        split = split_name(given[reading.split], place)
                    except DataError as error:
                        bad.take(error)
                        continue
                group = None if reading.group is None else given[reading.group]
                yield place, example_id, join_columns(texts), label, split, group


def _sampled_rows(
    file: NamedFile,
    reading: TabularReading,
    columns: Sequence[str],
    further: Sequence[str | None],
    bad: BadRows,
) -> Iterator[tuple[int, tuple[str, ...], dict[str, str]]]:
    """Stream number, values of the columns, and values by name of further ones, of each row that the sample takes."""
    by = None if reading.sample is None else reading.sample.by
    named = [column for column in (*further, by) if column is not None]
    for number, values in rows(file, reading, (*columns, *named), bad, texts_in=reading.text_columns):
        given = dict(zip(named, values[len(columns) :], strict=True))
        if reading.sample is None or reading.sample.draws(f"{file.name}:{number}" if by is None else given[by]):
            yield number, values[: len(columns)], given
