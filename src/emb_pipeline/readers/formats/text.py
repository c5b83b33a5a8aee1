"""Plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.content import read_content
from emb_pipeline.readers.files.lines import decode_text, lines
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.options import PlacedSource


class TextSource(PlacedSource):
    """Plain text."""

    reader: Literal["text"] = "text"
    document: Literal["file", "block", "line"] = Field(
        "file", description="what one document is: a whole file, a block between blank lines, or a line"
    )
    encoding: str = Field(default="utf-8", description="encoding of the files")


def read_documents(source: TextSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream files, blocks or lines, each with its place as id."""
    for file in named_files(source, raw, project):
        yield from _texts_of(file, source)


@per_file
def _texts_of(file: NamedFile, source: TextSource) -> Iterator[tuple[str, str]]:
    if source.document == "file":
        yield file.name, decode_text(read_content(file), source.encoding, file.name)
    elif source.document == "line":
        for number, line in enumerate(lines(file, source.encoding), 1):
            yield f"{file.name}:{number}", line
    else:
        yield from _blocks(file.name, lines(file, source.encoding))


def _blocks(name: str, content: Iterable[str]) -> Iterator[tuple[str, str]]:
    block: list[str] = []
    start = 1
    for number, line in enumerate(content, 1):
        if not line.isspace():
            block.append(line)
        elif block:
            yield f"{name}:{start}", "".join(block)
            block = []
        if not block:
            start = number + 1
    if block:
        yield f"{name}:{start}", "".join(block)
