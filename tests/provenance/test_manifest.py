"""The manifest: what it vouches for, and what becomes of entries that an earlier version wrote."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from emb_pipeline.provenance.fingerprint import Fingerprint
from emb_pipeline.provenance.manifest import RULE, Manifest

ONE, OTHER = Fingerprint.of({"code": "one"}), Fingerprint.of({"code": "another"})


def test_the_manifest_vouches_for_what_was_written_after_the_announcement(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.announce("sum", ONE)
    assert manifest.vouches("sum", ONE, time.time())
    assert not manifest.vouches("sum", OTHER, time.time())
    assert not manifest.vouches("never announced", ONE, time.time())


def test_a_killed_run_does_not_vouch_for_what_it_never_wrote(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.announce("sum", ONE)
    written_at = time.time()
    time.sleep(0.2)
    manifest.announce("sum", OTHER)  # and then the run was killed
    assert not manifest.vouches("sum", OTHER, written_at)
    assert manifest.vouches("sum", ONE, written_at)


def write_entry(folder: Path, name: str, content: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


FORMER = {"rule": 2, "recipe": str(ONE), "ingredients": {}, "at": 1.0, "before": None}


@pytest.mark.parametrize("key", ["recipe", "fingerprint"])
@pytest.mark.parametrize("rule", [{}, {"rule": 2}, {"rule": RULE + 1}])
def test_an_entry_of_another_rule_vouches_for_nothing(key: str, rule: dict[str, int], tmp_path: Path) -> None:
    write_entry(tmp_path, "sum", {**rule, key: str(ONE), "ingredients": ONE.ingredients, "at": 1.0, "before": None})
    manifest = Manifest(tmp_path)
    assert manifest.is_of_another_rule("sum") and not manifest.vouches("sum", ONE, time.time())
    manifest.announce("sum", ONE)
    assert not manifest.is_of_another_rule("sum") and manifest.vouches("sum", ONE, time.time())
    assert not manifest.vouches("sum", ONE, time.time() - 100)  # the run was killed: the result is the former one


def test_entries_in_the_folder_of_an_earlier_version_are_taken_over_and_the_folder_goes(tmp_path: Path) -> None:
    write_entry(tmp_path / "recipes", "sum", FORMER)
    manifest = Manifest.open(tmp_path)
    assert manifest.is_of_another_rule("sum") and not manifest.vouches("sum", ONE, time.time())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fingerprints"]
    manifest.announce("sum", ONE)
    assert Manifest.open(tmp_path).vouches("sum", ONE, time.time())


def test_a_result_that_an_earlier_version_made_again_since_is_not_vouched_for(tmp_path: Path) -> None:
    Manifest.open(tmp_path).announce("sum", ONE)
    write_entry(tmp_path / "recipes", "sum", {**FORMER, "at": time.time()})
    manifest = Manifest.open(tmp_path)
    assert manifest.is_of_another_rule("sum") and not manifest.vouches("sum", ONE, time.time())


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_an_entry_that_cannot_be_read_vouches_for_nothing_and_is_written_again(content: str, tmp_path: Path) -> None:
    write_entry(tmp_path, "sum", content)
    manifest = Manifest(tmp_path)
    assert not manifest.vouches("sum", ONE, time.time()) and manifest.find_changes("sum", ONE) == []
    manifest.announce("sum", ONE)
    assert manifest.vouches("sum", ONE, time.time())
