"""Markdown as the pages are written, turned into Markdown as the site's builder reads it."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^```(\w+) ([^\n]+)$", re.MULTILINE)
_LANGUAGES = {"insert": "python", "replace": "diff", "names": "text", "console": "text"}
"""Languages of the fences that say what is done with a file."""
_FILE_LANGUAGES = {"yml": "yaml", "py": "python", "j2": "html"}
_ITEM = re.compile(r"^(?P<indent> *)(?:[-*]|\d+\.) +")


def adapt(page: str) -> str:
    """Give fences their titles, and lists the blank lines and the indents that they need."""
    return _adapt_lists(_FENCE.sub(_title_fence, re.sub(r"^```(names|console)$", "```text", page, flags=re.MULTILINE)))


def _title_fence(found: re.Match[str]) -> str:
    kind, about = found.groups()
    if about.startswith("title="):
        return found[0]
    path = about.partition(" after ")[0]
    language = _FILE_LANGUAGES.get(path.rpartition(".")[2], kind) if kind == "insert" else _LANGUAGES.get(kind, kind)
    title = {
        "insert": about.replace(" after ", ", after the line "),
        "replace": f"{about}: this line, and what replaces it",
    }
    if about == "grid":
        return f"```{language}"
    return f'```{language} title="{title.get(kind, about).replace(chr(34), chr(39))}"'


def _adapt_lists(page: str) -> str:
    lines: list[str] = []
    is_code = in_list = False
    for line in page.split("\n"):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        if is_code or line.lstrip().startswith("```"):
            lines.append(line)
            continue
        item = _ITEM.match(line)
        if item and not in_list and lines and lines[-1].strip():
            lines.append("")
        if line.strip():
            in_list = bool(item) or (in_list and line.startswith(" "))
        indent = len(line) - len(line.lstrip(" "))
        widened = 4 * ((indent + 1) // 2) if in_list and indent else indent
        lines.append(" " * widened + line.lstrip(" "))
    return "\n".join(lines)
