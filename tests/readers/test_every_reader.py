"""Every line of a registry of readers is described, reads a small file, and refuses a damaged one with its place."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.options import PlacedSource
from emb_pipeline.readers.registry import READERS, CorpusSource, Reader
from emb_pipeline.tasks.examples.reader_page import reader_page
from emb_pipeline.tasks.registry import KINDS
from tests.readers.formats.test_question_answering import ANSWERS, JUDGED, PUBMED, XML
from tests.readers.mteb.copies import write_copies
from tests.readers.mutated_files import cases, parquet_of, tar_of, zip_of
from tests.tasks.retrieval.chat_server import start_shared

CORPUS = "corpus"


def lines() -> Iterator[tuple[str, Reader]]:
    """Each line, for what is read with it."""
    for reader in READERS.values():
        if reader.documents:
            yield CORPUS, reader
        if reader.labeled_texts:
            yield "classification", reader
    for name, kind in KINDS.items():
        for reader in kind.load_readers().values():
            yield name, reader


LINES = {f"{kind} from {reader.name}": (kind, reader) for kind, reader in lines()}


class Sample(NamedTuple):
    """Files that are read, one of them damaged, and the place that the refusal names."""

    files: dict[str, bytes]
    source: dict[str, Any]
    damaged: dict[str, bytes]
    place: str


SCORED = "".join(f"a {row}\tb {row}\t{row}\n" for row in range(14))
QUERIES, PASSAGES = "query_id,text\nq1,red ones\nq2,blue\n", "passage_id,text\np1,a red apple\np2,the sky\n"
BEIR = {
    "corpus.jsonl": b'{"_id": "p1", "title": "x", "text": "a red apple"}\n{"_id": "p2", "title": "y", "text": "sky"}\n',
    "queries.jsonl": b'{"_id": "q1", "text": "red ones"}\n{"_id": "q2", "text": "blue"}\n',
    "qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq1\tp1\t1\nq2\tp2\t1\n",
}
NUMPY = {"packages": ["numpy"]}
NOT_A_PACKAGE = "package 'nowhere'"
DAMAGED: dict[tuple[str, str], tuple[bytes, str]] = {
    (CORPUS, "csv"): (b"text\nfine\ntwo,fields\n", "a.csv, row 3"),
    (CORPUS, "tsv"): (b"text\nfine\ntwo\tfields\n", "a.tsv, row 3"),
    (CORPUS, "jsonl"): (b'{"text": "fine", "id": 1}\nno JSON\n', "a.jsonl, row 2"),
    (CORPUS, "parquet"): (b"no Parquet", "a.parquet"),
    (CORPUS, "text"): (b"caf\xe9", "a.txt, row 1"),
    (CORPUS, "iob"): (b"Le\tO\nno tag\n", "a.iob, row 2"),
    (CORPUS, "conllu"): (b"1\tLe\n", "a.conllu, row 1"),
    (CORPUS, "wikiextractor"): (b"outside\n", "wiki_00, row 1"),
    (CORPUS, "mediawiki_dump"): (b"<mediawiki>", "a.xml"),
    (CORPUS, "class_folders"): (b"no archive", "a.tar"),
    (CORPUS, "medquad"): (b"no archive", "a.tar"),
    (CORPUS, "qmsum"): (b"no archive", "a.tar"),
    (CORPUS, "reuters"): (b"no archive", "a.tar"),
    ("classification", "csv"): (b"text,label,part,id\none,a,train,1\ntwo,b\n", "a.csv, row 3"),
    ("classification", "jsonl"): (b"[]\n", "a.jsonl, row 1"),
    ("classification", "parquet"): (b"no Parquet", "a.parquet"),
    ("classification", "class_folders"): (b"PK\x03\x04", "a.zip"),
    ("classification", "fasttext"): (b"__label__a one\nno label\n", "a.txt, row 2"),
    ("classification", "labeled_lines"): (b"a one\nlabel\n", "a.txt, row 2"),
    ("sequence_labeling", "iob"): (b"Le\tO\ncaf\tNOUN\n", "a.iob, row 2"),
    ("sequence_labeling", "jsonl"): (b'{"tokens": ["a"], "tags": [], "part": "train"}\n', "a.jsonl, row 1"),
    ("sequence_labeling", "parquet"): (b"no Parquet", "a.parquet"),
    ("token_classification", "conllu"): (b"# text\n1\tLe\n", "a.conllu, row 2"),
    ("token_classification", "iob"): (b"Le\tDET\ncaf\n", "a.iob, row 2"),
    ("token_classification", "jsonl"): (b'{"tokens": ["a"], "tags": [], "part": "train"}\n', "a.jsonl, row 1"),
    ("token_classification", "parquet"): (b"no Parquet", "a.parquet"),
    ("retrieval", "pairs"): (b"query,passage\nq,p\n,p\n", "a.csv, row 3"),
    ("retrieval", "squad"): (b"{}", "a.json"),
    ("retrieval", "medquad"): (b"no archive", "a.tar"),
    ("retrieval", "qmsum"): (b"no archive", "a.tar"),
    ("extractive_qa", "squad"): (b"{}", "a.json"),
    ("recommendation", "interactions"): (b"user,item,timestamp,stars\nu,i,soon,5\n", "a.csv, row 2"),
    ("similarity", "csv"): (b"text_a,text_b,score\na,b,high\n", "a.csv, row 2"),
}
"""What stands in the file of the first of `cases` in its place, and where it is refused."""


def samples() -> dict[tuple[str, str], Sample]:
    """A sample for each line."""
    found = samples_of_files()
    of_rows = {kind: sample for (kind, reader), sample in found.items() if reader == "parquet"}
    made = chain.from_iterable(sample_made_rows(kind, sample) for kind, sample in of_rows.items())
    return {**found, **dict(made), **sample_mteb_tasks()}


def sample_mteb_tasks() -> dict[tuple[str, str], Sample]:
    """A task of MTEB for each kind, from a copy of its data."""
    tasks = {
        "classification": ("Banking77Classification", "banking"),
        "multi_label": ("BrazilianToxicTweetsClassification", "toxic"),
        "similarity": ("STSBenchmark", "sts"),
        "pair_classification": ("SprintDuplicateQuestions", "duplicates"),
        "retrieval": ("NFCorpus", "search"),
    }
    with TemporaryDirectory() as folder:
        write_copies(Path(folder))
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
        }
    return {
        (kind, "mteb"): Sample(
            {file: content for file, content in files.items() if file.startswith(f"{path}/")},
            {"reader": "mteb", "task": task, "path": path},
            {file: b"no JSON" for file in files if file.startswith(f"{path}/") and file.endswith(".jsonl")},
            task,
        )
        for kind, (task, path) in tasks.items()
    }


def sample_made_rows(kind: str, sample: Sample) -> Iterator[tuple[tuple[str, str], Sample]]:
    """The same rows as a query gives them, and as a data set of Hugging Face."""
    ((name, content),) = sample.files.items()
    written = {key: value for key, value in sample.source.items() if key not in ("path", "files", "splits")}
    if "splits" in sample.source or ("split" in written and kind != "classification"):
        written |= {"test_share": 0.4} if kind in ("sequence_labeling", "token_classification") else {}
        written.pop("split", None)
    query = f"SELECT * FROM '{name}'"
    names = pq.read_schema(pa.BufferReader(content)).metadata or {}
    labels = re.findall(r'"names": (\[.*?\])', names.get(b"huggingface", b"").decode())
    of_tokens = kind in ("sequence_labeling", "token_classification")
    named = {"label_names": json.loads(labels[0])} if labels and of_tokens else {}  # a query knows the numbers alone
    yield (
        (kind, "sql"),
        Sample(
            {name: content, "rows.sql": query.encode()},
            {**written, **named, "reader": "sql", "path": "rows.sql"},
            {"rows.sql": f"SELECT a_column_of_none\nFROM '{name}'".encode()},
            "rows.sql, line 1",
        ),
    )
    without = {key: value for key, value in written.items() if key != "split"}
    yield (
        (kind, "hf_dataset"),
        Sample(
            {"copy/train.parquet": content},
            {**without, "reader": "hf_dataset", "path": "copy"},
            {"copy/train.parquet": b"no Parquet"},
            "copy",
        ),
    )


def samples_of_files() -> dict[tuple[str, str], Sample]:
    """A sample for each line that reads files."""
    found: dict[tuple[str, str], Sample] = {}
    for case in cases():
        key = case.kind or CORPUS, case.source["reader"]
        if key not in found:
            content, place = DAMAGED[key]
            path = "." if "splits" in case.source else case.name
            found[key] = Sample({case.name: case.content}, {**case.source, "path": path}, {case.name: content}, place)
    rows = found["classification", "csv"].files["a.csv"]
    tsv = rows.replace(b", x", b"").replace(b",", b"\t")
    scored = [{"text_a": f"a {row}", "text_b": f"b {row}", "score": row} for row in range(14)]
    as_json = "".join(json.dumps(row) + "\n" for row in scored).encode()
    labeled = {name: found["classification", name] for name in ("labeled_lines", "fasttext")}
    tables = {"queries": "q.csv", "passages": "p.csv", "qrels": "j.csv"}
    own = {"q.csv": QUERIES.encode(), "p.csv": PASSAGES.encode(), "j.csv": b"query_id,passage_id\nq1,p1\nq2,p2\n"}
    pubmed = {"ori_pqal.json": json.dumps(PUBMED).encode(), "test_ground_truth.json": b'{"1": "yes", "2": "no"}'}
    judged = zip_of(
        {"x/answers.csv": ANSWERS.encode(), "x/qrels.txt": JUDGED.replace("2 1-Incorrect", "2 4-Excellent").encode()}
    )
    liveqa = {"questions.xml": XML.encode(), "judged.zip": judged}
    numbered = [{"text": f"the text of row {row}", "target": row / 4} for row in range(14)]
    no_number = {"text": "a text", "target": "high"}
    judged_pairs = [{"text_a": f"a {row}", "text_b": f"b {row}", "label": row % 2} for row in range(14)]
    third = [*judged_pairs[:2], {"text_a": "a", "text_b": "b", "label": 7}]
    docstrings = {
        (CORPUS, "docstrings"): {},
        ("classification", "docstring_subpackages"): {"min_examples": 20},
        ("retrieval", "docstring_retrieval"): {"max_queries": 50},
        ("similarity", "docstring_links"): {"max_links": 50},
        ("sequence_labeling", "docstring_mentions"): {"max_sentences": 500},
    }
    latin = b"caf\xe9\n"
    colors = "red green blue white black yellow brown pink grey orange purple teal".split()
    about = "A few words about it: how to begin, what to do next, and where to end."
    guides = {f"{color}.md": f"# The {color} guide\n\n{about}\n".encode() for color in colors}
    return {
        **found,
        **{(CORPUS, name): each._replace(damaged={"a.txt": latin}, place="a.txt, row 1") for name, each in labeled.items()},
        ("classification", "tsv"): Sample(
            {"a.tsv": tsv},
            {"reader": "tsv", "path": "a.tsv", "label": "label", "split": "part"},
            {"a.tsv": b"text\tlabel\tpart\none\ta\ttrain\ntwo\n"},
            "a.tsv, row 3",
        ),
        ("classification", "transfer"): Sample(
            {"a.csv": rows, "b.tsv": tsv},
            {
                "reader": "transfer",
                "train": {"reader": "csv", "path": "a.csv", "label": "label"},
                "test": {"reader": "tsv", "path": "b.tsv", "label": "label"},
            },
            {"b.tsv": b"text\tlabel\none\ta\ntwo\n"},
            "b.tsv, row 3",
        ),
        ("classification", "pubmedqa"): Sample(
            pubmed, {"reader": "pubmedqa", "path": "."}, {"ori_pqal.json": b"{"}, "ori_pqal.json"
        ),
        ("retrieval", "tables"): Sample(
            own, {"reader": "tables", **tables}, {"j.csv": b"query_id,passage_id\nq1,p9\n"}, "j.csv, row 2"
        ),
        ("retrieval", "beir"): Sample(
            BEIR, {"reader": "beir", "path": "."}, {"qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq1\tp1\tx\n"}, "test.tsv"
        ),
        (CORPUS, "documents"): Sample(guides, {"reader": "documents", "path": "."}, {"a.docx": b"PK\x03\x04"}, "a.docx"),
        ("retrieval", "titled_documents"): Sample(
            guides, {"reader": "titled_documents", "path": "."}, {"a.docx": b"PK\x03\x04"}, "a.docx"
        ),
        ("retrieval", "made_queries"): Sample(
            {"p.csv": PASSAGES.encode()},
            {"reader": "made_queries", "passages": "p.csv", "endpoint": {"base_url": start_shared().url, "model": "tiny"}},
            {"p.csv": b"passage_id,text\np1,\n"},
            "p.csv, row 2",
        ),
        ("retrieval", "liveqa"): Sample(
            liveqa, {"reader": "liveqa", "path": "."}, {"questions.xml": b"<Set>"}, "questions.xml"
        ),
        ("similarity", "tsv"): Sample(
            {"a.tsv": ("text_a\ttext_b\tscore\n" + SCORED).encode()},
            {"reader": "tsv", "path": "a.tsv"},
            {"a.tsv": b"text_a\ttext_b\tscore\na\tb\thigh\n"},
            "a.tsv, row 2",
        ),
        ("similarity", "jsonl"): Sample(
            {"a.jsonl": as_json},
            {"reader": "jsonl", "path": "a.jsonl"},
            {"a.jsonl": b'{"text_a": "a", "text_b": "b", "score": "high"}\n'},
            "a.jsonl, row 1",
        ),
        ("similarity", "parquet"): Sample(
            {"a.parquet": parquet_of(pa.Table.from_pylist(scored))},
            {"reader": "parquet", "path": "a.parquet"},
            {"a.parquet": b"no Parquet"},
            "a.parquet",
        ),
        **label_set_samples(),
        **{
            ("pair_classification", name): Sample(
                {f"a.{name}": write_rows(name, judged_pairs)},
                {"reader": name, "path": f"a.{name}"},
                {f"a.{name}": b"no Parquet" if name == "parquet" else write_rows(name, third)},
                f"a.{name}{rest}",
            )
            for name, rest in (("csv", ", row 4"), ("tsv", ", row 4"), ("jsonl", ", row 3"), ("parquet", ""))
        },
        **{
            ("regression", name): Sample(
                {f"a.{name}": write_rows(name, numbered)},
                {"reader": name, "path": f"a.{name}"},
                {f"a.{name}": b"no Parquet" if name == "parquet" else write_rows(name, [no_number])},
                f"a.{name}{rest}",
            )
            for name, rest in (("csv", ", row 2"), ("tsv", ", row 2"), ("jsonl", ", row 1"), ("parquet", ""))
        },
        **{
            key: Sample({}, {"reader": key[1], **NUMPY, **options}, {}, NOT_A_PACKAGE) for key, options in docstrings.items()
        },
    }


def write_rows(reader: str, rows: list[dict[str, Any]]) -> bytes:
    """Write rows as the files of a reader hold them."""
    if reader == "parquet":
        return parquet_of(pa.Table.from_pylist(rows))
    if reader == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    lines = [list(rows[0]), *(row.values() for row in rows)]
    return "".join({"csv": ",", "tsv": "\t"}[reader].join(map(str, line)) + "\n" for line in lines).encode()


def label_set_samples() -> dict[tuple[str, str], Sample]:
    """A sample for each reader of texts with any number of labels."""
    rows = [(f"a text of row {row}", ["red", "blue"] if row % 2 else ["red"] if row % 3 else []) for row in range(12)]
    written = {
        "csv": "".join(f"{text},{';'.join(labels)}\n" for text, labels in [("text", ["label"]), *rows]).encode(),
        "tsv": "".join(f"{text}\t{';'.join(labels)}\n" for text, labels in [("text", ["label"]), *rows]).encode(),
        "jsonl": "".join(json.dumps({"text": text, "label": labels}) + "\n" for text, labels in rows).encode(),
        "parquet": parquet_of(pa.Table.from_pylist([{"text": text, "label": labels} for text, labels in rows])),
    }
    damaged = {
        "csv": (b"text,label\na,b\n,c\n", "a.csv, row 3"),
        "tsv": (b"text\tlabel\na\tb\n\tc\n", "a.tsv, row 3"),
        "jsonl": (b'{"text": "a", "label": "red"}\n', "a.jsonl, row 1"),
        "parquet": (b"no Parquet", "a.parquet"),
    }
    found = {
        ("multi_label", name): Sample(
            {f"a.{name}": content},
            {
                "reader": name,
                "path": f"a.{name}",
                "label": "label",
                **({"separator": ";"} if name in ("csv", "tsv") else {}),
            },
            {f"a.{name}": damaged[name][0]},
            damaged[name][1],
        )
        for name, content in written.items()
    }
    article = (
        '<REUTERS TOPICS="YES" LEWISSPLIT="{}" NEWID="{}"><TOPICS><D>{}</D></TOPICS>'
        "<TEXT><TITLE>{}</TITLE><BODY>words of {}</BODY></TEXT></REUTERS>"
    )
    articles = "".join(
        article.format(
            "TEST" if row % 2 else "TRAIN", row, "earn" if row % 4 < 2 else "grain", f"title {row}", f"text {row}"
        )
        for row in range(12)
    )
    texts = {f"text/{row}.txt": f"one thing {row}\nanother {row}\n".encode() for row in range(6)}
    labels = {f"labels/{row}.txt": b"< <Growth--x AND Death" if row % 2 else b"<Death <NULL" for row in range(6)}
    return {
        **found,
        ("multi_label", "reuters"): Sample(
            {"a.tar": tar_of({"reut2-000.sgm": articles.encode()})},
            {"reader": "reuters", "path": "a.tar", "both_parts": True},
            {"a.tar": b"no archive"},
            "a.tar",
        ),
        ("multi_label", "hallmarks"): Sample(
            {"a.tar": tar_of({**texts, **labels})},
            {"reader": "hallmarks", "path": "a.tar"},
            {"a.tar": tar_of({**texts, **labels, "labels/3.txt": b"<Death"})},
            "a.tar, abstract 3",
        ),
    }


def read(kind: str, source: dict[str, Any], project: Path, raw: Path) -> int:
    """Read, with everything that ingest does; the number of rows comes back."""
    if kind == CORPUS:
        return len(list(read_documents([TypeAdapter[Any](CorpusSource).validate_python(source)], raw, project)))
    reader = KINDS[kind].create_reader()
    tables = reader.read(TypeAdapter[Any](reader.source_type).validate_python(source), raw, project, "task")
    return sum(table.num_rows for table in tables.values())


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of raw data: the docstrings of a package are parsed once."""
    return tmp_path_factory.mktemp("raw")


