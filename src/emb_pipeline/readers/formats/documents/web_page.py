"""The text of a page of HTML, with its headings."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_LEFT_OUT = frozenset({"script", "style", "template", "noscript", "svg", "nav", "footer", "head"})
"""Elements that are no text of the page; the title is read all the same."""
_BLOCKS = frozenset(
    "address article aside blockquote body dd div dl dt fieldset figcaption figure form header hr main ol p section table "
    "tbody tfoot thead tr ul caption details summary".split()
)
_SPACE = re.compile(r"[^\S\n]+")


def convert_web_page(page: str) -> str:
    """Find the text of a page of HTML: headings as lines with ``#``, preformatted text between fences.

    Scripts, styles, navigation and footers are left out. The page's title becomes the first heading, where the page has no
    heading of level 1.

    Examples
    --------
    >>> convert_web_page("<title>T</title><h2>Install</h2><p>Run <b>it</b> &amp; wait.</p>")
    '# T\\n\\n## Install\\n\\nRun it & wait.'
    """
    parser = _PageParser()
    parser.feed(page)
    parser.close()
    text = parser.text()
    return f"# {parser.title}\n\n{text}" if parser.title and not parser.has_first_heading else text


class _PageParser(HTMLParser):
    """The text of a page, collected block by block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title, self.has_first_heading = "", False
        self._blocks: list[str] = []
        self._inline: list[str] = []
        self._open: list[str] = []
        self._is_title = self._is_verbatim = self._is_list = False
        self._prefix = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        if tag == "title":
            self._is_title = not self.title and "svg" not in self._open
        elif tag in _LEFT_OUT:
            self._end_block()
            self._open.append(tag)
        elif tag == "body":
            self._open.clear()  # a head that was not closed
        elif tag == "br":
            self._inline.append("\n")
        elif tag in ("td", "th"):
            self._inline.append(" ")
        elif tag == "pre":
            self._end_block()
            self._is_verbatim = True
        elif tag == "li" or tag in _BLOCKS or _is_heading(tag):
            self._end_block()
            if tag == "li" or _is_heading(tag):
                self._prefix = "- " if tag == "li" else f"{'#' * int(tag[1])} "

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        if tag == "title":
            self._is_title = False
        elif tag in _LEFT_OUT:
            if tag in self._open:
                del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]
        elif tag == "li" or tag == "pre" or tag in _BLOCKS or _is_heading(tag):
            self._end_block()

    def handle_data(self, data: str) -> None:
        """Take text in."""
        if self._is_title:
            self.title = f"{self.title} {' '.join(data.split())}".strip()
        elif not self._open:
            self._inline.append(data if self._is_verbatim else data.replace("\n", " ").replace("\r", " "))

    def text(self) -> str:
        """Join all blocks."""
        self._end_block()
        return "".join(self._blocks).strip()

    def _end_block(self) -> None:
        content, prefix = "".join(self._inline), self._prefix
        if self._is_verbatim:
            block, is_item = f"```\n{content.strip(chr(10))}\n```", False
        else:
            rows = (line.strip() for line in _SPACE.sub(" ", content).split("\n"))
            words = (" " if prefix.startswith("#") else "\n").join(row for row in rows if row)
            block, is_item = prefix + words, prefix == "- "
        self._inline, self._is_verbatim = [], False
        self._prefix = prefix if prefix == "- " and not content.strip() else ""
        if not content.strip():
            return
        self.has_first_heading |= block.startswith("# ")
        between = "\n" if is_item and self._is_list else "\n\n"
        self._blocks.append(between + block)
        self._is_list = is_item


def _is_heading(tag: str) -> bool:
    return len(tag) == 2 and tag[0] == "h" and tag[1] in "123456"
