"""The hook of the site's builder: pages that are made from the code, and Markdown that it reads as GitHub does.

`mkdocs.yml` names this file; ``make docs`` builds the site.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import commands_page
import github_markdown
import kinds_page
import methods_page
import python_page
import tables_page
import yaml_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
MADE = {
    "reference/yaml.md": yaml_page.write_page,
    "reference/methods.md": methods_page.write_page,
    "reference/kinds.md": kinds_page.write_page,
    "reference/commands.md": commands_page.write_page,
    "reference/tables.md": tables_page.write_page,
    "reference/python.md": python_page.write_page,
}
"""Pages that are written from the code."""
COPIED = {
    "project/changelog.md": "CHANGELOG.md",
    "project/contributing.md": "CONTRIBUTING.md",
    "project/security.md": "SECURITY.md",
}
"""Pages that are files of the project's root, where people and tools look for them."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List every page of a folder that the navigation names by its folder alone."""
    assert config.nav is not None
    config.nav = [_list_folders(entry) for entry in config.nav]
    return config


def _list_folders(entry: Any) -> Any:
    if isinstance(entry, dict):
        ((title, below),) = entry.items()
        if isinstance(below, str) and below.endswith("/"):
            below = [path.relative_to(ROOT / "docs").as_posix() for path in sorted((ROOT / "docs" / below).glob("*.md"))]
        elif isinstance(below, list):
            below = [_list_folders(each) for each in below]
        return {title: below}
    return entry


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in the folder of the docs."""
    for place, write_page in MADE.items():
        files.append(File.generated(config, place, content=write_page()))
    for place, name in COPIED.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](../")
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(text: str, **_: Any) -> str:
    """Turn a page into the Markdown that the builder reads."""
    return github_markdown.adapt(text)
