"""The manifest: what it vouches for, and what becomes of entries that an earlier version wrote."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emb_pipeline.provenance.fingerprint import Fingerprint
from emb_pipeline.provenance.manifest import RULE, Manifest

ONE, OTHER = Fingerprint.of({"code": "one"}), Fingerprint.of({"code": "another"})


def test_the_manifest_vouches_for_what_was_written_after_the_announcement(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.announce({"sum": ONE})
    assert manifest.vouches("sum", ONE, time.time())
    assert not manifest.vouches("sum", OTHER, time.time())
    assert not manifest.vouches("never announced", ONE, time.time())


def test_a_killed_run_does_not_vouch_for_what_it_never_wrote(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.announce({"sum": ONE})
    written_at = time.time()
    time.sleep(0.2)
    manifest.announce({"sum": OTHER})  # and then the run was killed
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
    manifest.announce({"sum": ONE})
    assert not manifest.is_of_another_rule("sum") and manifest.vouches("sum", ONE, time.time())
    assert not manifest.vouches("sum", ONE, time.time() - 100)  # the run was killed: the result is the former one


def test_entries_in_the_folder_of_an_earlier_version_are_taken_over_and_the_folder_goes(tmp_path: Path) -> None:
    write_entry(tmp_path / "recipes", "sum", FORMER)
    manifest = Manifest.open(tmp_path)
    assert manifest.is_of_another_rule("sum") and not manifest.vouches("sum", ONE, time.time())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fingerprints"]
    manifest.announce({"sum": ONE})
    assert Manifest.open(tmp_path).vouches("sum", ONE, time.time())


def test_a_result_that_an_earlier_version_made_again_since_is_not_vouched_for(tmp_path: Path) -> None:
    Manifest.open(tmp_path).announce({"sum": ONE})
    write_entry(tmp_path / "recipes", "sum", {**FORMER, "at": time.time()})
    manifest = Manifest.open(tmp_path)
    assert manifest.is_of_another_rule("sum") and not manifest.vouches("sum", ONE, time.time())


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_an_entry_that_cannot_be_read_vouches_for_nothing_and_is_written_again(content: str, tmp_path: Path) -> None:
    write_entry(tmp_path, "sum", content)
    manifest = Manifest(tmp_path)
    assert not manifest.vouches("sum", ONE, time.time()) and manifest.find_changes("sum", ONE) == []
    manifest.announce({"sum": ONE})
    assert manifest.vouches("sum", ONE, time.time())


def test_entries_in_files_of_their_own_of_an_earlier_version_become_one_note(tmp_path: Path) -> None:
    entry = {"rule": RULE, "fingerprint": str(ONE), "ingredients": dict(ONE.ingredients), "at": 1.0, "before": None}
    for name in ("sum", "product"):
        write_entry(tmp_path / "fingerprints", name, entry)
    assert Manifest(tmp_path / "fingerprints").vouches("sum", ONE, 2.0)
    manifest = Manifest.open(tmp_path)
    assert [path.suffix for path in manifest.folder.iterdir()] == [".jsonl"]
    assert manifest.vouches("sum", ONE, 2.0) and manifest.vouches("product", ONE, 2.0)
    write_entry(manifest.folder, "sum", {**entry, "fingerprint": str(OTHER)})  # by the earlier version, since
    again = Manifest.open(tmp_path)
    assert again.vouches("sum", OTHER, 2.0) and not again.vouches("sum", ONE, 2.0) and again.vouches("product", ONE, 2.0)


def test_everything_that_a_run_makes_is_noted_in_one_file_and_files_do_not_become_many(tmp_path: Path) -> None:
    for run in range(40):
        Manifest.open(tmp_path).announce({f"of_run_{run}": ONE, **{f"result_{number}": OTHER for number in range(20)}})
        assert len(list((tmp_path / "fingerprints").iterdir())) <= 17
    manifest = Manifest.open(tmp_path)
    assert all(manifest.vouches(f"of_run_{run}", ONE, time.time()) for run in range(40))
    assert manifest.vouches("result_19", OTHER, time.time())


def test_the_last_note_counts_also_where_the_clock_was_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Manifest.open(tmp_path).announce({"sum": ONE})
    monkeypatch.setattr(time, "time_ns", lambda: 7)
    Manifest.open(tmp_path).announce({"sum": OTHER})
    assert Manifest.open(tmp_path).vouches("sum", OTHER, time.time())


KILLED = """
import os, signal, sys
from pathlib import Path
from emb_pipeline.provenance.fingerprint import Fingerprint
from emb_pipeline.provenance.manifest import Manifest

calls, last = 0, int(sys.argv[2])
def kill_at(event, arguments):
    global calls
    if event in ("open", "os.rename", "os.remove") and sys.argv[1] in str(arguments[0]):
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

manifest = Manifest.open(Path(sys.argv[1]))
sys.addaudithook(kill_at)
manifest.announce({f"result_{number}": Fingerprint.of({"code": "another"}) for number in range(5)})
"""


@pytest.mark.slow
@pytest.mark.parametrize(("n_notes", "step"), [(1, 1), (16, 5)])
def test_a_process_that_is_killed_at_any_moment_has_noted_all_or_nothing(n_notes: int, step: int, tmp_path: Path) -> None:
    names, codes = [f"result_{number}" for number in range(5)], []
    for last in range(1, 100, step):
        folder = tmp_path / str(last)
        for _ in range(n_notes):
            Manifest.open(folder).announce(dict.fromkeys(names, ONE))
        ended = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(last)], check=False)
        codes.append(ended.returncode)
        manifest, later = Manifest.open(folder), time.time()
        known = [[manifest.vouches(name, each, later) for name in names] for each in (ONE, OTHER)]
        assert known in ([[True] * 5, [False] * 5], [[False] * 5, [True] * 5])
        if not ended.returncode:
            break
    assert codes[-1] == 0 and set(codes[:-1]) == {-signal.SIGKILL} and len(codes) > 3


@pytest.mark.parametrize("n_notes", [1, 15, 16, 17, 40])
def test_what_another_job_has_noted_since_is_kept(tmp_path: Path, n_notes: int) -> None:
    job = Manifest.open(tmp_path)
    assert not job.read("other_0")
    for number in range(n_notes):
        Manifest.open(tmp_path).announce({f"other_{number}": ONE})
    job.announce({"own": ONE})
    manifest = Manifest.open(tmp_path)
    assert manifest.read("own") and all(manifest.read(f"other_{number}") for number in range(n_notes))


WRITER = """
import sys, time
from pathlib import Path
from emb_pipeline.provenance.fingerprint import Fingerprint
from emb_pipeline.provenance.manifest import Manifest

for number in range(60):
    manifest = Manifest.open(Path(sys.argv[1]))
    manifest.read("of the other")
    manifest.announce({f"{sys.argv[2]}{number}": Fingerprint.of({"code": "f"})})
"""


@pytest.mark.slow
def test_jobs_that_note_at_once_lose_no_note(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in "abc"]
    assert [each.wait() for each in writers] == [0, 0, 0]
    manifest = Manifest.open(tmp_path)
    assert all(manifest.read(f"{name}{number}") for name in "abc" for number in range(60))
    assert len(list(manifest.folder.glob("*.jsonl"))) < 25
