"""Texts of one file that somebody brings: tables, lines, and files that hold no texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.readers.description.texts import read_brought_texts

ROWS = 'id,title,text\n1,First,"A text of several words"\n2,Second,"Another one, longer than that"\n'


def _read(path: Path, *columns: str) -> list[tuple[str, str]]:
    return read_brought_texts(path, columns, path.parent, path.parent)


def test_a_table_is_read_by_the_column_that_is_named_or_called_text(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(ROWS)
    assert _read(tmp_path / "new.csv")[0] == ("new.csv:2", "A text of several words")
    assert [text for _, text in _read(tmp_path / "new.csv", "title", "text")][1].startswith("Second\nAnother")
    (tmp_path / "new.jsonl").write_text('{"body": "one text of words", "n": 1}\n{"body": "two texts of words", "n": 2}\n')
    assert [text for _, text in _read(tmp_path / "new.jsonl")] == ["one text of words", "two texts of words"]


def test_lines_of_a_text_file_are_texts(tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("A first line of text.\n\nA second one.\n")
    assert [text.strip() for _, text in _read(tmp_path / "new.txt")] == ["A first line of text.", "A second one."]
    (tmp_path / "new.txt").write_text("seen in clinic\nfor a visit\n" * 20)  # as if each began with a label
    assert _read(tmp_path / "new.txt")[0][1].strip() == "seen in clinic"


@pytest.mark.parametrize(
    ("name", "content", "columns", "said"),
    [
        ("new.csv", ROWS, ("txt",), "there is no column 'txt'; did you mean 'text'?"),
        (
            "new.csv",
            ROWS.replace("text\n", "more\n").replace("First", "A whole first title").replace("Second", "And the second one"),
            (),
            "name one: --text",
        ),
        ("new.csv", "", (), "the file is empty"),
        ("new.csv", "text\n", (), "no row that can be read"),
        ("new.txt", "A line.\nAnother one.\n", ("text",), "leave --text out"),
        ("new.pkl", None, (), "no such file"),
    ],
)
def test_what_holds_no_texts_is_refused(
    tmp_path: Path, name: str, content: str | None, columns: tuple[str, ...], said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said.replace("?", r"\?")):
        _read(tmp_path / name, *columns)
