"""Audits find what makes a score worth less than it looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.audit.corpus_overlap import measure_corpus_overlap
from emb_pipeline.tasks.audit.lines import SCHEMA
from emb_pipeline.tasks.classification.audit import audit_classification, require_evaluable
from emb_pipeline.tasks.classification.reader import EXAMPLES_SCHEMA
from emb_pipeline.tasks.retrieval.audit import audit_retrieval
from emb_pipeline.tasks.retrieval.audit import require_evaluable as require_search
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables
from emb_pipeline.tasks.sequence_labeling.audit import audit_sequence_labeling
from emb_pipeline.text.runs import find_runs_in_corpus
from emb_pipeline.text.tokens import write_tokens
from tests.tasks.planted import random_texts

LONG = "the quick brown fox jumps over the lazy dog while seventeen cats look on from a wall and two owls sleep"


def examples(*rows: tuple[str, str, str, str | None]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(EXAMPLES_SCHEMA.names, row, strict=True)) for row in rows], schema=EXAMPLES_SCHEMA)


def retrieval(queries: dict[str, str], passages: dict[str, str], qrels: dict[tuple[str, str], int]) -> RetrievalTables:
    return RetrievalTables(
        pa.table({"query_id": list(queries), "text": list(queries.values())}),
        pa.table({"passage_id": list(passages), "text": list(passages.values())}),
        pa.table(
            {
                "query_id": pa.array([q for q, _ in qrels], pa.string()),
                "passage_id": pa.array([p for _, p in qrels], pa.string()),
                "relevance": pa.array(list(qrels.values()), pa.int32()),
            }
        ),
    )


def line(audit: pa.Table, check: str) -> dict[str, Any]:
    found = [row for row in audit.to_pylist() if row["check"] == check]
    assert len(found) == 1
    return found[0]


def test_an_audit_is_a_long_table() -> None:
    audit = audit_classification(examples(("1", "a b", "x", None), ("2", "c d", "y", None)))
    assert audit.schema == SCHEMA


def test_parts_and_classes_are_counted() -> None:
    audit = audit_classification(
        examples(
            ("1", "a", "x", "train"),
            ("2", "b", "x", "train"),
            ("3", "c", "y", "train"),
            ("4", "d", "x", "test"),
            ("5", "e", "z", "test"),
        )
    )
    assert (line(audit, "examples.train")["count"], line(audit, "examples.test")["count"]) == (3, 2)
    assert line(audit, "largest_class")["share"] == 0.6
    assert line(audit, "class.x")["note"] == "test 1, train 2"
    assert line(audit, "classes_only_in_test")["examples"] == ["z"]


def test_a_text_in_train_and_test_is_reported_as_leakage() -> None:
    audit = audit_classification(
        examples(
            ("1", "Heart pain", "x", "train"),
            ("2", "skin rash", "y", "train"),
            ("3", "heart pain!", "x", "test"),
            ("4", "skin burn", "y", "test"),
        )
    )
    assert line(audit, "leakage") == {
        "check": "leakage",
        "count": 1,
        "total": 2,
        "share": 0.5,
        "severity": "fault",
        "note": "test texts that stand in the training part too",
        "examples": ["3"],
    }
    assert line(audit, "exact_duplicates")["count"] == 0
    assert line(audit, "token_duplicates")["examples"] == ["3"]


def test_label_conflicts_bound_the_best_accuracy_on_the_test_part() -> None:
    audit = audit_classification(
        examples(
            ("1", "heart pain", "x", "train"),
            ("2", "skin rash", "y", "train"),
            ("3", "odd case", "x", "test"),
            ("4", "odd case", "x", "test"),
            ("5", "odd case", "y", "test"),
            ("6", "plain case", "y", "test"),
        )
    )
    assert line(audit, "label_conflicts")["count"] == 1
    assert line(audit, "ceiling")["share"] == 3 / 4  # two of the three odd cases, and the plain one


def test_groups_across_the_split_are_reported() -> None:
    table = examples(("1", "a", "x", "train"), ("2", "b", "y", "train"), ("3", "c", "x", "test"), ("4", "d", "y", "test"))
    audit = audit_classification(table.append_column("group", pa.array(["p", "q", "p", "r"])))
    assert line(audit, "groups")["count"] == 3
    assert (line(audit, "group_leakage")["count"], line(audit, "group_leakage")["total"]) == (1, 2)
    assert line(audit, "group_leakage")["examples"] == ["3"]


def test_near_duplicates_across_the_split_are_reported() -> None:
    audit = audit_classification(
        examples(
            ("1", LONG, "x", "train"),
            ("2", "nothing like it at all", "y", "train"),
            ("3", f"{LONG} tonight", "x", "test"),
            ("4", "and another thing", "y", "test"),
        )
    )
    assert line(audit, "near_duplicates")["examples"] == ["3"]
    assert line(audit, "near_leakage")["examples"] == ["3"]
    assert line(audit, "leakage")["count"] == 0


def test_texts_without_a_word_are_reported() -> None:
    audit = audit_classification(examples(("1", "--", "x", None), ("2", "a b", "y", None)))
    assert line(audit, "empty_after_tokenising")["examples"] == ["1"]


def test_a_retrieval_audit_counts_what_is_judged_and_what_is_not() -> None:
    audit = audit_retrieval(
        retrieval(
            {"q1": "heart pain", "q2": "skin", "q3": "Skin!", "q4": "lung"},
            {"p1": "all about heart pain here", "p2": "a rash", "p3": "A RASH", "p4": "--"},
            {("q1", "p1"): 2, ("q2", "p2"): 1, ("q2", "p1"): 1, ("q3", "p2"): 0},
        )
    )
    counts = {row["check"]: row["count"] for row in audit.to_pylist()}
    assert counts == {
        "queries": 4,
        "passages": 4,
        "judgments": 3,
        "few_test_units": 3,
        "queries_without_relevant": 2,
        "queries_with_several_relevant": 1,
        "passages_never_relevant": 2,
        "empty_queries": 0,
        "duplicate_queries": 1,
        "empty_passages": 1,
        "duplicate_passages": 1,
        "unjudged_twins": 1,
        "query_in_passage": 1,
        "queries_among_passages": 0,
    }
    assert line(audit, "unjudged_twins")["examples"] == ["q2"]


def test_overlap_tells_texts_that_stand_in_a_corpus_whole_from_those_that_do_in_part(tmp_path: Path) -> None:
    first, second, third = (" ".join(text) for text in random_texts(3, 16, np.random.default_rng(0)))
    documents = [
        ("1", f"Before it {first} and behind. One two three"),
        ("2", "Four five six seven"),
        ("3", " ".join(second.split()[:14])),
    ]
    corpus = write_tokens(documents, tmp_path / "corpus")
    texts = [first, second, third, "and behind one two three", "two three four five six", "see also"]
    overlap = measure_corpus_overlap({"task": texts, "other": [third]}, corpus).to_pylist()
    assert [(row["task"], row["check"], row["count"], row["total"], row["examples"]) for row in overlap] == [
        ("task", "in_corpus", 2, 5, ["0", "3"]),  # across the end of a sentence, not of a document
        ("task", "half_in_corpus", 3, 5, ["0", "1", "3"]),
        ("other", "in_corpus", 0, 1, []),
        ("other", "half_in_corpus", 0, 1, []),
    ]


def test_runs_are_found_across_the_borders_of_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emb_pipeline.text.id_stream._BYTES_AT_A_TIME", 100)
    monkeypatch.setattr("emb_pipeline.text.id_stream.TOKENS_PER_BATCH", 10)
    texts = [" ".join(text) for text in random_texts(60, 20, np.random.default_rng(0))]
    corpus = write_tokens([("1", ". A".join(texts[:30]))], tmp_path / "corpus")
    assert len(corpus.open_ids().batches) > 10
    found = find_runs_in_corpus(texts, corpus, (16, 8))
    assert (found[1:29] >= 0.75).all() and (found[30:] == 0).all()


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("1", "a", "x", None), ("2", "b", "x", None)], r"the classes to learn are \['x'\]"),
        ([("1", "a", "x", "train"), ("2", "b", "y", "train")], "the split 'test' is empty"),
        ([("1", "a", "x", "test"), ("2", "b", "y", "test")], "the split 'train' is empty"),
        (
            [("1", "a", "x", "train"), ("2", "b", "y", "train"), ("3", "A!", "x", "test")],
            "every test text stands in the training part",
        ),
        ([("1", "a", "x", "train"), ("2", "b", "y", "test")], "the classes to learn are"),
        ([("1", "--", "x", None), ("2", "..", "y", None)], "no text has a single word"),
    ],
)
def test_a_classification_task_that_cannot_be_evaluated_is_refused(
    rows: list[tuple[str, str, str, str | None]], reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        require_evaluable(examples(*rows), "diagnosis")


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        (retrieval({}, {"p": "a"}, {}), "no query or no passage"),
        (retrieval({"q": "a"}, {"p": "a"}, {}), "no judgment calls a passage relevant"),
        (retrieval({"q": "a"}, {"p": "a"}, {("q", "p"): 0}), "no judgment calls a passage relevant"),
    ],
)
def test_a_retrieval_task_that_cannot_be_evaluated_is_refused(tables: RetrievalTables, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        require_search(tables, "search")


def test_tasks_that_can_be_evaluated_pass() -> None:
    tested = [("3", "c", "x", "test"), ("4", "d", "x", "test")]
    require_evaluable(examples(("1", "a", "x", "train"), ("2", "b", "y", "train"), *tested), "diagnosis")
    require_search(retrieval({"q": "a", "r": "b"}, {"p": "a"}, {("q", "p"): 1, ("r", "p"): 1}), "search")


def test_labels_that_look_alike_are_reported() -> None:
    labels = [
        "kitchen",
        "Kitchen",
        "KITCHEN",
        "kitchen\u200b",
        "kitchen\u00a0sink",
        "kitchensink",
        "ＦＵＬＬ",
        "full",
        "a-b",
        "ab",
        "é",
        "e",
    ]
    rows = [(str(number), f"text {number}", label, None) for number, label in enumerate(labels + labels)]
    found = line(audit_classification(examples(*rows)), "label_variants")
    assert (found["count"], found["total"], found["severity"]) == (8, 12, "warning")
    assert found["examples"] == [
        r"'KITCHEN' (2) / 'Kitchen' (2) / 'kitchen' (2) / 'kitchen\u200b' (2)",
        "'full' (2) / 'ＦＵＬＬ' (2)",
        r"'kitchensink' (2) / 'kitchen\xa0sink' (2)",
    ]
    rows = [(str(number), f"text {number}", "ab"[number % 2], None) for number in range(4)]
    assert line(audit_classification(examples(*rows)), "label_variants")["count"] == 0


def test_a_validation_part_that_is_trained_on_is_said() -> None:
    rows = [
        (str(n), f"text {n}", "ab"[n % 2], part) for n, part in enumerate(["train"] * 6 + ["validation"] * 4 + ["test"] * 2)
    ]
    found = line(audit_classification(examples(*rows)), "validation_trains")
    assert (found["count"], found["total"], found["severity"]) == (4, 10, "size")
    assert "validation_trains" not in audit_classification(examples(*rows[:6], *rows[10:]))["check"].to_pylist()


def sentences(*tags: list[str], splits: list[str] | None = None) -> pa.Table:
    tokens = [[f"w{number}x{place}" for place in range(len(row))] for number, row in enumerate(tags)]
    splits = splits or ["train"] * len(tags)
    return pa.table(
        {"example_id": [str(n) for n in range(len(tags))], "tokens": tokens, "tags": list(tags), "split": splits}
    )


def test_valid_iob1_is_no_fault_and_broken_tags_are() -> None:
    audit = audit_sequence_labeling(sentences(["I-X", "I-X", "O"], ["I-X", "B-X"], ["O", "I-Y"]))
    assert line(audit, "repaired_tags")["count"] == 0
    assert line(audit, "tag_scheme")["note"] == "IOB1: the tags follow it, and are brought to IOB2"
    audit = audit_sequence_labeling(sentences(["B-X", "I-X", "O"], ["B-X", "B-X"], ["O", "I-Y"], ["O", "B-y"]))
    found = line(audit, "repaired_tags")
    assert (found["count"], found["examples"]) == (1, ["2"])
    assert line(audit, "label_variants")["examples"] == ["'Y' (1) / 'y' (1)"]


def test_a_validation_part_of_sentences_that_is_learnt_from_is_said() -> None:
    tags = [["B-X", "O"], ["O", "B-X"], ["B-X"]]
    found = line(audit_sequence_labeling(sentences(*tags, splits=["train", "validation", "test"])), "validation_trains")
    assert (found["count"], found["total"], found["severity"]) == (1, 2, "size")
