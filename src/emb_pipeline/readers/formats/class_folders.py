"""Texts that lie one per file in a folder per class, unpacked or in an archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from emb_pipeline.readers.archives import archive_members, is_archive
from emb_pipeline.readers.files import NamedFile, decoded, named_files, per_file, whole_content
from emb_pipeline.readers.formats import markup
from emb_pipeline.readers.readings import ClassFoldersReading
from emb_pipeline.readers.sampling import is_drawn


def class_folder_members(
    reading: ClassFoldersReading, raw: Path, project: Path
) -> Iterator[tuple[str, PurePosixPath, bytes]]:
    """Place, path (… / [split /] label / name) and content of each text."""
    folders = None if reading.splits is None else {PurePosixPath(folder).parts for folder in reading.splits.values()}
    for file in named_files(reading, raw, project):
        within = f"{file.name}, member " if is_archive(file.path) else ""
        for name, content in _contents(file):
            path = PurePosixPath(name)
            above = path.parts[:-2]
            is_wanted = folders is None or any(above[-len(folder) :] == folder for folder in folders)
            if len(path.parts) >= 2 and is_wanted and is_drawn(reading.sample, str(path)):
                yield f"{within}{name}", path, content


@per_file
def _contents(file: NamedFile) -> Iterator[tuple[str, bytes]]:
    """Name and content of the members of an archive, or of the file."""
    if is_archive(file.path):
        yield from archive_members(file.path)
    else:
        yield file.name, whole_content(file)


def member_text(content: bytes, reading: ClassFoldersReading, place: str) -> str:
    """The text of a file, without mark-up if the reading says so."""
    text = decoded(content, reading.encoding, place)
    return markup.text_of_html(text) if reading.html else text
