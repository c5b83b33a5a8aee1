"""A label and a text on each line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.labeled_texts import LabeledText, read_documents_of_lines, read_labeled_texts_of_lines
from emb_pipeline.readers.options import HashRange, LenientSource, PlacedSource, SplitName, without_columns


class LabeledLinesSource(LenientSource, PlacedSource):
    """A label and a text on each line (classification)."""

    reader: Literal["labeled_lines"] = "labeled_lines"
    label: Literal["first", "last"] = Field("first", description="where the label stands on the line")
    separator: str = Field(default=" ", min_length=1, description="what stands between label and text; the text may hold it")
    encoding: str = Field(default="utf-8", description="encoding of the files: latin-1, cp1252, …")
    splits: dict[SplitName, str] | None = Field(
        default=None, description="glob of each split's own files: {train: TREC.train.all, test: TREC.test.all}"
    )
    labels: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="the labels that may occur; any other is refused"
    )
    sample: HashRange | None = Field(default=None, description="lines to take, by hash; all by default")

    @field_validator("sample")
    @classmethod
    def _has_no_columns(cls, sample: HashRange | None) -> HashRange | None:
        return without_columns(sample, "lines")


def read_documents(source: LabeledLinesSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream the texts without their labels."""
    return read_documents_of_lines(source, raw, project, bad, _part)


def read_labeled_texts(source: LabeledLinesSource, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledText]:
    """Stream the texts with their labels."""
    return read_labeled_texts_of_lines(source, raw, project, bad, _part)


def _part(content: str, source: LabeledLinesSource, place: str) -> tuple[str, str]:
    """Make text and label of a line."""
    separator = source.separator
    before, found, after = content.partition(separator) if source.label == "first" else content.rpartition(separator)
    if not found:
        raise DataError(
            place,
            f"'{content[:40]}' has no {separator!r} between label and text",
            "write both on each line, or name another 'separator'",
        )
    label, text = (before, after) if source.label == "first" else (after, before)
    return text.strip(), label
