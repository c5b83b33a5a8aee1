"""The check of an installation: what is there, what is missing, and a bad end where a run would fail."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from emb_pipeline.cli import cli
from emb_pipeline.cli.commands import doctor
from emb_pipeline.embeddings.extras import EXTRAS
from emb_pipeline.scaffold import candidates


def test_an_installation_that_works_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    done = CliRunner().invoke(cli, ["doctor"])
    assert done.exit_code == 0, done.output
    assert "✓ the packages of every run are installed" in done.output and "use cases: base" in done.output


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "is_installed", lambda name: name not in ("mlflow", "pypdf"))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["doctor"])
    assert done.exit_code == 1
    assert "✗ not installed: mlflow; pip install -r requirements.lock" in done.output
    assert "· extra documents: pypdf not installed; pip install 'emb_pipeline[documents]'" in done.output
    assert "is in no project; change to the folder with conf/ and pyproject.toml" in done.output


def test_without_a_command_the_first_steps_are_shown() -> None:
    done = CliRunner().invoke(cli, [])
    assert "emb-pipeline init shop labels.csv" in done.output and "doctor" in done.output


def test_a_new_use_case_leaves_out_what_this_installation_cannot_make(monkeypatch: pytest.MonkeyPatch) -> None:
    from emb_pipeline.embeddings import extras

    assert candidates.find_unavailable() == {}
    monkeypatch.setattr(extras, "is_installed", lambda name: name != "torch")
    assert {"pretrained.minilm_384_int8", "pretrained.minilm_and_bm25"} <= set(candidates.find_unavailable())


def test_every_extra_that_a_run_may_ask_for_is_one_that_can_be_installed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) <= set(project["optional-dependencies"])
