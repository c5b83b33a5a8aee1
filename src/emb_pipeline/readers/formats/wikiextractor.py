"""Articles of Wikipedia, as WikiExtractor writes them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.lines import lines
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.options import PlacedSource


class WikiExtractorSource(PlacedSource):
    """Output of WikiExtractor: ``<doc id=… title=…>``, one paragraph per line; plain, .gz, .bz2, .xz or .zst."""

    reader: Literal["wikiextractor"] = "wikiextractor"
    encoding: str = Field(default="utf-8", description="encoding of the files")


_DOC = re.compile(r'<doc id="([^"]*)"')


def read_documents(source: WikiExtractorSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream id and text of each article; its lines are paragraphs, so blank lines are put between them."""
    for file in named_files(source, raw, project):
        yield from _articles(file, source.encoding)


@per_file
def _articles(file: NamedFile, encoding: str) -> Iterator[tuple[str, str]]:
    article_id: str | None = None
    paragraphs: list[str] = []
    number = 0
    for number, line in enumerate(lines(file, encoding), 1):
        if line.startswith("<doc "):
            match = _DOC.match(line)
            if article_id is not None or match is None:
                raise DataError(
                    f"{file.name}, row {number}",
                    "an article starts before the last one ended, or has no id",
                    "write the file again with WikiExtractor",
                )
            article_id, paragraphs = match[1], []
        elif article_id is None:
            if not line.isspace():
                raise DataError(
                    f"{file.name}, row {number}",
                    "text stands outside <doc …> and </doc>",
                    "use the reader 'text' for plain text",
                )
        elif line.rstrip() == "</doc>":
            yield article_id, "\n\n".join(paragraphs)
            article_id = None
        elif not line.isspace():
            paragraphs.append(html.unescape(line.strip()))
    if article_id is not None:
        raise DataError(
            f"{file.name}, row {number}", f"article {article_id} does not end (no </doc>)", "fetch or write the file again"
        )
