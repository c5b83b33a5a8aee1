"""Chunks of a text: parts of about equal size, cut at tokens, sentences or headings."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

from emb_pipeline.text.structure.headings import Section, split_sections
from emb_pipeline.text.words import WORDS_MARK, find_sentences, find_tokens, mark_words, unmark_words

By: TypeAlias = Literal["tokens", "sentences", "headings"]
Title: TypeAlias = Literal["none", "headings", "first_line"]
_Span: TypeAlias = tuple[int, int]
"""The first of some tokens, and the one behind the last."""
_WORDS = re.compile(r"\S")


def split_chunks(text: str, by: By, size: int, overlap: int = 0, title: Title = "none") -> list[str]:
    """Cut a text into chunks of at most so many tokens.

    A chunk has as many whole units as fit: tokens, sentences, or sections. A section that is too long is cut at its
    sentences, and a sentence that is too long at its tokens.

    Parameters
    ----------
    text : str
        Any text. One of ``size`` tokens or fewer is one chunk, as it is.
    by : {"tokens", "sentences", "headings"}
        The unit.
    size : int
        Tokens of a chunk at most (`emb_pipeline.text.words.find_tokens`).
    overlap : int
        Tokens, below ``size``, that a chunk shares with the one before it: as many whole units as fit.
    title : {"none", "headings", "first_line"}
        What is put in front of a chunk that does not start with it: the headings that it is under, or the text's first
        line. ``size`` does not count it.

    Returns
    -------
    list of str
        At least one chunk, in order.

    Examples
    --------
    >>> split_chunks("one two three four five", "tokens", size=3, overlap=1)
    ['one two three', 'three four five']
    """
    if not 0 <= overlap < size:
        raise ValueError(f"chunks of {size} tokens cannot share {overlap} of them")
    is_marked = WORDS_MARK in text
    plain = unmark_words(text)
    tokens = find_tokens(plain, is_marked=is_marked)
    if len(tokens) <= size:
        return [text]
    cuts = _find_cuts(plain, tokens)
    sections = split_sections(plain) if "headings" in (by, title) else []
    units = list(_list_units(plain, tokens, by, size, sections, is_marked))
    found = []
    for first, behind in _pack(units, size, overlap):
        start, end = cuts[first], cuts[behind]
        above = _find_title(plain, start, title, sections)
        chunk = "\n".join([*above, plain[start:end].strip()])
        found.append(mark_words(chunk) if is_marked else chunk)
    return found


def _find_cuts(text: str, tokens: Sequence[_Span]) -> list[int]:
    """Find the character at which a text is cut before each token: the start of its line, or of what it is written with."""
    cuts = [0]
    for (_, end), (start, _) in pairwise(tokens):
        gap = text[end:start]
        line = gap.rfind("\n") + 1
        space = max((place + 1 for place, character in enumerate(gap) if character.isspace()), default=len(gap))
        cuts.append(end + (line or space))
    return [*cuts, len(text)]


def _list_units(
    text: str, tokens: Sequence[_Span], by: By, size: int, sections: Sequence[Section], is_marked: bool
) -> Iterator[_Span]:
    """Stream the units of a text, none of more than ``size`` tokens."""
    starts = [start for start, _ in tokens]
    whole = (0, len(tokens))
    if by == "tokens":
        yield from _singles(whole)
        return
    sentences = [bisect_left(starts, start) for start in find_sentences(text, is_marked=is_marked)]
    borders = [bisect_left(starts, section.start) for section in sections] if by == "headings" else sentences
    for unit in _spans(borders, whole):
        if unit[1] - unit[0] <= size:
            yield unit
            continue
        for part in _spans(sentences, unit):
            yield from [part] if part[1] - part[0] <= size else _singles(part)


def _spans(borders: Sequence[int], within: _Span) -> Iterator[_Span]:
    """Stream the spans between borders, inside another span, without empty ones."""
    first, behind = within
    inside = sorted({first, *(border for border in borders if first < border < behind), behind})
    yield from pairwise(inside)


def _singles(span: _Span) -> Iterator[_Span]:
    yield from ((token, token + 1) for token in range(*span))


def _pack(units: Sequence[_Span], size: int, overlap: int) -> Iterator[_Span]:
    """Stream runs of whole units, each of as many as fit; the next starts with those that both may share."""
    first = 0
    while True:
        behind, n_tokens = first, 0
        while behind < len(units) and n_tokens + _length(units[behind]) <= size:
            n_tokens += _length(units[behind])
            behind += 1
        yield units[first][0], units[behind - 1][1]
        if behind == len(units):
            return
        start, shared, room = behind, 0, min(overlap, size - _length(units[behind]))
        while start - 1 > first and shared + _length(units[start - 1]) <= room:
            start -= 1
            shared += _length(units[start])
        first = start


def _length(span: _Span) -> int:
    return span[1] - span[0]


def _find_title(text: str, start: int, title: Title, sections: Sequence[Section]) -> list[str]:
    """List the lines that come before a chunk which starts at a character."""
    if title == "none" or not _WORDS.search(text[:start]):
        return []
    if title == "first_line":
        return [next(line.strip() for line in text.splitlines() if line.strip())]
    section = next(each for each in reversed(sections) if each.start <= start)
    return [*section.path, *([section.heading] if section.heading and start > section.start else [])]
