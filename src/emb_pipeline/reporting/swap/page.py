"""The swap report as one HTML page, without scripts."""

from __future__ import annotations

from markdown_it import MarkdownIt

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1rem}
th,td{padding:.25rem .75rem;border-bottom:1px solid #d0d7de;text-align:left}
code{background:#f0f2f4;padding:.1rem .3rem}
@media (max-width:40rem){table{font-size:.8rem}th,td{padding:.2rem .3rem;overflow-wrap:anywhere}}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}code{background:#21262d}}
"""
"""Of the page: it follows the reader's system in being light or dark."""


def write_swap_page(report: str) -> str:
    """Turn the report's Markdown into a page; tags in it stay text."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(report)
    title = report.split("\n", 1)[0].lstrip("# ").replace("`", "").replace("<", "&lt;")
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style></head>\n'
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
