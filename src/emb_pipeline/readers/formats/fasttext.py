"""Training files of fastText: words that start with a prefix are labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.labeled_texts import LabeledText, read_documents_of_lines, read_labeled_texts_of_lines
from emb_pipeline.readers.options import HashRange, LenientSource, PlacedSource, SplitName, without_columns


class FastTextSource(LenientSource, PlacedSource):
    """fastText's training files (classification): ``__label__name`` before the text of each line.

    As a corpus it is read for its text.
    """

    reader: Literal["fasttext"] = "fasttext"
    prefix: str = Field(default="__label__", min_length=1, description="what a label starts with")
    encoding: str = Field(default="utf-8", description="encoding of the files: latin-1, cp1252, …")
    splits: dict[SplitName, str] | None = Field(
        default=None, description="glob of each split's own files: {train: train.txt, test: test.txt}"
    )
    labels: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="the labels that may occur; any other is refused"
    )
    sample: HashRange | None = Field(default=None, description="lines to take, by hash; all by default")

    @field_validator("sample")
    @classmethod
    def _has_no_columns(cls, sample: HashRange | None) -> HashRange | None:
        return without_columns(sample, "lines")


def read_documents(source: FastTextSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream the texts without their labels."""
    return read_documents_of_lines(source, raw, project, bad, _part)


def read_labeled_texts(source: FastTextSource, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledText]:
    """Stream the texts with their labels."""
    return read_labeled_texts_of_lines(source, raw, project, bad, _part)


def _part(content: str, source: FastTextSource, place: str) -> tuple[str, str]:
    words = content.split()
    labels = [word.removeprefix(source.prefix) for word in words if word.startswith(source.prefix)]
    if len(labels) != 1:
        found = (
            f"{len(labels)} labels ({', '.join(labels[:5])})" if labels else f"no word that starts with {source.prefix!r}"
        )
        remedy = "keep one label on each line" if labels else "write one, or name another 'prefix'"
        raise DataError(place, f"it has {found}", f"{remedy}; 'on_error: skip' leaves such lines out")
    return " ".join(word for word in words if not word.startswith(source.prefix)), labels[0]
