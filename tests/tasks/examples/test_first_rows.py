"""A look at the first rows of every file finds what would end a run an hour later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError, DataErrors
from emb_pipeline.readers.public_data.public_sources import public_sources
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.examples.first_rows import check_first_rows
from emb_pipeline.tasks.registry import KINDS


def check(
    project: Path, corpora: Mapping[str, Any], tasks: Mapping[str, tuple[str, dict[str, Any]]], **options: int
) -> None:
    readers = {}
    for name, (kind, source) in tasks.items():
        reader = KINDS[kind].create_reader()
        readers[name] = (reader, TypeAdapter[Any](reader.source_type).validate_python(source))
    parsed = {name: [TypeAdapter[Any](CorpusSource).validate_python(each) for each in of] for name, of in corpora.items()}
    check_first_rows(parsed, readers, project / "raw", project, **options)


def test_faults_of_all_files_are_listed_together(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_text("title\nsome text\n")
    (tmp_path / "more.txt").write_bytes(b"caf\xe9\n")
    (tmp_path / "labels.csv").write_text("text,label\none,a\ntwo,\nthree,a\nfour,\n")
    (tmp_path / "ner.iob").write_text("a\tO\nb\n")
    (tmp_path / "pairs.csv").write_text("text_a,text_b,score\none,two,high\n")
    (tmp_path / "asked.csv").write_text("query,passage\none,\n")
    (tmp_path / "taken.csv").write_text("user,item,timestamp\nu,i,yesterday\n")
    (tmp_path / "queries.csv").write_text("query_id,text\nq,\n")
    (tmp_path / "passages.csv").write_text("passage_id,text\np,fine\n")
    (tmp_path / "qrels.csv").write_text("query_id,passage\nq,p\n")
    (tmp_path / "squad.json").write_text("{}")
    splits = {"train": "ner.iob", "test": "ner.iob"}
    with pytest.raises(DataErrors) as caught:
        check(
            tmp_path,
            {"own": [{"reader": "csv", "path": "corpus.csv"}, {"reader": "text", "path": "more.txt", "document": "line"}]},
            {
                "topic": ("classification", {"reader": "csv", "path": "labels.csv", "label": "label"}),
                "names": ("sequence_labeling", {"reader": "iob", "path": "ner.iob", "splits": splits}),
                "alike": ("similarity", {"reader": "csv", "path": "pairs.csv"}),
                "asked": ("retrieval", {"reader": "pairs", "path": "asked.csv"}),
                "taken": ("recommendation", {"reader": "interactions", "path": "taken.csv"}),
                "search": (
                    "retrieval",
                    {"reader": "tables", "queries": "queries.csv", "passages": "passages.csv", "qrels": "qrels.csv"},
                ),
                "answers": ("extractive_qa", {"reader": "squad", "path": "squad.json"}),
            },
        )
    places = [error.place for error in caught.value.errors]
    assert places == [
        "corpus.csv, row 1",
        "more.txt, row 1",
        "labels.csv, row 3",
        "labels.csv, row 5",
        "ner.iob, row 2",
        "pairs.csv, row 2",
        "asked.csv, row 2",
        "taken.csv, row 2",
        "queries.csv, row 2",
        "qrels.csv",
        "squad.json",
    ]
    assert str(caught.value).startswith("11 faults in the first 1,000 rows of the files of this use case:\n")


def test_only_the_first_rows_are_read_and_what_only_the_whole_shows_is_no_fault(tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"text {number}", "label": "a"}) for number in range(30)]
    (tmp_path / "a.jsonl").write_text("\n".join([*rows, "{"]) + "\n")
    tasks = {"topic": ("classification", {"reader": "jsonl", "path": "a.jsonl", "label": "label"})}
    check(tmp_path, {}, tasks, n_rows=30)
    with pytest.raises(DataError, match="row 31: it is not JSON"):
        check(tmp_path, {}, tasks, n_rows=31)


def test_quotes_and_articles_that_go_on_past_the_first_rows_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\nfine\n"of\ntwo lines"\nmore\n')
    (tmp_path / "wiki").write_text('<doc id="1">\none\n</doc>\n<doc id="2">\ntwo\nmore\n</doc>\n')
    (tmp_path / "a.iob").write_text("a\tO\n\nb\tO\nc\tO\n")
    sources = [
        {"reader": "csv", "path": "a.csv"},
        {"reader": "wikiextractor", "path": "wiki"},
        {"reader": "iob", "path": "a.iob"},
    ]
    for n_rows in (1, 2, 3):
        check(tmp_path, {"own": sources}, {}, n_rows=n_rows)


def test_public_sources_are_not_fetched_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Path:
        raise AssertionError("fetched")

    monkeypatch.setattr("emb_pipeline.readers.files.named_files.fetch", refuse)
    source = next(iter(public_sources()))
    check(tmp_path, {"own": [{"reader": "text", "download": source}]}, {})
    with pytest.raises(DataError, match="'imaginary' is not among"):
        monkeypatch.undo()
        check(tmp_path, {"own": [{"reader": "text", "download": "imaginary"}]}, {})


def test_interactions_without_a_time_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "taken.csv").write_text("user,item\nu,i\nu,\n")
    source = {"reader": "interactions", "path": "taken.csv", "split": "leave_random"}
    with pytest.raises(DataError, match=r"taken\.csv, row 3: item is empty"):
        check(tmp_path, {}, {"taken": ("recommendation", source)})
    (tmp_path / "taken.csv").write_text("user,item\nu,i\n")
    check(tmp_path, {}, {"taken": ("recommendation", source)})
