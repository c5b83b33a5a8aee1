"""The check of the project's English finds each kind of fault, and nothing in plain text."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci/plain_english.py"


@pytest.fixture(scope="module")
def english() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_english", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["plain_english"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def found_in(english: ModuleType, tmp_path: Path) -> Callable[[str, str], list[tuple[int, str]]]:
    def check(name: str, text: str) -> list[tuple[int, str]]:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        findings = english.check_module(path) if path.suffix == ".py" else english.check_page(path)
        return [(each.line, each.wrong) for each in findings]

    return check


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        ('"""Rows."""\n# to be done anew\n', 2, "'anew': write again"),
        ('"""Rows.\n\nThe recipe of a node.\n"""\n', 3, "'recipe': write fingerprint"),
        ('"""Rows."""\nraise ValueError("the artefact is missing")\n', 2, "'artefact': write artifact"),
        ('"""Rows."""\n# what stands there\n', 2, "'stands': write is"),
        ('"""A file.\n\nIt lies in a folder.\n"""\n', 3, "'lies': write is"),
        ('"""Whether it fits."""\n', 1, "a docstring opens with 'Whether'"),
        ('"""Rows."""\n\n\ndef count() -> None:\n    """How many rows there are."""\n', 5, "a docstring opens with 'How'"),
        ('"""Rows."""\ncolour = 1\n', 2, "identifier 'colour': American spelling"),
        ('"""Rows."""\n\n\ndef normalise(rows: int) -> None:\n    pass\n', 4, "identifier 'normalise': American spelling"),
    ],
)
def test_a_fault_of_a_module_is_found_at_its_line(
    found_in: Callable[[str, str], list[tuple[int, str]]], text: str, line: int, wrong: str
) -> None:
    assert [(at, wrong in found) for at, found in found_in("module.py", text)] == [(line, True)]


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        ("# Page\n\nThey cannot be told apart.\n", 3, "significantly different"),
        ("# Page\n\nA short line.\n" + "word " * 36 + ".\n" + "Short. " * 9, 3, "a sentence of 36 words"),
        ("# Page\n\nThe file lies here. Yet\nit stands for all.\n", 3, "'lies': write is"),
        ("- " + "word " * 36 + ".\n\n" + "Short. " * 9, 1, "a sentence of 36 words"),
        ("Three words here: " + "word " * 20 + "; " + "word " * 13 + "\n\n" + "Short. " * 9, 1, "a sentence of 36 words"),
        ("# Page\n\n" + ("word " * 16 + "end. ") * 9, 1, "mean 17.0 words in a sentence"),
    ],
)
def test_a_fault_of_a_page_is_found_where_its_paragraph_begins(
    found_in: Callable[[str, str], list[tuple[int, str]]], text: str, line: int, wrong: str
) -> None:
    assert any(at == line and wrong in found for at, found in found_in("page.md", text))


def test_code_tables_and_plain_text_are_left_alone(found_in: Callable[[str, str], list[tuple[int, str]]]) -> None:
    page = (
        "# Page\n\n```\nrecipe anew\n```\n\nThe key `recipe` is old.\n\n| " + "word " * 40 + "|\n\n" + "Short. " * 40 + "\n"
    )
    assert found_in("page.md", page) == []
    module = '"""Rows of a table."""\n\nMESSAGE = "it stands there"\n\n\n' + (
        'def normalize(color: int) -> int:\n    """Scale a color."""\n    return color\n'
    )
    assert found_in("module.py", module) == []
