"""The words of a text with HTML in it."""

from __future__ import annotations

import html
import re

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def extract_html_text(text: str) -> str:
    """Find the words of a text with HTML in it: ``<br>`` breaks the line, other tags are spaces, entities are decoded.

    A "<" that opens no tag stays ("<3", "a < b"). Two line breaks in a row make a blank line: a paragraph ends there.

    Examples
    --------
    >>> extract_html_text("Great &amp; <i>short</i>.<br /><br />I <3 it")
    'Great &  short .\\n\\nI <3 it'
    """
    return html.unescape(_TAG.sub(" ", _LINE_BREAK.sub("\n", text)))