@pytest.mark.parametrize("line", LINES)
def test_a_reader_is_described(line: str) -> None:
    _, reader = LINES[line]
    assert reader.options.model_fields["reader"].default == reader.name
    assert len(inspect.getdoc(reader.options) or "") > 10 and "__doc__" in vars(reader.options)
    assert all(field.description for name, field in reader.options.model_fields.items() if name != "reader")
    assert f"## `{reader.name}`" in reader_page()


@pytest.mark.parametrize("line", LINES)
def test_what_a_line_names_is_there(line: str) -> None:
    _, reader = LINES[line]
    places = (reader.documents, reader.labeled_texts, reader.rows, reader.examples, reader.first_rows)
    assert any(places)
    for module, _, name in (place.partition(":") for place in places if place):
        assert callable(getattr(import_module(f"emb_pipeline.{module}"), name))
    assert set(reader.reads) <= set(READERS)


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_small_file_is_read(line: str, tmp_path: Path, raw: Path) -> None:
    kind, reader = LINES[line]
    sample = samples()[kind, reader.name]
    write(tmp_path, sample.files)
    assert read(kind, sample.source, tmp_path, raw) > 0


@pytest.mark.parametrize("line", LINES)
def test_a_damaged_file_is_refused_with_its_place(line: str, tmp_path: Path, raw: Path) -> None:
    kind, reader = LINES[line]
    sample = samples()[kind, reader.name]
    write(tmp_path, {**sample.files, **sample.damaged})
    source = (
        sample.source
        if issubclass(reader.options, PlacedSource) or sample.files
        else {**sample.source, "packages": ["nowhere"]}
    )
    with pytest.raises(DataError) as refused:
        read(kind, source, tmp_path, raw)
    assert sample.place in refused.value.place and refused.value.reason and refused.value.remedy
