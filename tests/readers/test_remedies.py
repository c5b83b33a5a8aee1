"""Files that are not what they seem are named for what they are, and the remedy that the message gives works."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.classification.reader import ClassificationSource, read_classification
from emb_pipeline.tasks.registry import KINDS

ROWS = "text,label\ncafé noir,a\nthé vert,b\ncafé crème,a\nthé noir,b\n"
IOB = "Le\tO\ncafé\tB-DRINK\n\nLe\tO\nthé\tB-DRINK\n\n"
ARTICLE = '<doc id="12" title="Café">\nUn café noir.\n</doc>\n'
SQUAD = {
    "data": [
        {
            "title": "Café",
            "paragraphs": [
                {
                    "context": "Le café est noir.",
                    "qas": [{"id": "1", "question": "Quoi ?", "answers": [{"text": "café", "answer_start": 3}]}],
                }
            ],
        }
    ]
}


def texts(project: Path, source: Mapping[str, Any]) -> list[str]:
    parsed = TypeAdapter[Any](CorpusSource).validate_python(source)
    return [text for _, text in read_documents([parsed], project / "raw", project)]


def tables(project: Path, kind: str, source: Mapping[str, Any]) -> dict[str, pa.Table]:
    reader = KINDS[kind].create_reader()
    return reader.read(TypeAdapter[Any](reader.source_type).validate_python(source), project / "raw", project, "task")


def refusal(project: Path, source: Mapping[str, Any], kind: str | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        texts(project, source) if kind is None else tables(project, kind, source)
    return caught.value


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("kind", "name", "content", "source"),
    [
        (None, "a.csv", ROWS, {"reader": "csv"}),
        (None, "a.tsv", ROWS.replace(",", "\t"), {"reader": "tsv"}),
        (None, "a.txt", ROWS, {"reader": "text"}),
        (None, "a.txt", ROWS, {"reader": "text", "document": "line"}),
        (None, "a.jsonl", '{"text": "café"}\n{"text": "thé"}\n', {"reader": "jsonl"}),
        (None, "a.iob", IOB, {"reader": "iob"}),
        (None, "wiki_00", ARTICLE, {"reader": "wikiextractor"}),
        (None, "a.txt", "__label__a café\n__label__b thé\n", {"reader": "fasttext"}),
        ("classification", "a.csv", ROWS, {"reader": "csv", "label": "label"}),
        ("classification", "a.txt", "a café\nb thé\na lait\nb eau\n", {"reader": "labeled_lines"}),
        ("sequence_labeling", "a.iob", IOB, {"reader": "iob", "splits": {"train": "a.iob", "test": "a.iob"}}),
        ("retrieval", "squad.json", json.dumps(SQUAD, ensure_ascii=False), {"reader": "squad"}),
        ("retrieval", "pairs.csv", "query,passage\ncafé,noir\nthé,vert\n", {"reader": "pairs"}),
        ("retrieval", "pairs.jsonl", '{"query": "café", "passage": "thé"}\n', {"reader": "pairs"}),
    ],
)
def test_every_text_reader_names_an_encoding_that_reads_the_file(
    kind: str | None, name: str, content: str, source: dict[str, Any], encoding: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content.encode(encoding))
    source = {"path": name, **source}
    error = refusal(tmp_path, source, kind)
    advised = encoding if encoding.startswith("utf-16") else "latin-1"
    assert f"'encoding: {advised}'" in str(error)
    read = texts(tmp_path, {**source, "encoding": encoding}) if kind is None else None
    (tmp_path / name).write_text(content, encoding="utf-8")
    if kind is None:
        assert read == texts(tmp_path, source)
        assert "café" in " ".join(read).lower()


def test_one_bad_byte_in_many_rows_is_left_out_on_request(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text\n" + b"fine\n" * 10 + b"br\xffken\n" + b"good\n")
    source = {"reader": "csv", "path": "a.csv"}
    assert "row 12: byte 57" in str(refusal(tmp_path, source))
    assert texts(tmp_path, {**source, "on_error": "skip"}) == ["fine"] * 10 + ["good"]


def test_utf8_that_is_called_utf16_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    error = refusal(tmp_path, {"reader": "csv", "path": "a.csv", "encoding": "utf-16"})
    assert (error.reason, error.remedy) == ("it is UTF-8, not UTF-16", "leave 'encoding' out")


@pytest.mark.parametrize("encoding", ["rot13", "base64", "no-such"])
def test_a_codec_that_is_no_encoding_of_text_is_refused(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    assert encoding in refusal(tmp_path, {"reader": "csv", "path": "a.csv", "encoding": encoding}).reason


def zipped(name: str) -> bytes:
    import io

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("[Content_Types].xml", "x")
        archive.writestr(name, "y")
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "what", "remedy"),
    [
        (zipped("a.csv"), "a zip archive", "unpack it"),
        (zipped("xl/workbook.xml"), "an Excel workbook", "save the table as CSV"),
        (zipped("word/document.xml"), "a Word document", "plain text"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "an old Excel or Word file", "save it as CSV"),
        (b"%PDF-1.7\n", "a PDF file", "plain text"),
        (b"7z\xbc\xaf\x27\x1c\x00", "a 7z archive", "unpack it"),
        (b"SQLite format 3\x00", "an SQLite database", "CSV"),
        (b"\x80\x04\x95\x00", "a Python pickle", "Parquet"),
        (b"version https://git-lfs.github.com/spec/v1\noid x\n", "a Git LFS pointer", "git lfs pull"),
        (bytes(5000), "zero bytes", "name a text file"),
    ],
)
@pytest.mark.parametrize("reader", ["csv", "jsonl", "text", "iob", "labeled_lines"])
def test_what_is_no_text_is_named(content: bytes, what: str, remedy: str, reader: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    error = refusal(tmp_path, {"reader": reader, "path": "a.csv"})
    assert what in error.reason and remedy in error.remedy


def test_parquet_that_is_read_as_csv_is_read_with_the_reader_that_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one", "two"]}), tmp_path / "a.csv")
    assert "'reader: parquet'" in refusal(tmp_path, {"reader": "csv", "path": "a.csv"}).remedy
    assert texts(tmp_path, {"reader": "parquet", "path": "a.csv"}) == ["one", "two"]
    (tmp_path / "b.parquet").write_bytes(zipped("xl/workbook.xml"))
    error = refusal(tmp_path, {"reader": "parquet", "path": "b.parquet"})
    assert "workbook" in error.reason or "zip archive" in error.reason


def test_compressed_files_are_known_by_their_content(tmp_path: Path) -> None:
    content = b"text\nhello there\n" * 50
    packed = {".gz": gzip.compress(content), ".bz2": bz2.compress(content), ".xz": lzma.compress(content)}
    packed[".zst"] = pa.compress(content, codec="zstd", asbytes=True)
    for suffix, data in packed.items():
        for name in (f"a.csv{suffix}", "plain.csv"):
            (tmp_path / name).write_bytes(data)
            assert len(texts(tmp_path, {"reader": "csv", "path": name})) == 99
    (tmp_path / "b.csv.gz").write_bytes(content)
    error = refusal(tmp_path, {"reader": "csv", "path": "b.csv.gz"})
    assert error.reason == "its suffix says gz, and its content is plain text"
    (tmp_path / "b.csv.gz").rename(tmp_path / "b.csv")
    assert len(texts(tmp_path, {"reader": "csv", "path": "b.csv"})) == 99
    (tmp_path / "c.csv.gz").write_bytes(packed[".zst"])
    assert "rename it to end on '.zst'" in refusal(tmp_path, {"reader": "csv", "path": "c.csv.gz"}).remedy
    (tmp_path / "d.csv.zst").write_bytes(packed[".zst"][:-6])
    assert "cannot be read" in refusal(tmp_path, {"reader": "csv", "path": "d.csv.zst"}).reason


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "::", "^"])
@pytest.mark.parametrize("header", [True, False])
def test_a_delimiter_that_is_not_a_comma_is_named(delimiter: str, header: bool, tmp_path: Path) -> None:
    lines = ["text,label", "one,a", "two,b", "three,a", "four,b"][0 if header else 1 :]
    (tmp_path / "a.csv").write_text("\n".join(lines).replace(",", delimiter) + "\n")
    source: dict[str, Any] = {"reader": "csv", "path": "a.csv", "label": "label"}
    if not header:
        source["columns"] = ["text", "label"]
    error = refusal(tmp_path, source, "classification")
    shown = delimiter.replace("\t", r"\t")
    assert f"'delimiter: \"{shown}\"'" in error.remedy
    found = tables(tmp_path, "classification", {**source, "delimiter": delimiter})["examples"]
    assert found["text"].to_pylist() == ["one", "two", "three", "four"]


def test_blanks_between_the_columns_of_an_iob_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.iob").write_text(IOB.replace("\t", " "))
    source = {"reader": "iob", "path": "a.iob"}
    assert "'separator: white_space'" in refusal(tmp_path, source).remedy
    assert texts(tmp_path, {**source, "separator": "white_space"}) == ["Le café", "Le thé"]


def test_ratings_as_movielens_writes_them_are_read(tmp_path: Path) -> None:
    ratings = [f"{user}::{item}::5::{1000 + 7 * item + user}" for user in range(1, 13) for item in range(1, 13)]
    (tmp_path / "ratings.dat").write_text("\n".join(ratings) + "\n")
    (tmp_path / "movies.dat").write_text("".join(f"{item}::Film {item}::Comedy|Drama\n" for item in range(1, 13)))
    source = {
        "reader": "interactions",
        "path": "ratings.dat",
        "user": "UserID",
        "item": "MovieID",
        "timestamp": "Timestamp",
        "items": "movies.dat",
        "text": "Title",
    }
    assert "'format: csv'" in refusal(tmp_path, source, "recommendation").remedy
    source |= {
        "format": "csv",
        "delimiter": "::",
        "columns": ["UserID", "MovieID", "Rating", "Timestamp"],
        "rating": False,
        "item_columns": ["MovieID", "Title", "Genres"],
    }
    found = tables(tmp_path, "recommendation", source)
    assert found["interactions"].num_rows == 144
    assert set(found["items"]["text"].to_pylist()) == {f"Film {item}" for item in range(1, 13)}


def test_a_table_of_pairs_with_any_suffix_is_read(tmp_path: Path) -> None:
    (tmp_path / "pairs.data").write_text("query;passage\nred tea;a cup\ncold milk;a glass\n")
    source = {"reader": "pairs", "path": "pairs.data"}
    assert "'format: csv'" in refusal(tmp_path, source, "retrieval").remedy
    assert "';'" in refusal(tmp_path, {**source, "format": "csv"}, "retrieval").remedy.replace('"', "'")
    assert tables(tmp_path, "retrieval", {**source, "format": "csv", "delimiter": ";"})["queries"].num_rows == 2


# missing values


def pandas_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [1.0, 2.0, 3.0, 4.0, float("nan"), 6.0, 7.0, 8.0],
            "text": ["one", "two", None, float("nan"), "five", "six", "seven", "eight"],
            "label": ["a", "b", "a", "b", "a", None, "a", "b"],
        }
    )


def written(frame: pd.DataFrame, path: Path, how: str) -> None:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl" and how == "null":
        frame.to_json(path, orient="records", lines=True)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    elif how == "null":
        frame.to_csv(path, index=False)
    else:
        frame.to_csv(path, index=False, na_rep=how)


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        ("csv", "null"),
        ("csv", "NaN"),
        ("csv", "None"),
        ("csv", "NaT"),
        ("csv", "<NA>"),
        ("jsonl", "null"),
        ("jsonl", "NaN"),
        ("parquet", "null"),
    ],
)
def test_missing_values_of_pandas_are_missing(suffix: str, how: str, tmp_path: Path) -> None:
    name = f"a.{suffix}"
    written(pandas_rows(), tmp_path / name, how)
    source = {"reader": suffix, "path": name, "label": "label"}
    error = str(refusal(tmp_path, source, "classification"))
    first = 2 if suffix == "csv" else 1
    assert f"row {first + 2}: the text is empty" in error and f"row {first + 3}: the text is empty" in error
    assert f"row {first + 5}: the label is empty" in error
    found = tables(tmp_path, "classification", {**source, "empty": "leave_out"})
    assert found["examples"]["text"].to_pylist() == ["one", "two", "five", "seven", "eight"]
    assert set(found["examples"]["label"].to_pylist()) == {"a", "b"}
    audit = {row["check"]: row for row in KINDS["classification"].audit(found).to_pylist()}
    line = audit["left_out_empty"]
    assert (line["count"], line["total"], line["severity"]) == (3, 8, "warning")
    assert line["examples"] == [f"{name}, row {first + number}" for number in (2, 3, 5)]


def test_float_ids_are_those_of_whole_numbers(tmp_path: Path) -> None:
    frame = pandas_rows().dropna()
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        written(frame, tmp_path / name, "null")
        reader = name.partition(".")[2]
        found = tables(tmp_path, "classification", {"reader": reader, "path": name, "label": "label", "id": "id"})
        assert found["examples"]["example_id"].to_pylist() == ["1", "2", "7", "8"]


def test_words_for_missing_may_be_labels(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\none,None\ntwo,Some\nthree,None\nfour,Some\n")
    source = {"reader": "csv", "path": "a.csv", "label": "label"}
    assert "'missing: []'" in str(refusal(tmp_path, source, "classification"))
    found = tables(tmp_path, "classification", {**source, "missing": []})["examples"]
    assert found["label"].to_pylist() == ["None", "Some", "None", "Some"]


def test_missing_ids_and_times_of_interactions_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": [1.0, float("nan")], "item": [2, 3], "timestamp": [5.0, 6.0]})
    frame.to_parquet(tmp_path / "a.parquet")
    assert "row 2: user is empty" in str(
        refusal(tmp_path, {"reader": "interactions", "path": "a.parquet"}, "recommendation")
    )
    frame = pd.DataFrame({"user": [1, 2], "item": [2, 3], "timestamp": pd.to_datetime(["2024-05-31", None])})
    frame.to_parquet(tmp_path / "a.parquet")
    error = refusal(tmp_path, {"reader": "interactions", "path": "a.parquet"}, "recommendation")
    assert "row 2: timestamp is empty" in str(error)


# names of labels, dates and other values


def hugging_face(path: Path, features: dict[str, Any], **columns: pa.Array) -> None:
    noted = json.dumps({"info": {"features": features}})
    pq.write_table(pa.table(columns).replace_schema_metadata({"huggingface": noted}), path)


def test_labels_of_hugging_face_come_with_their_names(tmp_path: Path) -> None:
    names = ["neg", "pos"]
    hugging_face(
        tmp_path / "a.parquet",
        {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": names, "_type": "ClassLabel"}},
        text=pa.array(["one", "two", "three", "four", "five"]),
        label=pa.array([0, 1, 1, 0, -1]),
    )
    source = {"reader": "parquet", "path": "a.parquet", "label": "label", "empty": "leave_out"}
    found = tables(tmp_path, "classification", source)["examples"]
    assert found["label"].to_pylist() == ["neg", "pos", "pos", "neg"]


@pytest.mark.parametrize("kind", ["Sequence", "List", None])
def test_tags_of_hugging_face_come_with_their_names(kind: str | None, tmp_path: Path) -> None:
    feature: Any = {"names": ["O", "B-PER", "I-PER"], "_type": "ClassLabel"}
    hugging_face(
        tmp_path / "a.parquet",
        {"ner_tags": {"feature": feature, "_type": kind} if kind else [feature]},
        tokens=pa.array([["Marie", "Curie", "won"], ["He", "lost"], ["She", "won"], ["They", "lost"]]),
        ner_tags=pa.array([[1, 2, 0], [0, 0], [0, 0], [0, 0]]),
        split=pa.array(["train", "test", "train", "test"]),
    )
    source = {"reader": "parquet", "path": "a.parquet", "tags": "ner_tags", "split": "split"}
    found = tables(tmp_path, "sequence_labeling", source)["sentences"]
    assert found["tags"].to_pylist() == [["B-PER", "I-PER", "O"], *[["O", "O"]] * 3]


def test_labels_that_are_numbers_are_named_on_request(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\none,0\ntwo,1\nthree,1.0\nfour,0\n")
    source = {"reader": "csv", "path": "a.csv", "label": "label", "label_names": ["no", "yes"]}
    found = tables(tmp_path, "classification", source)["examples"]
    assert found["label"].to_pylist() == ["no", "yes", "yes", "no"]
    (tmp_path / "a.csv").write_text("text,label\none,0\ntwo,1\nthree,2\n")
    assert "row 4: label '2' has no name" in str(refusal(tmp_path, source, "classification"))
    words = [("He", "train"), ("She", "train"), ("They", "test"), ("You", "test")]
    rows = [{"tokens": [word, "won"], "tags": [0, 1], "split": part} for word, part in words]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"reader": "jsonl", "path": "a.jsonl", "split": "split"}
    assert "'label_names: [O, B-…" in str(refusal(tmp_path, source, "sequence_labeling"))
    found = tables(tmp_path, "sequence_labeling", {**source, "label_names": ["O", "B-X"]})["sentences"]
    assert found["tags"].to_pylist() == [["O", "B-X"]] * 4


@pytest.mark.parametrize(
    "kind", [pa.date32(), pa.date64(), pa.timestamp("ns"), pa.timestamp("s", "UTC"), pa.decimal128(12, 2)]
)
def test_times_of_any_type_are_times(kind: pa.DataType, tmp_path: Path) -> None:
    import datetime

    n = 144
    if pa.types.is_decimal(kind):
        from decimal import Decimal

        times = pa.array([Decimal(f"{number}.50") for number in range(n)], kind)
        expected = [number + 0.5 for number in range(n)]
    else:
        days = [datetime.date(1970, 1, 1) + datetime.timedelta(days=number) for number in range(n)]
        times = (
            pa.array(days, pa.date32()).cast(pa.timestamp("s")).cast(kind) if kind != pa.date32() else pa.array(days, kind)
        )
        expected = [86_400.0 * number for number in range(n)]
    users = [float(number % 12) for number in range(n)]
    items = [number // 12 for number in range(n)]
    pq.write_table(pa.table({"user": users, "item": items, "timestamp": times}), tmp_path / "a.parquet")
    found = tables(tmp_path, "recommendation", {"reader": "interactions", "path": "a.parquet"})["interactions"]
    assert sorted(found["timestamp"].to_pylist()) == expected
    assert set(found["user_id"].to_pylist()) == {str(number) for number in range(12)}


def test_labels_of_fasttext_are_read(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(
        "__label__tea green leaves\n__label__milk a cold glass\n" * 2 + "__label__tea __label__x hot\n"
    )
    (tmp_path / "test.txt").write_text("black __label__tea cup\n__label__milk warm\n")
    source = {"reader": "fasttext", "path": ".", "splits": {"train": "train.txt", "test": "test.txt"}}
    assert "train.txt, row 5: it has 2 labels (tea, x)" in str(refusal(tmp_path, source, "classification"))
    found = tables(tmp_path, "classification", {**source, "on_error": "skip"})
    assert list(zip(*(found["examples"][name].to_pylist() for name in ("text", "label", "split")), strict=True))[-2:] == [
        ("black cup", "tea", "test"),
        ("warm", "milk", "test"),
    ]
    audit = {row["check"]: row for row in KINDS["classification"].audit(found).to_pylist()}
    assert (audit["left_out_errors"]["count"], audit["left_out_errors"]["total"]) == (1, 7)


# several bad rows


def test_twenty_bad_rows_are_listed_at_once(tmp_path: Path) -> None:
    rows = [f"text {number},{'a' if number % 2 else ''}" for number in range(60)]
    (tmp_path / "a.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    source = {"reader": "csv", "path": "a.csv", "label": "label"}
    message = str(refusal(tmp_path, source, "classification"))
    assert message.startswith("the first 20 bad rows ('on_error: skip' leaves such rows out):")
    assert [f"row {number}:" in message for number in (2, 4, 40, 42)] == [True, True, True, False]
    assert message.count("fill it in") == 1


def test_rows_of_every_kind_of_fault_are_listed_and_skipped(tmp_path: Path) -> None:
    good = [
        {"text": f"text {number}", "label": "ab"[number % 2], "part": "train" if number < 4 else "test"}
        for number in range(8)
    ]
    lines = [json.dumps(row) for row in good]
    lines += [
        "{",
        "[]",
        '{"text": "x"}',
        '{"text": {"x": 1}, "label": "a", "part": "test"}',
        '{"text": "x", "label": "a", "part": "?"}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    source = {"reader": "jsonl", "path": "a.jsonl", "label": "label", "split": "part"}
    message = str(refusal(tmp_path, source, "classification"))
    assert [f"row {number}: " in message for number in range(8, 14)] == [False, True, True, True, True, True]
    found = tables(tmp_path, "classification", {**source, "on_error": "skip"})
    assert found["examples"].num_rows == 8
    assert found["left_out"].to_pylist()[0]["count"] == 5


def test_sentences_with_a_bad_line_are_listed_and_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.iob").write_text("a\tO\nb\tB-X\n\nc\n\nd\tQ-X\n\ne\tB-X\n")
    source = {"reader": "iob", "path": "a.iob", "splits": {"train": "a.iob", "test": "a.iob"}}
    message = str(refusal(tmp_path, source, "sequence_labeling"))
    assert "row 4: it is not a token" in message and "row 6: tag 'Q-X'" in message
    found = tables(tmp_path, "sequence_labeling", {**source, "on_error": "skip"})
    assert found["sentences"]["tokens"].to_pylist() == [["a", "b"], ["e"]] * 2


# links


def test_links_to_files_and_folders_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "far/deep").mkdir(parents=True)
    (tmp_path / "far/deep/b.txt").write_text("in a linked folder")
    (tmp_path / "far/c.txt").write_text("linked")
    own = tmp_path / "own"
    own.mkdir()
    (own / "folder").symlink_to(tmp_path / "far/deep")
    (own / "c.txt").symlink_to(tmp_path / "far/c.txt")
    (own / "again").symlink_to(own)
    (tmp_path / "link").symlink_to(own)
    for source in ({"path": "own"}, {"path": "link"}, {"path": "own", "files": "**/*.txt"}):
        assert sorted(texts(tmp_path, {"reader": "text", **source})) == ["in a linked folder", "linked"]
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    assert "is a link to" in refusal(tmp_path, {"reader": "text", "path": "gone.txt"}).reason


def test_interactions_that_cannot_be_used_are_listed_and_skipped(tmp_path: Path) -> None:
    rows = [f"u{number % 12},i{number // 12},{number}" for number in range(144)]
    (tmp_path / "a.csv").write_text(
        "\n".join(["user,item,timestamp", *rows, "u1,,5", "u1,i1,yesterday", ",i1,5", "u1"]) + "\n"
    )
    source = {"reader": "interactions", "path": "a.csv"}
    message = str(refusal(tmp_path, source, "recommendation"))
    assert [f"row {number}: " in message for number in range(145, 150)] == [False, True, True, True, True]
    found = tables(tmp_path, "recommendation", {**source, "on_error": "skip", "empty": "leave_out"})
    assert found["interactions"].num_rows == 144
    counts = {row["check"]: row["count"] for row in found["left_out"].to_pylist()}
    assert (counts["left_out_errors"], counts["left_out_empty"]) == (2, 2)


def test_pairs_that_cannot_be_used_are_listed_and_skipped(tmp_path: Path) -> None:
    rows = ["red tea,a cup,1", ",a glass,1", "cold milk,a glass,much", "cold milk,a glass,1", "x", "red tea,a glass,0"]
    (tmp_path / "a.csv").write_text("\n".join(["query,passage,relevance", *rows]) + "\n")
    source = {"reader": "pairs", "path": "a.csv", "relevance": "relevance"}
    message = str(refusal(tmp_path, source, "retrieval"))
    assert [f"row {number}: " in message for number in range(2, 8)] == [False, True, True, False, True, False]
    found = tables(tmp_path, "retrieval", {**source, "on_error": "skip", "empty": "leave_out"})
    assert found["queries"].num_rows == 2 and found["qrels"].num_rows == 3
    counts = {row["check"]: row["count"] for row in KINDS["retrieval"].audit(found).to_pylist()}
    assert (counts["left_out_errors"], counts["left_out_empty"]) == (2, 1)


def test_options_of_delimited_files_are_not_ignored_where_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"query": "red tea", "passage": "a cup"}\n')
    error = refusal(tmp_path, {"reader": "pairs", "path": "a.jsonl", "delimiter": ";"}, "retrieval")
    assert "read as jsonl, which has no 'delimiter'" in error.reason
    with pytest.raises(ValueError, match="leave 'quoted' out"):
        texts(tmp_path, {"reader": "csv", "path": "a.csv", "delimiter": "::", "quoted": True})


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_split_that_is_not_named_is_refused_and_either_remedy_works(suffix: str, tmp_path: Path) -> None:
    rows = [(f"text {n}", "ab"[n % 2], ("train", "test")[n % 3 == 0]) for n in range(12)]
    if suffix == "csv":
        (tmp_path / "x.csv").write_text("text,label,Split\n" + "".join(f"{','.join(row)}\n" for row in rows))
    else:
        names = ("text", "label", "Split")
        (tmp_path / "x.jsonl").write_text("\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows))
    source = {"reader": suffix, "path": f"x.{suffix}", "label": "label"}
    adapter: TypeAdapter[Any] = TypeAdapter(ClassificationSource)

    def read(**changes: object) -> Any:
        return read_classification(adapter.validate_python({**source, **changes}), tmp_path, tmp_path)

    with pytest.raises(DataError, match=r"a column 'Split' that is not named; say 'split: Split' .* or 'split: false'"):
        read()
    assert set(read(split="Split")["split"].to_pylist()) == {"train", "test"}
    assert set(read(split=False)["split"].to_pylist()) == {None}
