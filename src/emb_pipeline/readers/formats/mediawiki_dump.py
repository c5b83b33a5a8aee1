"""Articles of a MediaWiki dump."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.content import open_content
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.options import PlacedSource


class MediawikiDumpSource(PlacedSource):
    """A MediaWiki XML dump; mark-up, redirects and pages outside the article name space are left out."""

    reader: Literal["mediawiki_dump"] = "mediawiki_dump"


_EMPHASIS = re.compile(r"'{2,}")
_HEADING = re.compile(r"^=+\s*(.*?)\s*=+$")


def read_documents(source: MediawikiDumpSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream page id and plain text of each article."""
    for file in named_files(source, raw, project):
        yield from read_dump_articles(file)


@per_file
def read_dump_articles(file: NamedFile) -> Iterator[tuple[str, str]]:
    """Stream page id and plain text of the articles of a MediaWiki XML dump.

    gensim takes the mark-up off [1]_; sentences keep their punctuation, and each line becomes a paragraph. Redirects and
    pages outside the article name space are left out.

    References
    ----------
    .. [1] ``gensim.corpora.wikicorpus.extract_pages`` and ``filter_wiki``.
    """
    from gensim.corpora.wikicorpus import extract_pages, filter_wiki

    with open_content(file) as content:
        try:
            for _, text, page_id in extract_pages(content, filter_namespaces=("0",)):
                if text and not text.lstrip().casefold().startswith("#redirect"):
                    yield page_id, _paragraphs(filter_wiki(text))
        except (ET.ParseError, AttributeError, RuntimeError, TypeError, ValueError) as error:  # gensim's, of other XML
            raise DataError(
                file.name, f"it is not a complete MediaWiki dump ({error})", "fetch or copy it again, or correct 'reader'"
            ) from error


def _paragraphs(text: str) -> str:
    stripped = (_HEADING.sub(r"\1", line.strip(" \t*#:;")) for line in _EMPHASIS.sub("", text).split("\n"))
    return "\n\n".join(line for line in stripped if any(map(str.isalnum, line)))
