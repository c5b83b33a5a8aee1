"""Reports that commands write: Markdown, and the same as one HTML page without scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape as escape_html
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from emb_pipeline.errors import DataError

_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~$&"})

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--line:#d0d7de;--soft:#f0f2f4;--focus:#0550ae}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--line:#3d444d;--soft:#21262d;--focus:#79c0ff}}
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
body{color:var(--ink);background:var(--paper)}
h1,h2,h3{line-height:1.25;overflow-wrap:anywhere}
h2{margin-top:2.5rem;padding-top:1rem;border-top:1px solid var(--line)}
.scroll{overflow-x:auto;margin:.5rem 0 1rem}
.scroll:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .75rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th,.scroll:not(.long) td:not(:first-child){white-space:nowrap}
td:first-child{min-width:9rem;overflow-wrap:anywhere}
.long td:first-child,.long td:nth-child(2){min-width:14rem;overflow-wrap:anywhere}
code{background:var(--soft);padding:.1rem .3rem;overflow-wrap:anywhere}
@media (max-width:40rem){body{margin:1rem auto}h1{font-size:1.5rem}table{font-size:.85rem}th,td{padding:.25rem .4rem}}
"""
"""Of the page: it follows the reader's system in being light or dark. A table wider than the window scrolls by itself."""
_LONG_TEXT = "text"
"""First heading of a table whose first two columns are texts of test items."""


def require_report_name(file: Path | None) -> None:
    """Refuse the name of a report that is neither Markdown nor HTML.

    Raises
    ------
    DataError
        It ends in something else.
    """
    if file is not None and file.suffix not in (".md", ".html"):
        raise DataError(f"--to {file}", "is neither Markdown nor HTML", "end its name in .md or .html")


def write_report(file: Path, report: str) -> None:
    """Write a report as Markdown or as a page, as the name of its file says."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(write_page(report) if file.suffix == ".html" else report, encoding="utf-8")


def write_page(report: str) -> str:
    """Turn the report's Markdown into a page; tags in it stay text."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = markdown.renderer.render(_wrap_tables(markdown.parse(report)), markdown.options, {})
    title = escape_html(report.split("\n", 1)[0].lstrip("# ").replace("`", ""))
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style></head>\n'
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def write_table(header: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> list[str]:
    """Write the lines of a table; ``alignment`` has l or r for each column."""
    marks = {"l": "---", "r": "---:"}
    lines = [f"| {' | '.join(header)} |", f"|{'|'.join(marks[each] for each in alignment)}|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def escape(text: str) -> str:
    """Escape what Markdown or HTML would read in a text."""
    return " ".join(text.split()).translate(_SPECIAL)


def _wrap_tables(tokens: list[Token]) -> list[Token]:
    """Put each table into a region that scrolls and has a name: the headings above it."""
    found, above, names = list[Token](), dict[str, str](), Counter[str]()
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            above = {level: text for level, text in above.items() if level < token.tag}
            above[token.tag] = tokens[place + 1].content.replace("`", "")
        if token.type == "table_open":
            name = ", ".join(text for level, text in above.items() if level != "h1") or "table"
            names[name] += 1
            label = escape_html(name if names[name] == 1 else f"{name}, table {names[name]}")
            first = next(each.content for each in tokens[place:] if each.type == "inline")
            kind = "scroll long" if first == _LONG_TEXT else "scroll"
            found.append(_write_tag(f'<div class="{kind}" role="region" aria-label="{label}" tabindex="0">\n'))
        found.append(token)
        if token.type == "table_close":
            found.append(_write_tag("</div>\n"))
    return found


def _write_tag(content: str) -> Token:
    return Token("html_block", "", 0, content=content)
