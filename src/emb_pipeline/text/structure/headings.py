"""Sections of a text: headings are lines that start with one to six ``#`` and a space, as in Markdown.

The readers of documents write the headings of every format so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from emb_pipeline.text.words import WORDS_MARK

_HEADING = re.compile(rf"{WORDS_MARK}?[ ]{{0,3}}(#{{1,6}})[ \t]+(\S.*?)(?:[ \t]+#+)?[ \t]*")
_FENCE = re.compile(rf"{WORDS_MARK}?[ ]{{0,3}}(`{{3,}}|~{{3,}})")


@dataclass(frozen=True)
class Section:
    """A heading with the text below it, up to the next heading of any level.

    Attributes
    ----------
    level : int
        1 to 6; 0 for what comes before the first heading.
    heading : str
        Empty at level 0.
    start, body, end : int
        Characters of the text: ``text[start:end]`` is the section, ``text[body:end]`` what is below its heading.
    path : tuple of str
        The headings that it is under, from the top, without its own.
    """

    level: int
    heading: str
    start: int
    body: int
    end: int
    path: tuple[str, ...] = ()


def split_sections(text: str) -> list[Section]:
    """Split a text at its headings; lines of a fenced block of code are none.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of Section
        In order, without gaps: joined, they are the text. A text without headings is one section of level 0.

    Examples
    --------
    >>> [(each.level, each.heading) for each in split_sections("intro\\n# One\\ntext\\n## Two\\n")]
    [(0, ''), (1, 'One'), (2, 'Two')]
    """
    found = list(_list_headings(text))
    if not found or found[0][2] > 0:
        found.insert(0, (0, "", 0, 0))
    ends = [start for _, _, start, _ in found[1:]] + [len(text)]
    above: list[tuple[int, str]] = []
    sections = []
    for (level, heading, start, body), end in zip(found, ends, strict=True):
        above = [each for each in above if each[0] < level]
        sections.append(Section(level, heading, start, body, end, tuple(name for _, name in above)))
        if level:
            above.append((level, heading))
    return sections


def find_title(text: str) -> Section | None:
    """Find the section that is headed by the title: the first heading, where none is of a higher level.

    Returns
    -------
    Section or None
        None where the text has no such heading.
    """
    headed = [section for section in split_sections(text) if section.level]
    if not headed or headed[0].level > min(section.level for section in headed):
        return None
    return headed[0]


def _list_headings(text: str) -> Iterator[tuple[int, str, int, int]]:
    """Stream level, words, start, and the start of the line below, of each heading."""
    if "#" not in text:
        return
    place, fence = 0, ""
    for line in text.splitlines(keepends=True):
        content = line.rstrip("\r\n")
        opened = _FENCE.match(content)
        if fence:
            if opened and opened[1].startswith(fence) and not content[opened.end() :].strip():
                fence = ""
        elif opened:
            fence = opened[1]
        elif heading := _HEADING.fullmatch(content):
            yield len(heading[1]), heading[2], place, place + len(line)
        place += len(line)
