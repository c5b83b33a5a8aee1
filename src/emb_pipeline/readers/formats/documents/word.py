"""The text of a Word document (.docx), by the standard library: a zip archive with XML in it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.archives import read_zip_members
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.files.signatures import HEAD, recognize

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MAIN, _STYLES = "word/document.xml", "word/styles.xml"
_DECLARATIONS = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0"
_HEADING = re.compile(r"heading ([1-6])", re.IGNORECASE)
_SAVE_AGAIN = "open it in a word processor and save it as .docx again"


def read_word(file: NamedFile) -> str:
    """Read the paragraphs of a Word document, with a blank line between them.

    Paragraphs of the styles *Title* and *Heading 1* to *Heading 6* become lines with ``#``; where there is a title, each
    heading is one level lower. Deleted text is left out; the cells of a row of a table are parted by ``|``.

    Raises
    ------
    DataError
        The file is encrypted, damaged or no Word document.
    """
    members = _read_members(file)
    levels = _find_levels(_parse(file, members[_STYLES])) if _STYLES in members else {}
    body = _parse(file, members[_MAIN]).find(f"{_W}body")
    blocks = list(_list_blocks(body, levels)) if body is not None else []
    has_title = any(level == 0 for level, _ in blocks)
    parts = []
    for level, text in blocks:
        depth = None if level is None else min(level + has_title, 6)
        parts.append(text if depth is None else f"{'#' * depth} {' '.join(text.split())}")
    return "\n\n".join(parts)


def _read_members(file: NamedFile) -> dict[str, bytes]:
    with file.path.open("rb") as content:
        head = content.read(HEAD)
    if head.startswith(_OLE):
        reason = "it is encrypted, or of Word before 2007"
        raise DataError(file.name, reason, "remove its password, or save it as .docx")
    if not head.startswith(b"PK"):
        what = recognize(head)
        raise DataError(file.name, f"it is {what.what if what else 'no Word document (.docx)'}", _SAVE_AGAIN)
    try:
        members = {name: data for name, data in read_zip_members(file.path) if name in (_MAIN, _STYLES)}
    except DataError as error:
        raise DataError(file.name, error.reason, error.remedy) from error
    if _MAIN not in members:
        raise DataError(file.name, f"it has no {_MAIN}: it is no Word document, or a damaged one", _SAVE_AGAIN)
    return members


def _parse(file: NamedFile, content: bytes) -> ET.Element:
    if _DECLARATIONS.search(content):
        raise DataError(file.name, "its XML declares entities of its own, as Word's never does", _SAVE_AGAIN)
    try:
        return ET.fromstring(content)
    except ET.ParseError as error:
        raise DataError(file.name, f"its XML is damaged ({error})", _SAVE_AGAIN) from error


def _find_levels(styles: ET.Element) -> dict[str, int]:
    """Find the level of each style that is a heading, by its id; 0: the title."""
    levels = {}
    for style in styles.iter(f"{_W}style"):
        name = style.find(f"{_W}name")
        called = "" if name is None else str(name.get(f"{_W}val"))
        heading = _HEADING.fullmatch(called)
        if heading or called.casefold() == "title":
            levels[str(style.get(f"{_W}styleId"))] = int(heading[1]) if heading else 0
    return levels


def _list_blocks(parent: ET.Element, levels: dict[str, int]) -> Iterator[tuple[int | None, str]]:
    """Stream level and text of each paragraph, and of each row of a table, that has any."""
    for child in parent:
        if child.tag == f"{_W}p":
            text = "".join(_list_text(child)).strip()
            if text:
                style = child.find(f"{_W}pPr/{_W}pStyle")
                yield (None if style is None else levels.get(str(style.get(f"{_W}val")))), text
        elif child.tag == f"{_W}tr":
            cells = ["\n".join(text for _, text in _list_blocks(cell, levels)) for cell in child.findall(f"{_W}tc")]
            if any(cells):
                yield None, " | ".join(cells)
        elif child.tag != f"{_W}sectPr":
            yield from _list_blocks(child, levels)


def _list_text(element: ET.Element) -> Iterator[str]:
    for child in element:
        if child.tag == f"{_W}t":
            yield child.text or ""
        elif child.tag == f"{_W}tab":
            yield "\t"
        elif child.tag in (f"{_W}br", f"{_W}cr"):
            yield "\n"
        elif child.tag not in (f"{_W}del", f"{_W}moveFrom", f"{_W}pPr", _FALLBACK):
            yield from _list_text(child)
