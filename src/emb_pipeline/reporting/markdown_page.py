"""Reports that commands write: Markdown, and the same as one HTML page without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from markdown_it import MarkdownIt

from emb_pipeline.errors import DataError

_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~$&"})

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1rem}
th,td{padding:.25rem .75rem;border-bottom:1px solid #d0d7de;text-align:left}
code{background:#f0f2f4;padding:.1rem .3rem}
@media (max-width:40rem){table{font-size:.8rem}th,td{padding:.2rem .3rem;overflow-wrap:anywhere}}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}code{background:#21262d}}
"""
"""Of the page: it follows the reader's system in being light or dark."""


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
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(report)
    title = report.split("\n", 1)[0].lstrip("# ").replace("`", "").replace("<", "&lt;")
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
