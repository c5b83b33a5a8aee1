"""Documents and labeled texts in rows with named columns: csv, tsv, jsonl, parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import NamedFile, named_files
from emb_pipeline.readers.labeled_texts import LabeledText
from emb_pipeline.readers.options import TabularSource
from emb_pipeline.readers.splits import list_split_files, split_name
from emb_pipeline.readers.tables.rows import require_named_split, rows
from emb_pipeline.readers.tables.values import identifier, join_columns
from emb_pipeline.text.columns import write_row
from emb_pipeline.text.hashing import hash_text


def read_documents(source: TabularSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream id and text of each row that the sample takes."""
    if source.features is not None:
        raise DataError(source.origin, "a corpus is text: it has no 'features'", "leave 'features' out")
    if source.time is not None:
        raise DataError(source.origin, "texts of a corpus have no scores by period", "leave 'time' out: it is for tasks")
    columns = source.text_columns
    seen: set[int] = set()
    for file in named_files(source, raw, project):
        for number, values, given in _sample_rows(file, source, columns, (source.id,), bad):
            if source.id is None:
                yield f"{file.name}:{number}", join_columns(values)
                continue
            doc_id = identifier(given[source.id])
            key = hash_text(doc_id)
            if key in seen:
                bad.take(
                    DataError(
                        f"{file.name}, row {number}",
                        f"id '{doc_id}' stands there a second time",
                        f"name a column with unique ids, or leave 'id: {source.id}' out",
                    )
                )
                continue
            seen.add(key)
            yield doc_id, join_columns(values)


def read_labeled_texts(source: TabularSource, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledText]:
    """Stream the labeled text of each row that the sample takes."""
    if source.label is None:
        raise DataError(source.origin, "no label column is named", "say 'label: <column>' in the task's source")
    columns = (*source.text_columns, source.label)
    for split_of_files, glob in list_split_files(source.splits):
        for file in named_files(source, raw, project, glob=glob):
            require_named_split(file, source)
            features = () if source.features is None else source.features.names
            further = (source.id, source.split_column, source.group, source.time, *features)
            for number, (*texts, label), given in _sample_rows(file, source, columns, further, bad):
                place = f"{file.name}, row {number}"
                example_id = f"{file.name}:{number}" if source.id is None else identifier(given[source.id])
                split: str | None = split_of_files
                if source.split_column:
                    try:
                        split = split_name(given[source.split_column], place)
                    except DataError as error:
                        bad.take(error)
                        continue
                group = None if source.group is None else given[source.group]
                if source.merge_labels is not None:
                    label = source.merge_labels.get(label.strip(), label)
                values = {name: given[name].strip() for name in features}
                text = join_columns(texts) if source.text_columns else write_row(values.items())
                if source.time is not None:
                    values |= {source.time: given[source.time].strip()}
                yield place, example_id, text, label, split, group, *([values] if values else [])


def _sample_rows(
    file: NamedFile,
    source: TabularSource,
    columns: Sequence[str],
    further: Sequence[str | None],
    bad: BadRows,
) -> Iterator[tuple[int, tuple[str, ...], dict[str, str]]]:
    """Stream number, values of the columns, and values by name of further ones, of each row that the sample takes."""
    by = None if source.sample is None else source.sample.by
    named = [column for column in (*further, by) if column is not None]
    for number, values in rows(file, source, (*columns, *named), bad, texts_in=source.text_columns):
        given = dict(zip(named, values[len(columns) :], strict=True))
        if source.sample is None or source.sample.draws(f"{file.name}:{number}" if by is None else given[by]):
            yield number, values[: len(columns)], given
