"""Keys of YAML that have a new name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.renamed import RENAMED, Renamed, rename_keys
from emb_pipeline.tasks.registry import KINDS
from tests.conftest import PROJECT

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


@pytest.mark.parametrize(
    "file", sorted((PROJECT / "conf").rglob("*.yml")), ids=lambda file: f"{file.parent.name}/{file.name}"
)
def test_no_use_case_of_ours_has_an_old_name(file: Path) -> None:
    said: list[str] = []
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    rename_keys(written if isinstance(written, dict) else {}, said.append)
    assert not said


def test_no_line_renames_what_another_one_calls_new() -> None:
    for line in RENAMED:
        assert not [other for other in RENAMED if (other.section, other.old) == (line.section, line.new)], line


def test_a_grid_of_spoilt_text_is_one_of_corrupted_text() -> None:
    said: list[str] = []
    corrupted = [{"of": "domain.word2vec_50", "typos": [0.3]}]
    grid = {"corpora": ["domain"], "methods": {"word2vec": [50]}, "spoilt": corrupted, "tasks": ["topic"]}
    renamed = rename_keys({"grid": grid}, said.append)["grid"]
    assert "word2vec_50_typos_30" in expand_grid(renamed, {"word2vec": {}})["domain"]
    assert said == ["grid: 'spoilt' is called 'corrupted' now; the old name works for one minor version more"]


def test_a_kind_with_an_old_name_is_found_where_it_is_a_value_and_where_it_is_a_key() -> None:
    said: list[str] = []
    written = {"task_definitions": {"ner": {"kind": "sequence_labelling"}}, "evaluation": {"sequence_labelling": {}}}
    renamed = rename_keys(written, said.append)
    assert renamed["task_definitions"]["ner"]["kind"] in KINDS and set(renamed["evaluation"]) <= set(KINDS)
    assert len(said) == 2 and all("'sequence_labelling' is called 'sequence_labeling' now" in each for each in said)


def test_options_of_a_method_are_renamed_wherever_they_may_be_written() -> None:
    options = {"normalise": False, "regularisations": [1.0], "neighbours": [5]}
    written = {
        "methods": {"ease": dict(options), "hybrid": {"ease": dict(options), "item_knn": dict(options)}},
        "grid": {name: {"domain.x_10": {"method": "ease", "options": dict(options)}} for name in ("pretrained", "derived")},
    }
    renamed = yaml.safe_dump(rename_keys(written, lambda sentence: None))
    assert not any(name in renamed for name in options)
