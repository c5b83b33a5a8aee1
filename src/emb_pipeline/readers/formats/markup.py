"""Text formats with a mark-up of their own: Wikipedia's, IOB, MedQuAD's XML."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import chain

from emb_pipeline.errors import DataError
from emb_pipeline.readers.archives import tar_members
from emb_pipeline.readers.bad_rows import BadRows, take_or_raise
from emb_pipeline.readers.files import NamedFile, lines, opened, per_file
from emb_pipeline.readers.readings import IobReading

_DOC = re.compile(r'<doc id="([^"]*)"')
_EMPHASIS = re.compile(r"'{2,}")
_HEADING = re.compile(r"^=+\s*(.*?)\s*=+$")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_XML_DECLARATIONS = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def text_of_html(text: str) -> str:
    """The words of a text with HTML in it: ``<br>`` breaks the line, other tags are spaces, entities are decoded.

    A "<" that opens no tag stays ("<3", "a < b"). Two line breaks in a row make a blank line: a paragraph ends there.

    Examples
    --------
    >>> text_of_html("Great &amp; <i>short</i>.<br /><br />I <3 it")
    'Great &  short .\\n\\nI <3 it'
    """
    return html.unescape(_TAG.sub(" ", _LINE_BREAK.sub("\n", text)))


@per_file
def wikiextractor_articles(file: NamedFile, encoding: str) -> Iterator[tuple[str, str]]:
    """Article id and text of WikiExtractor's output; its lines are paragraphs, so blank lines are put between them."""
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


@per_file
def dump_articles(file: NamedFile) -> Iterator[tuple[str, str]]:
    """Page id and plain text of the articles of a MediaWiki XML dump.

    gensim takes the mark-up off [1]_; sentences keep their punctuation, and each line becomes a paragraph. Redirects and
    pages outside the article name space are left out.

    References
    ----------
    .. [1] ``gensim.corpora.wikicorpus.extract_pages`` and ``filter_wiki``.
    """
    from gensim.corpora.wikicorpus import extract_pages, filter_wiki

    with opened(file) as content:
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


@per_file
def iob_sentences(
    file: NamedFile, reading: IobReading, bad: BadRows | None = None
) -> Iterator[tuple[int, list[str], list[str], int]]:
    """Stream first row, tokens, tags and number of the document of each sentence of an IOB file.

    CoNLL-2003's lines ``-DOCSTART-`` are no sentences: each starts the next document.

    A sentence with a bad line goes to ``bad`` as a whole.
    """
    tokens: list[str] = []
    tags: list[str] = []
    start, document = 1, 0
    n_bad = 0 if bad is None else bad.n_bad
    for number, line in enumerate(chain(lines(file, reading.encoding, bad), ["\n"]), 1):
        if line.isspace() or line.startswith("-DOCSTART-"):
            if tokens and (bad is None or bad.n_bad == n_bad):
                yield start, tokens, tags, document
            tokens, tags, start = [], [], number + 1
            document += line.startswith("-DOCSTART-")
            n_bad = 0 if bad is None else bad.n_bad
            continue
        fields = line.rstrip("\r\n").split("\t") if reading.separator == "tab" else line.split()
        try:
            token, tag = fields[reading.token], fields[reading.tag].strip()
        except IndexError:
            token = tag = ""
        if len(fields) < 2 or not token or not tag:
            take_or_raise(bad, _not_a_token(f"{file.name}, row {number}", line, reading))
        tokens.append(token)
        tags.append(tag)


def _not_a_token(place: str, line: str, reading: IobReading) -> DataError:
    between, other = ("a tab", "white_space") if reading.separator == "tab" else ("white space", "tab")
    reason = f"it is not a token, {between} and a tag"
    if reading.separator == "tab" and len(line.split()) > 1 and "\t" not in line:
        return DataError(place, f"{reason}: its columns have blanks between them", f"say 'separator: {other}'")
    return DataError(
        place,
        reason,
        f"write a token, {between} and a tag per line, a blank line between sentences, or correct 'token', 'tag' and "
        "'separator'",
    )


@per_file
def medquad_pairs(file: NamedFile) -> Iterator[tuple[str, str, str, str]]:
    """Place, id, question and answer of the answered pairs in a tar of MedQuAD's XML files.

    Pairs without an answer are left out: upstream emptied three of its folders for copyright.
    """
    for name, content in tar_members(file.path):
        if not name.endswith(".xml"):
            continue
        place = f"{file.name}, member {name}"
        if _XML_DECLARATIONS.search(content):
            raise DataError(place, "it declares entities of its own", "remove the DOCTYPE; MedQuAD's files have none")
        try:
            tree = ET.fromstring(content)
        except ET.ParseError as error:
            raise DataError(place, f"it is not XML ({error})", "fetch or copy the archive again") from error
        folder = name.rpartition("/")[0].rpartition("/")[2]
        for pair in tree.iter("QAPair"):
            question = pair.find("Question")
            answer = (pair.findtext("Answer") or "").strip()
            if question is not None and answer:
                yield place, f"{folder}/{question.get('qid')}", (question.text or "").strip(), answer
