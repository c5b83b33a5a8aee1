"""Each reader, with a well-formed file and with malformed ones."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.public_data import fetch as downloads
from emb_pipeline.readers.public_data.public_sources import PublicSource, SourceFile
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.classification.reader import ClassificationSource, read_classification
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables
from emb_pipeline.tasks.retrieval.reader import RetrievalSource, read_retrieval


def documents(project: Path, *sources: Mapping[str, Any]) -> list[tuple[str, str]]:
    parsed = [TypeAdapter[Any](CorpusSource).validate_python(source) for source in sources]
    return list(read_documents(parsed, project / "data/01_raw", project))


def classification(project: Path, **source: Any) -> list[tuple[str, str, str, str | None]]:
    table = read_classification(
        TypeAdapter[Any](ClassificationSource).validate_python(source), project / "data/01_raw", project
    )
    assert table.column_names == ["example_id", "text", "label", "split"]
    return [tuple(row.values()) for row in table.to_pylist()]


def retrieval(project: Path, **source: Any) -> RetrievalTables:
    return read_retrieval(TypeAdapter[Any](RetrievalSource).validate_python(source), project / "data/01_raw", project)


def tar(path: Path, members: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


CLASSES = {
    "set/training/heart/1": b"pain in the chest",
    "set/training/heart/2": b"pulse",
    "set/training/skin/3": b"rash",
    "set/test/skin/4": b"caf\xe9 burn",
    "set/readme": b"not a text",
}


# csv and tsv


def test_csv_rows_become_documents_and_fields_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        '\ufefftitle,abstract\n"Heart, and ""skin""","one\ntwo"\n,\nonly a title,\n', encoding="utf-8"
    )
    assert documents(tmp_path, {"reader": "csv", "path": "a.csv", "text": ["title", "abstract"]}) == [
        ("a.csv:a.csv:2", 'Heart, and "skin"\none\ntwo'),
        ("a.csv:a.csv:4", "only a title"),
    ]


def test_csv_may_have_another_delimiter_encoding_and_no_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("1;Café\n2;Thé\n".encode("latin-1"))
    assert documents(
        tmp_path,
        {
            "reader": "csv",
            "path": "a.csv",
            "text": "title",
            "id": "key",
            "columns": ["key", "title"],
            "delimiter": ";",
            "encoding": "latin-1",
        },
    ) == [("a.csv:1", "Café"), ("a.csv:2", "Thé")]


def test_compressed_csv_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"text\nhello there\n"))
    assert documents(tmp_path, {"reader": "csv", "path": "a.csv.gz"}) == [("a.csv.gz:a.csv.gz:2", "hello there")]


def test_utf16_is_read_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nhéllo\n", encoding="utf-16")
    assert [text for _, text in documents(tmp_path, {"reader": "csv", "path": "a.csv", "encoding": "utf-16"})] == ["héllo"]


