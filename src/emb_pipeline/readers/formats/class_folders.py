"""Texts in one folder per class, one file each, unpacked or in an archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field, field_validator

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.archives import is_archive, read_archive_members
from emb_pipeline.readers.files.content import read_content
from emb_pipeline.readers.files.lines import decode_text
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.formats.html import extract_html_text
from emb_pipeline.readers.labeled_texts import LabeledText
from emb_pipeline.readers.options import HashRange, LenientSource, PlacedSource, SplitName, without_columns


class ClassFoldersSource(LenientSource, PlacedSource):
    """One folder per class, one file per text; in a folder, or in a tar or zip archive."""

    reader: Literal["class_folders"] = "class_folders"
    splits: dict[SplitName, str] | None = Field(
        default=None, description="folder of each split, above the class folders: {train: training, test: test}"
    )
    labels: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="the labels that may occur; any other is refused"
    )
    encoding: str = Field(default="utf-8", description="encoding of the texts: latin-1, cp1252, …")
    html: bool = Field(default=False, description="texts hold HTML: <br> breaks a line, other tags go, entities are decoded")
    sample: HashRange | None = Field(default=None, description="files to take, by hash; all by default")

    def _globs(self) -> tuple[str | None, ...]:
        return (self.files,)  # splits are folders, inside archives, too

    @field_validator("sample")
    @classmethod
    def _has_no_columns(cls, sample: HashRange | None) -> HashRange | None:
        return without_columns(sample, "files")


def read_documents(source: ClassFoldersSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream path and text of each file."""
    for _, path, text in _texts(source, raw, project, bad):
        yield str(path), text


def read_labeled_texts(source: ClassFoldersSource, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledText]:
    """Stream the texts with the names of their folders."""
    names = {} if source.splits is None else {PurePosixPath(folder).name: split for split, folder in source.splits.items()}
    for place, path, text in _texts(source, raw, project, bad):
        yield place, str(path), text, path.parts[-2], names[path.parts[-3]] if names else None, None


def _texts(source: ClassFoldersSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, PurePosixPath, str]]:
    """Place, path (… / [split /] label / name) and text of each file that is not left out."""
    for place, path, content in _members(source, raw, project):
        try:
            text = decode_text(content, source.encoding, place)
        except DataError as error:
            bad.take(error)
            continue
        yield place, path, extract_html_text(text) if source.html else text


def _members(source: ClassFoldersSource, raw: Path, project: Path) -> Iterator[tuple[str, PurePosixPath, bytes]]:
    """Place, path (… / [split /] label / name) and content of each text."""
    folders = None if source.splits is None else {PurePosixPath(folder).parts for folder in source.splits.values()}
    for file in named_files(source, raw, project):
        within = f"{file.name}, member " if is_archive(file.path) else ""
        for name, content in _contents(file):
            path = PurePosixPath(name)
            above = path.parts[:-2]
            is_wanted = folders is None or any(above[-len(folder) :] == folder for folder in folders)
            if len(path.parts) >= 2 and is_wanted and (source.sample is None or source.sample.draws(str(path))):
                yield f"{within}{name}", path, content


@per_file
def _contents(file: NamedFile) -> Iterator[tuple[str, bytes]]:
    """Name and content of the members of an archive, or of the file."""
    if is_archive(file.path):
        yield from read_archive_members(file.path)
    else:
        yield file.name, read_content(file)
