"""Token classification from files: CoNLL-U by its standard, and other columns with any tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.registry import KINDS

FIRST = """# newdoc id = one
# sent_id = one-1
# text = Don't run.
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVBP\tMood=Ind|Tense=Pres\t3\taux\t3:aux\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t3:advmod\t_
3\trun\trun\tVERB\tVB\tVerbForm=Inf\t0\troot\t0:root\tSpaceAfter=No
3.1\trun\trun\tVERB\tVB\t_\t_\t_\t3:conj\t_
4\t.\t.\tPUNCT\t.\t_\t3\tpunct\t3:punct\t_

"""
SECOND = """# newdoc id = two
# sent_id = two-1
1\tIt\tit\tPRON\tPRP\tNumber=Sing\t3\tnsubj:pass\t3:nsubj:pass\t_
2\twas\tbe\tAUX\tVBD\tTense=Past\t3\taux:pass\t3:aux:pass\t_
3\tseen\tsee\tVERB\tVBN\tTense=Past\t0\troot\t0:root\t_

# sent_id = two-2
1\tYes\tyes\tINTJ\tUH\t_\t0\troot\t0:root\t_
"""


def read(project: Path, content: str = FIRST + SECOND, **options: Any) -> dict[str, Any]:
    (project / "a.conllu").write_text(content, encoding="utf-8")
    reader = KINDS["token_classification"].create_reader()
    splits = {"train": "a.conllu", "test": "a.conllu"}
    source = {"reader": "conllu", "path": ".", "splits": splits, **options}
    tables = reader.read(TypeAdapter[Any](reader.source_type).validate_python(source), project, project, "task")
    return {name: values[: len(values) // 2] for name, values in tables["sentences"].to_pydict().items()}


def test_words_are_what_is_tagged_and_not_tokens_of_several_words_or_empty_nodes(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found["tokens"] == [["Do", "n't", "run", "."], ["It", "was", "seen"], ["Yes"]]
    assert found["tags"] == [["AUX", "PART", "VERB", "PUNCT"], ["PRON", "AUX", "VERB"], ["INTJ"]]
    assert found["example_id"] == ["a.conllu:5", "a.conllu:13", "a.conllu:18"]  # the row of the first word


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ({"column": "xpos"}, ["PRP", "VBD", "VBN"]),
        ({"column": "deprel"}, ["nsubj:pass", "aux:pass", "root"]),
        ({"column": "deprel", "subtypes": False}, ["nsubj", "aux", "root"]),
        ({"column": "feats"}, ["Number=Sing", "Tense=Past", "Tense=Past"]),
        ({"column": "feats", "feature": "Tense"}, ["_", "Past", "Past"]),
    ],
)
def test_any_column_is_the_tag(options: dict[str, Any], tags: list[str], tmp_path: Path) -> None:
    assert read(tmp_path, **options)["tags"][1] == tags


def test_documents_are_marked_or_groups(tmp_path: Path) -> None:
    assert read(tmp_path)["document"] == ["a.conllu:document 1", *["a.conllu:document 2"] * 2]
    assert read(tmp_path, group="document")["group"] == ["a.conllu:document 1", *["a.conllu:document 2"] * 2]
    assert set(read(tmp_path, group="file")["group"]) == {"a.conllu"}


def test_as_a_corpus_it_is_its_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text(FIRST + SECOND + "\n" + FIRST)
    source = TypeAdapter[Any](CorpusSource).validate_python({"reader": "conllu", "path": "a.conllu"})
    assert [text for _, text in read_documents([source], tmp_path, tmp_path)] == ["Do n't run .", "It was seen", "Yes"]


@pytest.mark.parametrize(
    ("wrong", "right", "place", "reason"),
    [
        ("2\twas\t", "2 was\t", "a.conllu, row 14", "it has 9 columns, not 10"),
        ("2\twas\t", "3\twas\t", "a.conllu, row 14", "its id is '3', where word 2"),
        ("\tAUX\tVBD", "\t_\tVBD", "a.conllu, row 14", "the word has no upos"),
        ("\tAUX\tVBD", "\t\tVBD", "a.conllu, row 14", "the word or its tag is empty"),
        ("\n\n# sent_id = two-2", "", "a.conllu, row 16", "its id is '1', where word 4"),
    ],
)
def test_a_bad_line_is_refused_with_its_row_and_left_out_on_request(
    wrong: str, right: str, place: str, reason: str, tmp_path: Path
) -> None:
    whole = f"{FIRST}{SECOND}\n{FIRST.replace('run', 'go')}"
    content = whole.replace(wrong, right, 1)
    assert content != whole
    with pytest.raises(DataError) as refused:
        read(tmp_path, content)
    assert place in str(refused.value) and reason in str(refused.value)
    kept = read(tmp_path, content, on_error="skip")["tokens"]
    assert ["Do", "n't", "run", "."] in kept and ["It", "was", "seen"] not in kept


def test_a_sentence_with_a_word_without_a_tag_is_left_out_and_counted_on_request(tmp_path: Path) -> None:
    content = f"{FIRST}{SECOND}\n{FIRST.replace('run', 'go')}".replace("\tAUX\tVBD", "\t_\tVBD")
    assert ["It", "was", "seen"] not in read(tmp_path, content, empty="leave_out")["tokens"]
    with pytest.raises(DataError, match="it has 2 columns"):  # a line that is broken is not one that is empty
        read(tmp_path, content + "\n1\tOh\n", empty="leave_out")


def test_a_sentence_with_a_line_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "b.conllu").write_bytes(f"{SECOND}\n{FIRST}".encode().replace(b"was", b"w\xffs"))
    splits = {"train": "[ab].conllu", "test": "a.conllu"}
    found = read(tmp_path, f"{FIRST}{SECOND}", splits=splits, on_error="skip")
    assert found["tokens"].count(["It", "was", "seen"]) <= 1 and not any("\ufffd" in str(row) for row in found["tokens"])


@pytest.mark.parametrize(("options", "reason"), [({"feature": "Tense"}, "column: feats"), ({"subtypes": False}, "deprel")])
def test_an_option_of_another_column_is_refused_and_not_ignored(
    options: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ValidationError, match=reason):
        read(tmp_path, **options)


def test_a_column_with_one_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the training part has one tag alone: '_'"):
        read(tmp_path, column="feats", feature="Gender")


def test_tags_that_mark_no_spans_are_refused_as_entities_and_the_remedy_reads_them(tmp_path: Path) -> None:
    (tmp_path / "a.iob").write_text("We\tPRON\nran\tVERB\n\nYou\tPRON\nran\tVERB\n")
    source = {"reader": "iob", "path": ".", "splits": {"train": "a.iob", "test": "a.iob"}}
    found = {}
    for name in ("sequence_labeling", "token_classification"):
        reader = KINDS[name].create_reader()
        parsed = TypeAdapter[Any](reader.source_type).validate_python(source)
        if name == "sequence_labeling":
            with pytest.raises(DataError, match=r"a.iob, row 1.*tag 'PRON'.*kind: token_classification"):
                reader.read(parsed, tmp_path, tmp_path, "task")
        else:
            found = reader.read(parsed, tmp_path, tmp_path, "task")
    assert found["sentences"]["tags"].to_pylist() == [["PRON", "VERB"]] * 4


def test_lists_of_words_and_tags_are_read_with_any_tags(tmp_path: Path) -> None:
    rows = [
        {"tokens": [word, "ran"], "tags": ["PRON", "VERB"], "split": split}
        for word, split in (("we", "train"), ("you", "train"), ("we", "test"), ("you", "test"))
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    reader = KINDS["token_classification"].create_reader()
    source = TypeAdapter[Any](reader.source_type).validate_python({"reader": "jsonl", "path": "a.jsonl", "split": "split"})
    assert reader.read(source, tmp_path, tmp_path, "t")["sentences"]["tags"].to_pylist() == [["PRON", "VERB"]] * 4
