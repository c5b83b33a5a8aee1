"""Reuters-21578: newswire articles with topics, SGML in a tar archive."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.archives import read_tar_members
from emb_pipeline.readers.files.lines import decode_text
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.options import PlacedSource


class ReutersSource(PlacedSource):
    """Reuters-21578 (SGML in a tar archive); as a corpus, the title and text of each article."""

    reader: Literal["reuters"] = "reuters"
    encoding: str = Field(default="latin-1", description="encoding of the SGML files")


class ReutersArticle(NamedTuple):
    """One article.

    ``split`` is that of ModApte (Apté, Damerau & Weiss 1994): ``train``, ``test``, or None for one that it leaves out.
    ``topics`` may be empty.
    """

    place: str
    article_id: str
    text: str
    topics: tuple[str, ...]
    split: str | None


_ARTICLE = re.compile(r"<REUTERS ([^>]*)>(.*?)</REUTERS>", re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_TOPICS = re.compile(r"<TOPICS>(.*?)</TOPICS>", re.DOTALL)
_TOPIC = re.compile(r"<D>(.*?)</D>")
_TEXT = re.compile(r"<TEXT[^>]*>(.*?)</TEXT>", re.DOTALL)
_PART = re.compile(r"<(TITLE|BODY)>(.*?)</\1>", re.DOTALL)
_AUTHOR_OR_DATE = re.compile(r"<(AUTHOR|DATELINE)>.*?</\1>", re.DOTALL)
_CONTROL = re.compile(r"&#\d{1,2};|[\x00-\x08\x0b-\x1f]")
_SIGNATURE = re.compile(r"\s*\breuters?\s*\Z", re.IGNORECASE)
_MODAPTE = {"TRAIN": "train", "TEST": "test"}


def read_documents(source: ReutersSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream id and text of each article that has one."""
    for file in named_files(source, raw, project):
        for article in read_articles(file, source.encoding):
            if article.text:
                yield article.article_id, article.text


@per_file
def read_articles(file: NamedFile, encoding: str = "latin-1") -> Iterator[ReutersArticle]:
    """Stream the articles of a tar of ``.sgm`` files, in their order.

    The text is the title, a blank line and the body, or all of ``<TEXT>`` where it is not divided. The signature
    ("Reuter") at its end, which tells nothing, is left out.

    Raises
    ------
    DataError
        A file of the archive holds no article, or another number of them than it begins.
    """
    for name, content in read_tar_members(file.path):
        if not name.endswith(".sgm"):
            continue
        place, text = f"{file.name}, member {name}", decode_text(content, encoding, f"{file.name}, member {name}")
        found = _ARTICLE.findall(text)
        if len(found) != text.count("<REUTERS ") or not found:
            raise DataError(
                place,
                f"{text.count('<REUTERS ')} articles begin and {len(found)} are whole",
                "fetch or copy the archive again",
            )
        for attributes, article in found:
            yield _read_article(place, dict(_ATTRIBUTE.findall(attributes)), article)


def _read_article(place: str, attributes: dict[str, str], article: str) -> ReutersArticle:
    listed, text = _TOPICS.search(article), _TEXT.search(article)
    parts = dict(_PART.findall(text[1])) if text else {}
    body = _clean(parts.get("BODY", "") if parts else _AUTHOR_OR_DATE.sub(" ", text[1]) if text else "")
    is_judged = attributes.get("TOPICS") == "YES"
    return ReutersArticle(
        f"{place}, article {attributes.get('NEWID', '?')}",
        attributes.get("NEWID", ""),
        "\n\n".join(filter(None, (_clean(parts.get("TITLE", "")), body))),
        tuple(_TOPIC.findall(listed[1])) if listed else (),
        _MODAPTE.get(attributes.get("LEWISSPLIT", "")) if is_judged else None,
    )


def _clean(text: str) -> str:
    return _SIGNATURE.sub("", html.unescape(_CONTROL.sub(" ", text))).strip()
