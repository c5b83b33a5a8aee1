"""Markdown as it is read: every heading is a line that starts with ``#``."""

from __future__ import annotations

import re

from emb_pipeline.text.structure.headings import split_sections

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)(?:\r?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_UNDERLINED = re.compile(
    r"^(?![ \t]*(?:[-+*>|#`~=]|\d+[.)][ \t]|$))[ ]{0,3}(\S.*?)[ \t]*\r?\n[ ]{0,3}(=+|-{2,})[ \t]*$", re.MULTILINE
)
_FENCED = re.compile(r"^[ ]{0,3}(`{3,}|~{3,}).*?^[ ]{0,3}\1[`~]*[ \t]*$", re.DOTALL | re.MULTILINE)


def convert_markdown(text: str) -> str:
    """Write all headings of a Markdown text with ``#``, and leave front matter and comments out.

    A title of the front matter becomes the first heading, where the text has no heading of level 1.

    Examples
    --------
    >>> convert_markdown("---\\ntitle: Guide\\n---\\nInstall\\n-------\\nRun it.")
    '# Guide\\n\\n## Install\\nRun it.'
    """
    front = _FRONT.match(text)
    body = text[front.end() :] if front else text
    parts, place = [], 0
    for fenced in _FENCED.finditer(body):
        parts += [_convert_prose(body[place : fenced.start()]), fenced[0]]
        place = fenced.end()
    converted = "".join([*parts, _convert_prose(body[place:])])
    title = _FRONT_TITLE.search(front[1]) if front else None
    if title is None or any(section.level == 1 for section in split_sections(converted)):
        return converted
    return f"# {title[1].strip(chr(34) + chr(39))}\n\n{converted}"


def _convert_prose(text: str) -> str:
    return _UNDERLINED.sub(lambda found: f"{'#' if found[2][0] == '=' else '##'} {found[1]}", _COMMENT.sub("", text))