def test_tsv_takes_quotes_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('id\ttext\n1\t"quoted" and "open\n', encoding="utf-8")
    assert documents(tmp_path, {"reader": "tsv", "path": "a.tsv", "id": "id"}) == [("a.tsv:1", '"quoted" and "open')]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title\nx\n", r"a\.csv, row 1: there is no column 'text'; name one of \['title'\]"),
        (b"", r"a\.csv: the file is empty"),
        (b"id,text\n1,a\n2,b,c\n", r"a\.csv, row 3: it has 3 fields and the header 2"),
        (b'text\nfine\n"never closed\n', r"a\.csv, row 3: the row cannot be read \(unexpected end of data\)"),
        (b"text\nfine\nbr\xffken\n", r"a\.csv, row 3: byte 12 \(0xff\) is not valid UTF-8; .*'encoding: latin-1'"),
        (b"text,text\na,b\n", r"a\.csv, row 1: two columns are called 'text'"),
    ],
)
def test_bad_csv_is_refused_with_file_row_and_way_out(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        documents(tmp_path, {"reader": "csv", "path": "a.csv"})


def test_a_repeated_id_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,a\n1,b\n")
    with pytest.raises(DataError, match=r"row 3: id '1' stands there a second time"):
        documents(tmp_path, {"reader": "csv", "path": "a.csv", "id": "id"})


# jsonl and parquet


def test_json_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one", "n": 1}\n\n{"text": null}\n{"text": 3}\n')
    assert documents(tmp_path, {"reader": "jsonl", "path": "a.jsonl"}) == [
        ("a.jsonl:a.jsonl:1", "one"),
        ("a.jsonl:a.jsonl:4", "3"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{"text": ', r"a\.jsonl, row 2: it is not JSON"),
        ('["text"]\n', r"a\.jsonl, row 1: it is not a JSON object"),
        ('{"txt": "a"}\n', r"a\.jsonl, row 1: there is no column 'text'; name one of \['txt'\]"),
        ('{"text": [["a"]]}\n', r"a\.jsonl, row 1: column 'text' holds a list of other things than words"),
        ('{"text": {"a": 1}}\n', r"a\.jsonl, row 1: column 'text' holds a dict, not text"),
        ('{"text": "\\ud800"}\n', r"a\.jsonl, row 1: column 'text' holds half of a surrogate pair"),
    ],
)
def test_bad_json_lines_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(DataError, match=message):
        documents(tmp_path, {"reader": "jsonl", "path": "a.jsonl"})


def test_parquet_is_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one", None, "three"], "n": [1, 2, 3]}), tmp_path / "a.parquet")
    assert documents(tmp_path, {"reader": "parquet", "path": "a.parquet"}) == [
        ("a.parquet:a.parquet:1", "one"),
        ("a.parquet:a.parquet:3", "three"),
    ]


def test_bad_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"a\.parquet: it cannot be read as Parquet"):
        documents(tmp_path, {"reader": "parquet", "path": "a.parquet"})
    pq.write_table(pa.table({"txt": ["one"]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: there is no column 'text'; name one of \['txt'\]"):
        documents(tmp_path, {"reader": "parquet", "path": "b.parquet"})


# places


def test_a_folder_a_glob_and_files_inside_a_source_are_found(tmp_path: Path) -> None:
    for name in ("own/b.txt", "own/a.txt", "own/.hidden.txt", "data/01_raw/public/x/c.txt", "data/01_raw/public/readme"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    texts = documents(
        tmp_path,
        {"reader": "text", "path": "own"},
        {"reader": "text", "path": "own/*.txt", "document": "line"},
        {"reader": "text", "download": "public", "files": "**/*.txt"},
    )
    assert [text for _, text in texts] == [
        "own/a.txt",
        "own/b.txt",
        "own/.hidden.txt",
        "own/a.txt",
        "own/b.txt",
        "data/01_raw/public/x/c.txt",
    ]


def test_two_sources_of_one_file_give_distinct_ids(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,u\none,two\n")
    ids = [doc_id for doc_id, _ in documents(tmp_path, *({"reader": "csv", "path": "a.csv", "text": c} for c in "tu"))]
    assert ids == ["a.csv:a.csv:2", "a.csv~2:a.csv:2"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"path": "gone.txt"}, r"gone\.txt: there is no such file or folder"),
        ({"path": "*.md"}, r"\*\.md: there is no such file or folder"),
        ({"path": "s3://bucket/*.md"}, r"is a URL, and 'path' is a file or folder of this machine; .*\(reader: sql\)"),
        ({"path": "own", "files": "*.md"}, r"own: none of its files matches '\*\.md' \(it holds a\.txt"),
        ({"download": "imaginary"}, r"download: 'imaginary' is not among .*'medquad'"),
        ({"package": "no_such_package", "files": "a"}, r"package 'no_such_package': is not installed"),
        ({"package": "emb_pipeline"}, r"package 'emb_pipeline': no file in it is named"),
    ],
)
def test_a_place_where_nothing_is_is_refused(tmp_path: Path, place: dict[str, str], message: str) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/a.txt").write_text("a")
    with pytest.raises(DataError, match=message):
        documents(tmp_path, {"reader": "text", **place})


def test_a_public_source_is_fetched_when_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirror/public").mkdir(parents=True)
    (tmp_path / "mirror/public/a.csv.gz").write_bytes(gzip.compress(b"text\nhello\n"))
    monkeypatch.setenv("EMB_PIPELINE_MIRROR", str(tmp_path / "mirror"))
    sha256 = hashlib.sha256(b"text\nhello\n").hexdigest()
    public = PublicSource("public", "a set", "CC0", (SourceFile("a.csv", "http://127.0.0.1:9/a.csv", 11, sha256),))
    monkeypatch.setattr(downloads, "public_sources", lambda: {"public": public})
    monkeypatch.setattr("emb_pipeline.readers.files.named_files.public_sources", lambda: {"public": public})
    assert documents(tmp_path, {"reader": "csv", "download": "public", "files": "*.csv"}) == [("public:a.csv:2", "hello")]
    assert (tmp_path / "data/01_raw/public/a.csv").is_file()


# plain text, WikiExtractor, MediaWiki, IOB


def test_a_document_is_a_file_a_block_or_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n\n\nthree\n")
    read = {
        how: documents(tmp_path, {"reader": "text", "path": "a.txt", "document": how}) for how in ("file", "block", "line")
    }
    assert read["file"] == [("a.txt:a.txt", "one\ntwo\n\n\nthree\n")]
    assert read["block"] == [("a.txt:a.txt:1", "one\ntwo\n"), ("a.txt:a.txt:5", "three\n")]
    assert read["line"] == [("a.txt:a.txt:1", "one\n"), ("a.txt:a.txt:2", "two\n"), ("a.txt:a.txt:5", "three\n")]


@pytest.mark.parametrize("how", ["file", "block", "line"])
def test_text_in_another_encoding_is_refused_with_line_and_byte(tmp_path: Path, how: str) -> None:
    (tmp_path / "a.txt").write_bytes(b"fine\ncaf\xe9\n")
    with pytest.raises(DataError, match=r"a\.txt, (row|line) 2: byte 8 \(0xe9\) is not valid UTF-8"):
        documents(tmp_path, {"reader": "text", "path": "a.txt", "document": how})
    with pytest.raises(DataError, match="there is no encoding 'utf-9'"):
        documents(tmp_path, {"reader": "text", "path": "a.txt", "document": how, "encoding": "utf-9"})


def test_wikiextractor_lines_become_paragraphs(tmp_path: Path) -> None:
    article = '<doc id="12" url="u" title="Cat">\nCat\n\nA cat is an animal.\nIt sleeps &amp; eats.\n</doc>\n'
    (tmp_path / "wiki_00.bz2").write_bytes(bz2.compress(article.encode()))
    assert documents(tmp_path, {"reader": "wikiextractor", "path": "wiki_00.bz2"}) == [
        ("wiki_00.bz2:12", "Cat\n\nA cat is an animal.\n\nIt sleeps & eats.")
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<doc id="1">\ntext\n', "row 2: article 1 does not end"),
        ('<doc id="1">\n<doc id="2">\n', "row 2: an article starts before the last one ended"),
        ("just text\n", "row 1: text stands outside"),
    ],
)
def test_broken_wikiextractor_output_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "wiki_00").write_text(content)
    with pytest.raises(DataError, match=message):
        documents(tmp_path, {"reader": "wikiextractor", "path": "wiki_00"})


DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">
{}</mediawiki>"""
PAGE = "<page><title>{}</title><ns>{}</ns><id>{}</id><revision><id>9</id><text>{}</text></revision></page>\n"


def test_a_dump_gives_plain_sentences_of_articles_only(tmp_path: Path) -> None:
    pages = [
        ("Cat", 0, 1, "A '''cat''' is an [[animal]]. It {{cn}} sleeps.\n\n== Food ==\n* Mice, [[fish|some fish]]."),
        ("Felis", 0, 2, "#REDIRECT [[Cat]]"),
        ("Talk:Cat", 1, 3, "Is it?"),
    ]
    (tmp_path / "dump.xml.bz2").write_bytes(
        bz2.compress(DUMP.format("".join(PAGE.format(*page) for page in pages)).encode())
    )
    assert documents(tmp_path, {"reader": "mediawiki_dump", "path": "dump.xml.bz2"}) == [
        ("dump.xml.bz2:1", "A cat is an animal. It  sleeps.\n\nFood\n\nMice, some fish.")
    ]


def test_a_dump_that_breaks_off_is_refused(tmp_path: Path) -> None:
    whole = bz2.compress(DUMP.format(PAGE.format("Cat", 0, 1, "A cat.")).encode())
    (tmp_path / "dump.xml.bz2").write_bytes(whole[:-20])
    (tmp_path / "dump.xml").write_text("<mediawiki><page>")
    for name in ("dump.xml.bz2", "dump.xml"):
        with pytest.raises(DataError, match=name):
            documents(tmp_path, {"reader": "mediawiki_dump", "path": name})


def test_iob_sentences_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("The\tO\nIL\tB-GENE\n\nthe\tO\nil\tO\n\nOther\tO\n")
    assert documents(tmp_path, {"reader": "iob", "path": "a.tsv"}) == [
        ("a.tsv:a.tsv:1", "The IL"),
        ("a.tsv:a.tsv:7", "Other"),
    ]


def test_an_iob_line_without_a_tag_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("The\tO\nIL\n")
    with pytest.raises(DataError, match=r"a\.tsv, row 2: it is not a token, a tab and a tag"):
        documents(tmp_path, {"reader": "iob", "path": "a.tsv"})


# labelled texts


def test_labelled_rows_without_a_split_have_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,x\nb,x\nc,y\nd,y\n")
    assert classification(tmp_path, reader="csv", path="a.csv", label="label")[0] == ("a.csv:2", "a", "x", None)


def test_a_split_comes_from_a_column_or_from_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label,part\na,x,train\nb,y,Training\nc,x,dev\nd,y,test\n")
    assert [row[3] for row in classification(tmp_path, reader="csv", path="a.csv", label="label", split="part")] == [
        "train",
        "train",
        "validation",
        "test",
    ]
    (tmp_path / "set").mkdir()
    (tmp_path / "set/tr.csv").write_text("text,label\na,x\nb,y\n")
    (tmp_path / "set/te.csv").write_text("text,label\nc,x\nd,y\n")
    rows = classification(tmp_path, reader="csv", path="set", label="label", splits={"train": "tr.csv", "test": "te.csv"})
    assert [(row[0], row[3]) for row in rows] == [
        ("tr.csv:2", "train"),
        ("tr.csv:3", "train"),
        ("te.csv:2", "test"),
        ("te.csv:3", "test"),
    ]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("text,label\na,x\n ,y\n", {}, r"a\.csv, row 3: the text is empty"),
        ("text,label\na,x\nb,\n", {}, r"a\.csv, row 3: the label is empty"),
        (
            "text,label\na,x\nb,z\n",
            {"labels": ["x", "y"]},
            r"a\.csv, row 3: label 'z' is not among \['x', 'y'\]; add it under 'labels'",
        ),
        ("text,label\na,x\nb,x\nc,y\n", {}, r"a\.csv, row 4: class 'y' has this one example"),
        ("text,label\na,x\nb,x\n", {}, r"a\.csv: there is only the class 'x'"),
        ("text,label\n", {}, r"a\.csv: there is no example"),
        ("text,label,id\na,x,1\nb,y,1\n", {"id": "id"}, r"a\.csv, row 3: id '1' was used by a\.csv, row 2"),
        ("text,label,s\na,x,train\nb,y,train\n", {"split": "s"}, r"a\.csv: the split 'test' has no example"),
        ("text,label,s\na,x,train\nb,y,later\n", {"split": "s"}, r"a\.csv, row 3: split 'later' is not among"),
        ("text,topic\na,x\n", {}, r"a\.csv, row 1: there is no column 'label'; name one of \['text', 'topic'\]"),
    ],
)
def test_labelled_rows_that_cannot_be_used_are_refused(
    tmp_path: Path, content: str, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        classification(tmp_path, reader="csv", path="a.csv", label="label", **options)


def test_a_task_needs_a_label_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no label column is named"):
        classification(tmp_path, reader="csv", path="a.csv")


def test_a_group_column_is_read_beside_the_labels(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label,product\na,x,1\nb,y,1\nc,x,2\nd,y,2\n")
    source = TypeAdapter[Any](ClassificationSource).validate_python(
        {"reader": "csv", "path": "a.csv", "label": "label", "group": "product"}
    )
    assert read_classification(source, tmp_path, tmp_path)["group"].to_pylist() == ["1", "1", "2", "2"]
    (tmp_path / "a.csv").write_text("text,label,product\na,x,1\nb,y,\n")
    with pytest.raises(DataError, match=r"a\.csv, row 3: the group is empty; give each example a group"):
        read_classification(source, tmp_path, tmp_path)


def test_small_classes_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"{label} {i},{label}\n" for label in "xy" for i in range(3)))
    with (tmp_path / "a.csv").open("a") as file:
        file.write("alone,z\ntwo,w\nof them,w\n")
    rows = classification(tmp_path, reader="csv", path="a.csv", label="label", min_examples=3)
    assert [row[2] for row in rows] == ["x"] * 3 + ["y"] * 3
    with pytest.raises(DataError, match=r"a\.csv: there is no example of 4 examples or more"):
        classification(tmp_path, reader="csv", path="a.csv", label="label", min_examples=4)


def test_ranges_of_a_sample_share_no_row_and_lose_none_and_keep_equal_values_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,product\n" + "".join(f"title {i},{i % 50}\n" for i in range(200)))
    low, high = (
        {text for _, text in documents(tmp_path, {"reader": "csv", "path": "a.csv", "sample": {"by": "product", **part}})}
        for part in ({"high": 0.5}, {"low": 0.5})
    )
    assert not low & high and len(low | high) == 200
    products = [{int(text.split()[1]) % 50 for text in part} for part in (low, high)]
    assert not products[0] & products[1]
    assert 60 <= len(low) <= 140
    alone = documents(tmp_path, {"reader": "csv", "path": "a.csv", "sample": {"high": 0.5}})
    assert 60 <= len(alone) <= 140


# a label and a text on each line

# Byte 0x85 is NEL, a line break to Python's splitlines, in Latin-1.
LINES = b"0 simplistic , silly\x85 and tedious . \n1 caf\xe9 noir\n1 so good\n0 \xa0\n0 no\n"


def test_the_former_name_of_a_reader_works_and_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.txt").write_text("0 bad\n1 good\n" * 3)
    rows = [classification(tmp_path, reader=name, path="a.txt") for name in ("labeled_lines", *["labelled_lines"] * 2)]
    assert rows[0] == rows[1] == rows[2]
    assert caplog.text.count("reader 'labelled_lines' is called 'labeled_lines' now") == 1


def test_labeled_lines_are_split_once_and_keep_what_only_looks_like_a_line_break(tmp_path: Path) -> None:
    (tmp_path / "a.all").write_bytes(LINES)
    rows = classification(tmp_path, reader="labeled_lines", path="a.all", encoding="latin-1", empty="leave_out")
    assert rows == [
        ("a.all:1", "simplistic , silly\x85 and tedious .", "0", None),
        ("a.all:2", "café noir", "1", None),
        ("a.all:3", "so good", "1", None),
        ("a.all:5", "no", "0", None),
    ]


def test_the_label_may_stand_last_behind_another_separator_and_files_may_be_splits(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("one\ttwo\tx\nthree\ty\n")
    (tmp_path / "test").write_text("four\tx\nfive\ty\n")
    source = {"reader": "labeled_lines", "label": "last", "separator": "\t"}
    rows = classification(tmp_path, **source, path=".", splits={"train": "train", "test": "test"})
    assert [row[1:] for row in rows] == [
        ("one\ttwo", "x", "train"),
        ("three", "y", "train"),
        ("four", "x", "test"),
        ("five", "y", "test"),
    ]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (
            LINES,
            {"encoding": "latin-1"},
            r"a\.all, row 4: the text is empty; fill it in or drop the row, or say 'empty: leave_out'",
        ),
        (LINES, {}, r"a\.all, row 1: byte 20 \(0x85\) is not valid UTF-8; .*'encoding: latin-1'"),
        (b"0 bad\nword\n", {}, r"a\.all, row 2: 'word' has no ' ' between label and text; write both on each line"),
        (b"0 bad\n nice\n", {}, r"a\.all, row 2: the label is empty"),
        (b"0 bad\nquite nice\n", {"labels": ["0", "1"]}, r"a\.all, row 2: label 'quite' is not among \['0', '1'\]"),
        (b"0 bad\n1 good\n", {"splits": {"train": "a.all", "test": "b.all"}}, r"none of its files matches 'b\.all'"),
    ],
)
def test_labeled_lines_that_cannot_be_used_are_refused(
    tmp_path: Path, content: bytes, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.all").write_bytes(content)
    with pytest.raises(DataError, match=message):
        classification(tmp_path, reader="labeled_lines", path="set", **options)


def test_html_in_texts_goes_where_that_is_asked_for(tmp_path: Path) -> None:
    # As IMDB's archive has it.
    tar(
        tmp_path / "reviews.tar",
        {
            "train/pos/0_9.txt": b"Great &amp; <i>short</i>.<br /><br />I <3 it, 1 < 2",
            "train/neg/1_1.txt": b"Bad.<BR>Really.",
            "test/pos/2_8.txt": b"good",
            "test/neg/3_2.txt": b"poor",
        },
    )
    source = {"reader": "class_folders", "path": "reviews.tar", "splits": {"train": "train", "test": "test"}}
    assert [row[1] for row in classification(tmp_path, **source, html=True)][:2] == [
        "Great &  short .\n\nI <3 it, 1 < 2",
        "Bad.\nReally.",
    ]
    assert "<br />" in classification(tmp_path, **source)[0][1]
    corpus = documents(tmp_path, {"reader": "class_folders", "path": "reviews.tar", "html": True})
    assert [text for _, text in corpus][1] == "Bad.\nReally."


def test_files_of_class_folders_can_be_sampled(tmp_path: Path) -> None:
    tar(tmp_path / "set.tar", {f"{label}/{i}": b"text" for label in "xy" for i in range(60)})
    low, high = (
        {row[0] for row in classification(tmp_path, reader="class_folders", path="set.tar", sample=part)}
        for part in ({"high": 0.3}, {"low": 0.3})
    )
    assert not low & high and len(low | high) == 120
    assert 20 <= len(low) <= 52


def test_class_folders_are_read_alike_from_a_folder_a_tar_and_a_zip(tmp_path: Path) -> None:
    more = CLASSES | {"set/test/heart/5": b"beat"}
    for name, content in more.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    tar(tmp_path / "set.tar.gz", more)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, content in more.items():
            archive.writestr(name, content)
    read = {
        path: sorted(
            row[1:]
            for row in classification(
                tmp_path, reader="class_folders", path=path, encoding="latin-1", splits={"train": "training", "test": "test"}
            )
        )
        for path in ("set", "set.tar.gz", "set.zip")
    }
    assert (
        read["set"]
        == read["set.tar.gz"]
        == read["set.zip"]
        == [
            ("beat", "heart", "test"),
            ("café burn", "skin", "test"),
            ("pain in the chest", "heart", "train"),
            ("pulse", "heart", "train"),
            ("rash", "skin", "train"),
        ]
    )


@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        (CLASSES, {"splits": {"train": "training", "validation": "dev"}}, "the split 'validation' has no example"),
        (CLASSES, {}, r"set\.tar, member set/test/skin/4, line 1: byte 3 \(0xe9\) is not valid UTF-8"),
        (CLASSES, {"encoding": "latin-1", "labels": ["heart", "lung"]}, "label 'skin' is not among"),
        ({"a/../../x/1": b"a"}, {}, "member 'a/../../x/1' points outside the archive"),
        ({"/etc/x/1": b"a"}, {}, "member '/etc/x/1' points outside the archive"),
    ],
)
def test_class_folders_that_cannot_be_used_are_refused(
    tmp_path: Path, members: dict[str, bytes], options: dict[str, Any], message: str
) -> None:
    tar(tmp_path / "set.tar", members)
    with pytest.raises(DataError, match=message):
        classification(tmp_path, reader="class_folders", path="set.tar", **options)


@pytest.mark.parametrize("name", ["set.tar.gz", "set.zip"])
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str) -> None:
    tar(tmp_path / "whole.tar.gz", CLASSES)
    (tmp_path / name).write_bytes((tmp_path / "whole.tar.gz").read_bytes()[:60])
    with pytest.raises(DataError, match=f"{name}: the archive cannot be read"):
        classification(tmp_path, reader="class_folders", path=name)


# retrieval


def write_tables(folder: Path, queries: str, passages: str, qrels: str) -> dict[str, str]:
    for name, content in (("q.csv", queries), ("p.jsonl", passages), ("r.tsv", qrels)):
        (folder / name).write_text(content)
    return {"reader": "tables", "queries": "q.csv", "passages": "p.jsonl", "qrels": "r.tsv"}


QUERIES = "query_id,text\nq1,what is it\nq2,why\n"
PASSAGES = "".join(json.dumps({"passage_id": f"p{i}", "text": f"passage {i}"}) + "\n" for i in (1, 2))


def test_queries_passages_and_graded_judgments_are_read(tmp_path: Path) -> None:
    tables = retrieval(
        tmp_path,
        **write_tables(tmp_path, QUERIES, PASSAGES, "query_id\tpassage_id\trelevance\nq1\tp1\t2\nq2\tp1\t0\nq2\tp2\t1\n"),
    )
    assert tables.queries.to_pydict() == {"query_id": ["q1", "q2"], "text": ["what is it", "why"], "split": ["test", "test"]}
    assert sorted(tables.passages.to_pylist(), key=lambda row: row["passage_id"]) == [
        {"passage_id": "p1", "text": "passage 1"},
        {"passage_id": "p2", "text": "passage 2"},
    ]
    assert tables.qrels.to_pydict() == {
        "query_id": ["q1", "q2", "q2"],
        "passage_id": ["p1", "p1", "p2"],
        "relevance": [2, 0, 1],
    }
    assert tables.qrels.schema.field("relevance").type == pa.float32()


def test_judgments_without_a_grade_are_relevant(tmp_path: Path) -> None:
    tables = retrieval(tmp_path, **write_tables(tmp_path, QUERIES, PASSAGES, "query_id\tpassage_id\nq1\tp1\n"))
    assert tables.qrels["relevance"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("queries", "passages", "qrels", "message"),
    [
        (QUERIES, PASSAGES, "query_id\tpassage_id\nq1\tp9\n", r"r\.tsv, row 2: passage 'p9' is not in p\.jsonl"),
        (QUERIES, PASSAGES, "query_id\tpassage_id\nq1\tp1\nq9\tp1\n", r"r\.tsv, row 3: query 'q9' is not in q\.csv"),
        (QUERIES, PASSAGES, "query_id\tpassage_id\nq1\tp1\nq1\tp1\n", r"r\.tsv, row 3: .* are judged a second time"),
        (
            QUERIES,
            PASSAGES,
            "query_id\tpassage_id\trelevance\nq1\tp1\tyes\n",
            r"r\.tsv, row 2: relevance 'yes' is no number",
        ),
        (QUERIES, PASSAGES, "query_id\tpassage_id\n", r"r\.tsv: there is no judgment"),
        (
            QUERIES + "q1,again\n",
            PASSAGES,
            "query_id\tpassage_id\nq1\tp1\n",
            r"q\.csv, row 4: query_id 'q1' stands there a second time",
        ),
        (QUERIES + "q3,\n", PASSAGES, "query_id\tpassage_id\nq1\tp1\n", r"q\.csv, row 4: the text of 'q3' is empty"),
        (
            QUERIES,
            PASSAGES + '{"passage_id": "", "text": "x"}',
            "query_id\tpassage_id\n",
            r"p\.jsonl, row 3: 'passage_id' is empty",
        ),
    ],
)
def test_retrieval_tables_that_do_not_fit_together_are_refused(
    tmp_path: Path, queries: str, passages: str, qrels: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        retrieval(tmp_path, **write_tables(tmp_path, queries, passages, qrels))


def test_a_query_that_repeats_in_pairs_has_all_its_passages_as_answers(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("question,answer\nWhat?,one\nwhat,two\nWhy?,One\n")
    tables = retrieval(tmp_path, reader="pairs", path="x.csv", query="question", passage="answer")
    assert tables.queries.select(["query_id", "text"]).to_pydict() == {
        "query_id": ["q:x.csv:2", "q:x.csv:4"],
        "text": ["What?", "Why?"],
    }
    passages = dict(zip(*tables.passages.to_pydict().values(), strict=True))
    assert passages == {"p:x.csv:2": "one", "p:x.csv:3": "two"}
    assert list(zip(*tables.qrels.to_pydict().values(), strict=True)) == [
        ("q:x.csv:2", "p:x.csv:2", 1),
        ("q:x.csv:2", "p:x.csv:3", 1),
        ("q:x.csv:4", "p:x.csv:2", 1),
    ]


def test_some_queries_can_be_sampled_while_all_passages_stay(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("query,passage\n" + "".join(f"question {i},answer {i}\n" for i in range(20)))
    tables = retrieval(tmp_path, reader="pairs", path="x.csv", max_queries=5)
    assert (tables.queries.num_rows, tables.passages.num_rows, tables.qrels.num_rows) == (5, 20, 5)
    assert tables.queries.equals(retrieval(tmp_path, reader="pairs", path="x.csv", max_queries=5).queries)
    answers = tables.passages["text"].to_pylist()
    assert answers != sorted(answers, key=lambda text: int(text.split()[1]))  # of the file, whose order may tell


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "query,passage\nwhat,\n", r"x\.csv, row 2: the passage is empty"),
        ("x.csv", "query,passage\n", r"x\.csv: there is no pair"),
        ("x.csv", "q,passage\n", r"there is no column 'query'; name one of \['q', 'passage'\]"),
        ("x.xls", "", r"its suffix is not \.csv"),
    ],
)
def test_pairs_that_cannot_be_used_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        retrieval(tmp_path, reader="pairs", path=name)


QA = (
    '<Document><QAPairs><QAPair pid="1"><Question qid="7-1" qtype="information">What is it ?</Question>'
    "<Answer>{}</Answer></QAPair></QAPairs></Document>"
)


def test_further_queries_of_pairs_are_for_training_and_not_evaluated(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("query,passage\n" + "".join(f"what {row}?,it is {row}\n" for row in range(9)))
    tables = retrieval(tmp_path, reader="pairs", path="x.csv", max_queries=4, training_queries=3)
    assert sorted(tables.queries["split"].to_pylist()) == ["test"] * 4 + ["train"] * 3
    assert (tables.qrels.num_rows, tables.passages.num_rows) == (7, 9)
    assert (tables.evaluated().queries.num_rows, tables.evaluated().qrels.num_rows) == (4, 4)
    alone = retrieval(tmp_path, reader="pairs", path="x.csv", max_queries=4)
    assert alone.queries["text"].to_pylist() == tables.evaluated().queries["text"].to_pylist()


def test_a_split_column_of_own_queries_says_which_are_for_training(tmp_path: Path) -> None:
    places = write_tables(
        tmp_path,
        "query_id,text,part\nq1,what,train\nq2,why,test\n",
        '{"passage_id": "p1", "text": "so"}\n',
        "query_id\tpassage_id\nq1\tp1\nq2\tp1\n",
    )
    tables = retrieval(tmp_path, **places, split="part")
    assert tables.queries["split"].to_pylist() == ["train", "test"]
    with pytest.raises(DataError, match="split 'q1' is not among"):
        retrieval(tmp_path, **{**places, "split": "query_id"})


def test_answered_medquad_pairs_are_passages_and_documents(tmp_path: Path) -> None:
    tar(tmp_path / "m.tar", {"1_A_QA/7.xml": QA.format("An illness.").encode(), "2_B_QA/7.xml": QA.format("").encode()})
    tables = retrieval(tmp_path, reader="medquad", path="m.tar")
    assert tables.queries.to_pydict() == {"query_id": ["q:1_A_QA/7-1"], "text": ["What is it ?"], "split": ["test"]}
    assert tables.passages.to_pydict() == {"passage_id": ["p:1_A_QA/7-1"], "text": ["An illness."]}
    assert documents(tmp_path, {"reader": "medquad", "path": "m.tar"}) == [("m.tar:1_A_QA/7-1", "An illness.")]


def test_a_sample_of_medquad_has_the_same_pairs_as_documents_and_as_answers(tmp_path: Path) -> None:
    pairs = {f"1_A_QA/{row}.xml": QA.replace("7-1", f"{row}-1").format(f"Illness {row}.").encode() for row in range(40)}
    tar(tmp_path / "m.tar", pairs)
    source = {"reader": "medquad", "path": "m.tar", "sample": {"high": 0.5}}
    answers = retrieval(tmp_path, **source).passages["text"].to_pylist()
    assert 5 < len(answers) < 35
    assert sorted(answers) == sorted(text for _, text in documents(tmp_path, source))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<Document><QAPairs>", r"m\.tar, member 1_A_QA/7\.xml: it is not XML"),
        (b'<!DOCTYPE d [<!ENTITY a "aaa">]><d>&a;</d>', "it declares entities of its own"),
    ],
)
def test_bad_medquad_xml_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    tar(tmp_path / "m.tar", {"1_A_QA/7.xml": content})
    with pytest.raises(DataError, match=message):
        retrieval(tmp_path, reader="medquad", path="m.tar")
