"""Groups of units, in the files of each kind of task."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.retrieval.evaluate import find_query_groups
from emb_pipeline.tasks.splits.pair_groups import name_pair_groups

CONLL = "-DOCSTART- O\n\nAnn B-PER\nran O\n\nBob B-PER\n\n-DOCSTART- O\n\nAnn B-PER\nran O\n\n-DOCSTART- O\n\nEve B-PER\n\n"


def read(kind: str, project: Path, **source: object) -> tuple[dict[str, pa.Table], dict[str, str]]:
    """Tables, and the severity of each line of the audit."""
    reader = KINDS[kind].create_reader()
    parsed = TypeAdapter(reader.source_type).validate_python(source)
    tables = reader.read(parsed, project, project, "t")
    return tables, {row["check"]: row["severity"] for row in reader.audit(tables).to_pylist()}


def tagging(project: Path, **options: object) -> tuple[dict[str, pa.Table], dict[str, str]]:
    for split in ("train", "test"):
        (project / f"{split}.conll").write_text(CONLL)
    splits = {"train": "train.conll", "test": "test.conll"}
    return read("sequence_labeling", project, reader="iob", path=".", separator="white_space", splits=splits, **options)


def test_documents_that_are_marked_but_no_groups_are_said_so(tmp_path: Path) -> None:
    tables, audit = tagging(tmp_path)
    assert audit["documents_not_groups"] == "warning" and "groups" not in audit
    task = KINDS["sequence_labeling"].create_task(tables, "t")
    assert len(set(task.groups.tolist())) == 3  # of equal sentences


def test_sentences_of_a_document_are_one_group_and_copies_join_documents(tmp_path: Path) -> None:
    tables, audit = tagging(tmp_path, group="document")
    assert audit["groups"] == "size" and "documents_not_groups" not in audit
    task = KINDS["sequence_labeling"].create_task(tables, "t")
    # "Ann ran" and "Bob" stand in one document, "Ann ran" in another, too; "Eve" in one of its own; train equals test.
    assert task.groups.tolist() == [0, 0, 0, 3, 0, 0, 0, 3]
    files = KINDS["sequence_labeling"].create_task(tagging(tmp_path, group="file")[0], "t")
    assert set(files.documents.tolist()) == {"train.conll", "test.conll"}


def test_tagged_json_lines_have_a_column_of_groups(tmp_path: Path) -> None:
    rows = [
        {"tokens": [word], "tags": ["B-PER"], "split": split, "doc": doc}
        for word, split, doc in (("a", "train", 1), ("b", "train", 1), ("c", "test", 2), ("d", "test", 2), ("e", "test", 3))
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"reader": "jsonl", "path": "t.jsonl", "split": "split", "group": "doc"}
    tables, audit = read("sequence_labeling", tmp_path, **source)
    assert KINDS["sequence_labeling"].create_task(tables, "t").groups.tolist() == [0, 0, 2, 2, 4]
    assert audit["groups"] == "size" and audit["few_test_units"] == "warning"


@pytest.mark.parametrize("named", [False, True])
def test_pairs_have_a_column_of_groups_or_are_named_by_their_texts(tmp_path: Path, named: bool) -> None:
    lines = [f"one text {n % 3},other text {n},{n},g{n // 6}" for n in range(12)]
    (tmp_path / "pairs.csv").write_text("text_a,text_b,score,author\n" + "\n".join(lines) + "\n")
    tables, audit = read("similarity", tmp_path, reader="csv", path="pairs.csv", **({"group": "author"} if named else {}))
    groups = name_pair_groups(KINDS["similarity"].create_task(tables, "t")).tolist()
    if named:
        assert groups == ["pairs.csv:2"] * 6 + ["pairs.csv:8"] * 6 and audit["groups"] == "size"
    else:
        assert len(set(groups)) == 12 and all(group.count("\t") == 1 for group in groups) and audit["shared_texts"] == "size"
        assert len({group.split("\t")[1] for group in groups} | {group.split("\t")[0] for group in groups}) == 15


def test_pairs_without_a_common_text_are_units_of_their_own(tmp_path: Path) -> None:
    lines = [f"one text {n},other text {n},{n}" for n in range(12)]
    (tmp_path / "pairs.csv").write_text("text_a,text_b,score\n" + "\n".join(lines) + "\n")
    task = KINDS["similarity"].create_task(read("similarity", tmp_path, reader="csv", path="pairs.csv")[0], "t")
    assert name_pair_groups(task).tolist() == task.pair_ids.tolist()


def write_tables(project: Path) -> None:
    queries = [("q1", "what is one", "u1"), ("q2", "what is two", "u1"), ("q3", "What is two?", "u2"), ("q4", "four", "u3")]
    (project / "queries.csv").write_text("query_id,text,user\n" + "".join(f"{','.join(row)}\n" for row in queries))
    (project / "passages.csv").write_text("passage_id,text\n" + "".join(f"p{n},passage {n}\n" for n in range(1, 5)))
    (project / "qrels.csv").write_text("query_id,passage_id\n" + "".join(f"q{n},p{n}\n" for n in range(1, 5)))
    (project / "pairs.csv").write_text(
        "query,passage,user\n" + "".join(f"{text},passage {n},{user}\n" for n, (_, text, user) in enumerate(queries))
    )


@pytest.mark.parametrize("reader", ["tables", "pairs"])
def test_queries_of_a_user_are_one_group_and_copies_join_users(tmp_path: Path, reader: str) -> None:
    write_tables(tmp_path)
    tables = {"queries": "queries.csv", "passages": "passages.csv", "qrels": "qrels.csv"}
    place: dict[str, object] = dict(tables) if reader == "tables" else {"path": "pairs.csv"}
    tables, audit = read("retrieval", tmp_path, reader=reader, group="user", **place)
    task = KINDS["retrieval"].create_task(tables, "t")
    assert audit["groups"] == "size"
    n_groups = len(set(find_query_groups(task).tolist()))
    assert n_groups == 2  # u1 and u2 ask the same once, but for case


def test_an_empty_group_is_refused(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (tmp_path / "queries.csv").write_text("query_id,text,user\nq1,one,\nq2,two,u\nq3,three,u\nq4,four,u\n")
    with pytest.raises(DataError, match="row 2: the group is empty"):
        read(
            "retrieval",
            tmp_path,
            reader="tables",
            queries="queries.csv",
            passages="passages.csv",
            qrels="qrels.csv",
            group="user",
        )
