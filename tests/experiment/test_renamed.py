"""Keys of YAML that have a new name."""

from __future__ import annotations

import pytest

from emb_pipeline.experiment.renamed import Renamed, rename_keys

LINES = (
    Renamed("task_definitions.*", "reading", "source"),
    Renamed("task_definitions.*.source", "file", "path"),
    Renamed("corpora.*.sources.*", "file", "path"),
)


def test_a_key_gets_its_new_name_and_keeps_its_place_and_value() -> None:
    written = {"task_definitions": {"a": {"kind": "x", "reading": {"file": 1}, "last": 2}}, "seed": 3}
    renamed = rename_keys(written, lambda sentence: None, LINES)
    assert renamed == {"task_definitions": {"a": {"kind": "x", "source": {"path": 1}, "last": 2}}, "seed": 3}
    assert list(renamed["task_definitions"]["a"]) == ["kind", "source", "last"]


def test_a_list_is_a_section_like_any_other() -> None:
    written = {"corpora": {"domain": {"sources": [{"path": 1}, {"file": 2}]}}}
    assert rename_keys(written, lambda sentence: None, LINES)["corpora"]["domain"]["sources"] == [{"path": 1}, {"path": 2}]


def test_each_line_is_logged_once_with_the_section_and_both_names() -> None:
    said: list[str] = []
    rename_keys({"task_definitions": {name: {"reading": {}} for name in "abc"}}, said.append, LINES)
    assert said == ["task_definitions.*: 'reading' is called 'source' now; the old name works for one minor version more"]


@pytest.mark.parametrize("written", [{}, {"task_definitions": None}, {"task_definitions": {"a": "${b}"}}, {"corpora": [1]}])
def test_what_has_no_old_name_is_left_alone_and_nothing_is_logged(written: dict[str, object]) -> None:
    said: list[str] = []
    assert rename_keys(written, said.append, LINES) == written and not said


def test_both_names_in_one_section_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"task_definitions\.\*: 'reading' is the old name of 'source', and both are written"
    ):
        rename_keys({"task_definitions": {"a": {"reading": {}, "source": {}}}}, lambda sentence: None, LINES)
