"""The site of the docs: what is made from the code is whole, and nothing is fetched when a page is read."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from pydantic import BaseModel

import emb_pipeline
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import TUNING
from emb_pipeline.experiment.parameters import Parameters
from emb_pipeline.readers.registry import READERS
from emb_pipeline.reporting.tables import COLUMNS
from emb_pipeline.tasks.registry import KINDS

PROJECT = Path(__file__).parents[1]
CHOOSE_A_MODEL = {"reader", "index"}
"""Keys that say which model the others belong to: its own description says what they do."""


@pytest.fixture
def from_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that imports another one of the site's."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(PROJECT / ".ci/site"))
    yield importlib
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(PROJECT / ".ci")):
            del sys.modules[name]


def test_every_key_of_a_use_case_is_described(from_site: ModuleType) -> None:
    page, tables = from_site.import_module("yaml_page"), from_site.import_module("option_tables")
    models = [Parameters, *page.SECTIONS.values(), *(method.options for method in METHODS.values())]
    models += [*(kind.options for kind in KINDS.values()), *(options for _, options in TUNING.values())]
    models += [reader.options for reader in READERS.values()]
    found: dict[type[BaseModel], None] = dict.fromkeys(models)
    found |= dict.fromkeys(below for model in models for below in tables.find_models(model))
    bare = {
        f"{model.__name__}.{name}"
        for model in found
        for name, field in model.model_fields.items()
        if not field.description and name not in CHOOSE_A_MODEL
    }
    assert len(found) > 60 and bare == set()


def test_the_page_of_yaml_has_every_section(from_site: ModuleType) -> None:
    page = from_site.import_module("yaml_page")
    whole = page.write_page()
    plain = {name for name, field in Parameters.model_fields.items() if field.annotation in (str, int) or name == "pace"}
    assert {*page.SECTIONS, *page.ELSEWHERE} == set(Parameters.model_fields) - plain
    assert all(f"\n## `{name}`\n" in whole for name in Parameters.model_fields if name not in plain)
    assert "| `max_tokens` | whole number, from 1,000 |  | tokens to keep of each corpus at most |" in whole


def test_every_table_and_column_of_a_run_is_described(from_site: ModuleType) -> None:
    page, columns = from_site.import_module("tables_page"), from_site.import_module("columns")
    everything = {(table, column) for table, schema in COLUMNS.items() for column in schema}
    assert set(columns.TABLES) == set(COLUMNS)
    assert {(table, column) for table, column in everything if not page.describe(table, column)} == set()
    assert set(columns.COLUMNS) <= {column for _, column in everything}
    assert {tuple(place.split(".", 1)) for place in columns.IN_TABLES} <= everything


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == emb_pipeline.__version__ and citation["license"] == "Apache-2.0"


@pytest.mark.slow
def test_the_site_is_built_and_reads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs_autorefs", reason="the extra 'docs' is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    fetched = re.compile(r"<(?:script|img|iframe|source)[^>]*(?:src|srcset)=\"?https?://|<link[^>]*stylesheet[^>]*https?://")
    assert len(pages) > 60 and {name for name, page in pages.items() if fetched.search(page)} == set()
    styles = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.css"))
    assert not re.search(r"url\([\"']?https?://|@import", styles)
    assert all(f'id="{name}"' in pages["reference/methods.html"] for name in METHODS)
    assert all(f'id="{name}"' in pages["reference/kinds.html"] for name in KINDS)
    assert all(f'id="{name}"' in pages["reference/commands.html"] for name in ("init", "run", "doctor"))
    assert 'id="emb_pipeline.comparison.compare.compare"' in pages["reference/python.html"]
