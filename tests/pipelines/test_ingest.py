"""Steps of the stage `ingest` as plain functions."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import CorpusDefinition, CorpusOptions, Folders, TaskDefinition
from emb_pipeline.pipelines.ingest import nodes
from emb_pipeline.text.held_out import HELD_OUT
from emb_pipeline.text.tokens import TokenCorpus

TOPIC = TaskDefinition.model_validate(
    {
        "name": "topic",
        "kind": "classification",
        "source": {"reader": "csv", "path": "labels.csv", "label": "label", "split": "part"},
        "evaluation": {},
    }
)
ROWS = [
    ("The tide came in over the sand", "sea", "train"),
    ("Moss covers the bark of the oak", "wood", "train"),
    ("A gull sat on the highest wave", "sea", "train"),
    ("An owl sleeps among the green fern", "wood", "train"),
    ("The wave broke on the grey sand", "sea", "test"),
    ("Fern and moss grow under the oak", "wood", "test"),
]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Folders of a project with the files of a task and of a corpus."""
    write_rows(tmp_path / "labels.csv", [("text", "label", "part"), *ROWS])
    return Folders(**dict.fromkeys(Folders.model_fields, tmp_path))


def write_rows(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def tokenize(
    texts: Sequence[str], folders: Folders, *tasks: dict[str, pa.Table], options: CorpusOptions | None = None
) -> TokenCorpus:
    """The corpus of a few documents."""
    documents = ((f"d{number}", text) for number, text in enumerate(texts))
    return nodes.tokenize_corpus(documents, options or CorpusOptions(), folders, 1, *tasks)


def list_sentences(corpus: TokenCorpus) -> list[str]:
    return [" ".join(tokens) for tokens in corpus]


def test_a_task_is_its_examples_and_the_texts_that_it_is_tested_on(folders: Folders) -> None:
    task = nodes.read_task(TOPIC, folders)
    assert {"examples", HELD_OUT} < set(task)
    assert task["examples"].select(["text", "label"]).to_pylist() == [{"text": text, "label": of} for text, of, _ in ROWS]
    assert task[HELD_OUT]["text"].to_pylist() == [text for text, _, part in ROWS if part == "test"]


def test_a_task_with_one_class_is_refused_with_its_place_and_a_remedy(folders: Folders) -> None:
    write_rows(folders.project / "labels.csv", [("text", "label", "part"), *((text, "sea", part) for text, _, part in ROWS)])
    with pytest.raises(DataError, match="sea") as refused:
        nodes.read_task(TOPIC, folders)
    assert refused.value.place and refused.value.remedy


def test_a_file_that_is_not_there_is_named(folders: Folders) -> None:
    (folders.project / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"labels\.csv"):
        nodes.read_task(TOPIC, folders)


def find_line(audit: pa.Table, check: str) -> dict[str, Any]:
    (line,) = (line for line in audit.to_pylist() if line["check"] == check)
    return line


def test_an_audit_counts_the_test_texts_that_are_among_the_training_texts(folders: Folders) -> None:
    clean = nodes.audit_task(nodes.read_task(TOPIC, folders), TOPIC)
    write_rows(folders.project / "labels.csv", [("text", "label", "part"), *ROWS, (ROWS[0][0].upper(), "sea", "test")])
    leaking = nodes.audit_task(nodes.read_task(TOPIC, folders), TOPIC)
    assert (find_line(clean, "leakage")["count"], find_line(leaking, "leakage")["count"]) == (0, 1)
    assert find_line(leaking, "leakage")["total"] == 3 and find_line(leaking, "leakage")["severity"] == "fault"


def test_an_audit_counts_the_texts_of_a_script_without_spaces_in_the_examples_alone(folders: Folders) -> None:
    spaceless = ("海の波が砂浜に寄せては返す静かな朝の風景", "sea", "test")
    write_rows(folders.project / "labels.csv", [("text", "label", "part"), *ROWS, spaceless])
    line = find_line(nodes.audit_task(nodes.read_task(TOPIC, folders), TOPIC), "scripts_without_spaces")
    assert (line["count"], line["total"]) == (1, 7)  # texts that are held out stand in two tables, and count once


def test_a_corpus_is_streamed_and_documents_without_text_are_passed_over(folders: Folders) -> None:
    write_rows(folders.project / "domain.csv", [("text",), ("One tide.",), (" ",), ("Two tides.",)])
    definition = CorpusDefinition.model_validate({"sources": [{"reader": "csv", "path": "domain.csv"}]})
    documents = nodes.read_corpus(definition, folders)
    assert iter(documents) is documents
    assert [text for _, text in documents] == ["One tide.", "Two tides."]


def test_held_out_sentences_are_taken_out_of_a_corpus_unless_the_options_keep_them(folders: Folders) -> None:
    task = nodes.read_task(TOPIC, folders)
    texts = [f"{ROWS[4][0]}. It was cold.", f"They say that {ROWS[5][0].lower()} and elsewhere.", f"{ROWS[0][0]}."]
    corpus = tokenize(texts, folders, task)
    assert list_sentences(corpus) == ["it was cold", "the tide came in over the sand"]
    kept = tokenize(texts, folders, task, options=CorpusOptions(held_out="keep"))
    assert list_sentences(kept) == [
        "the wave broke on the grey sand",
        "it was cold",
        "they say that fern and moss grow under the oak and elsewhere",
        "the tide came in over the sand",
    ]


def test_a_corpus_of_which_nothing_is_left_is_refused_and_leaves_no_files(folders: Folders) -> None:
    task = nodes.read_task(TOPIC, folders)
    before = sorted(folders.scratch.rglob("*"))
    with pytest.raises(DataError) as refused:
        tokenize([ROWS[4][0], ROWS[5][0]], folders, task)
    assert refused.value.place == "a corpus" and refused.value.remedy
    assert sorted(folders.scratch.rglob("*")) == before


def test_corpora_are_cut_to_the_size_of_the_smallest_one_or_to_a_maximum_or_not_at_all(folders: Folders) -> None:
    large = tokenize([f"the tide of day {number} was a high one." for number in range(400)], folders)
    small = tokenize([f"an owl and the moss of night {number}." for number in range(200)], folders)
    assert (large.n_tokens, small.n_tokens) == (3600, 1600)

    def size(**options: Any) -> int:
        return nodes.cut_corpus(large, CorpusOptions(**options), folders, large, small).n_tokens

    assert 1560 <= size() <= 1600
    assert 960 <= size(max_tokens=1000) <= 1000
    assert size(equal_size=False) == 3600
    assert 1960 <= size(equal_size=False, max_tokens=2000) <= 2000


def test_audits_of_all_tasks_are_one_table_with_the_task_of_each_line(folders: Folders) -> None:
    audit = nodes.audit_task(nodes.read_task(TOPIC, folders), TOPIC)
    whole = nodes.collect_audits(topic=audit, other=audit.slice(0, 2))
    assert whole["scope"].to_pylist() == ["topic"] * audit.num_rows + ["other"] * 2
    assert whole.drop_columns(["scope"]).slice(0, audit.num_rows).equals(audit)


def test_held_out_texts_that_a_corpus_holds_all_the_same_are_counted_by_task_and_corpus(folders: Folders) -> None:
    task = nodes.read_task(TOPIC, folders)
    none = tokenize(["It was cold."], folders)
    one = tokenize([f"They say: {ROWS[4][0].lower()}. It was cold."], folders)
    table = nodes.measure_overlap(examples_topic=task, tokens_domain=one, tokens_generic=none)
    counts = {(row["corpus"], row["task"]): row for row in table.to_pylist() if row["check"] == "in_corpus"}
    assert {place: (row["count"], row["total"]) for place, row in counts.items()} == {
        ("domain", "topic"): (1, 2),
        ("generic", "topic"): (0, 2),
    }


def test_without_a_corpus_the_table_of_overlaps_has_its_columns_and_no_rows(folders: Folders) -> None:
    table = nodes.measure_overlap(examples_topic=nodes.read_task(TOPIC, folders))
    assert table.num_rows == 0 and table.column_names[:3] == ["corpus", "task", "check"]
