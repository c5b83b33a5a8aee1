"""A share of the rows or files, drawn by a hash: equal values, equal choice, on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files import NamedFile
from emb_pipeline.readers.readings import HashRange, TabularReading
from emb_pipeline.readers.tables import rows
from emb_pipeline.text.hashing import text_hash


def sampled_rows(
    file: NamedFile,
    reading: TabularReading,
    columns: Sequence[str],
    further: Sequence[str | None],
    bad: BadRows | None = None,
) -> Iterator[tuple[int, tuple[str, ...], dict[str, str]]]:
    """Stream number, values of the columns, and values by name of further ones, of each row that the sample takes."""
    by = None if reading.sample is None else reading.sample.by
    named = [column for column in (*further, by) if column is not None]
    for number, values in rows(file, reading, (*columns, *named), bad, texts_in=reading.text_columns):
        given = dict(zip(named, values[len(columns) :], strict=True))
        if is_drawn(reading.sample, f"{file.name}:{number}" if by is None else given[by]):
            yield number, values[: len(columns)], given


def is_drawn(sample: HashRange | None, value: str) -> bool:
    """Whether a sample takes what has this value; without a sample, all is taken."""
    # Another salt than a split's, or a sample of half the rows would hold the test half alone.
    return sample is None or sample.low <= text_hash(f"sample {value}") / 2**64 < sample.high
