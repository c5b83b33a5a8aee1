"""Tasks of MTEB of every type that a kind of ours reads, from a copy in the hub's layout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.provenance.raw_files import FileHashes, fingerprint_inputs
from emb_pipeline.readers.files.named_files import first_rows
from emb_pipeline.readers.mteb.stored import place_task, read_about
from emb_pipeline.tasks.registry import KINDS
from tests.readers.mteb.copies import make_text, write_copies

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mteb")
    write_copies(folder)
    return folder


def check(kind: str, source: dict[str, Any]) -> Any:
    return TypeAdapter[Any](KINDS[kind].create_reader().source_type).validate_python({"reader": "mteb", **source})


def read(kind: str, source: dict[str, Any], project: Path) -> dict[str, list[dict[str, Any]]]:
    tables = KINDS[kind].create_reader().read(check(kind, source), project / "raw", project, "task")
    return {name: table.to_pylist() for name, table in tables.items()}


def test_every_type_becomes_a_task_of_its_kind(project: Path) -> None:
    banking = read("classification", {"task": "Banking77Classification", "path": "banking"}, project)["examples"]
    assert [row["split"] for row in banking] == ["train"] * 60 + ["test"] * 30
    assert [(row["text"], row["label"]) for row in banking[:2]] == [(make_text(0), "sports"), (make_text(1), "food")]

    clusters = read("clustering", {"task": "BuiltBenchClusteringS2S", "path": "clusters"}, project)["examples"]
    assert len(clusters) == 30 and {row["split"] for row in clusters} == {None}  # a text of two sets counts once

    pairs = read("similarity", {"task": "STSBenchmark", "path": "sts"}, project)["pairs"]
    assert (pairs[1]["text_a"], pairs[1]["text_b"], pairs[1]["score"]) == (make_text(1), make_text(3), 4.0)

    duplicates = read("pair_classification", {"task": "SprintDuplicateQuestions", "path": "duplicates"}, project)["pairs"]
    assert [row["is_positive"] for row in duplicates[:4]] == [False, True, True, False] and len(duplicates) == 40

    toxic = read("multi_label", {"task": "BrazilianToxicTweetsClassification", "path": "toxic"}, project)["examples"]
    assert [row["labels"] for row in toxic[:3]] == [[], ["1", "2"], ["0", "2"]]

    search = read("retrieval", {"task": "NFCorpus", "path": "search"}, project)
    assert len(search["queries"]) == len(search["qrels"]) == 15 and len(search["passages"]) == 30
    passages = {row["passage_id"]: row["text"] for row in search["passages"]}
    assert passages["d3"] == f"title 3 {make_text(3)}"  # as MTEB joins them


def test_what_mteb_says_of_a_task_is_stored(project: Path) -> None:
    source = {"task": "NFCorpus", "path": "search"}
    read("retrieval", source, project)
    about = read_about(place_task(check("retrieval", source), project / "raw"))
    assert about["main_score"] == "ndcg_at_10" and about["languages"] == ["eng-Latn"] and about["split"] == "test"
    assert about["revision"] == "local copy"  # nobody knows whether it is the one that MTEB names


@pytest.mark.parametrize(
    ("kind", "source", "reason", "remedy"),
    [
        ("retrieval", {"task": "Banking77Classification", "path": "banking"}, "calls it Classification", "the kind"),
        ("retrieval", {"task": "NFCorpsu", "path": "search"}, "no task of this name", "'NFCorpus'"),
        (
            "classification",
            {"task": "AmazonCounterfactualClassification", "path": "banking"},
            "4 subsets",
            "one of en-ext, en",
        ),
        ("classification", {"task": "Banking77Classification", "path": "nowhere"}, "no such folder", "relative to that"),
        (
            "classification",
            {"task": "Banking77Classification", "path": "banking", "eval_split": "tset"},
            "not evaluated on 'tset'",
            "'test'",
        ),
        ("classification", {"task": "Banking77Classification", "path": "sts"}, "cannot be loaded|no split", ""),
        ("retrieval", {"task": "AskUbuntuDupQuestions", "path": "search"}, "calls it Reranking", ""),
    ],
)
def test_a_task_that_cannot_be_read_says_why(
    kind: str, source: dict[str, Any], reason: str, remedy: str, project: Path
) -> None:
    with pytest.raises(DataError, match=reason) as refused:
        read(kind, source, project)
    assert refused.value.place and remedy in refused.value.remedy


def test_options_without_effect_are_refused() -> None:
    for option in ({"download": "x"}, {"files": "*.csv"}, {"split": "part"}):
        with pytest.raises(ValidationError, match="is for files: leave it out"):
            check("classification", {"task": "Banking77Classification", **option})


def test_a_changed_copy_is_another_input(project: Path) -> None:
    source = check("retrieval", {"task": "NFCorpus", "path": "search"})
    before = fingerprint_inputs(source, project / "raw", project, FileHashes())
    queries = project / "search" / "queries.jsonl"
    content = queries.read_text()
    queries.write_text(content.replace(make_text(0), "another query"))
    after = fingerprint_inputs(source, project / "raw", project, FileHashes())
    found = read("retrieval", {"task": "NFCorpus", "path": "search"}, project)["queries"][0]["text"]
    queries.write_text(content)
    assert before != after and set(before) == set(after) and found == "another query"


def test_nothing_is_downloaded_when_first_rows_are_checked(project: Path) -> None:
    for kind, name in (("classification", "Banking77Classification"), ("retrieval", "NFCorpus")):
        with first_rows(5):
            KINDS[kind].create_reader().check_first_rows(check(kind, {"task": name}), project / "raw", project)


def test_the_package_is_named_where_it_is_missing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(DataError, match=r"pip install 'emb_pipeline\[mteb\]'"):
        read("classification", {"task": "Banking77Classification", "path": "banking", "eval_split": "test"}, project)
