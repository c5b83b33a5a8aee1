"""Files of every reader, damaged at random: what the tests try a few hundred of, and a benchmark thousands."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.examples.first_rows import check_first_rows
from emb_pipeline.tasks.registry import KINDS

ROWS = [(f"text number {row} with café", "ab"[row % 2], ("train", "test")[row % 3 == 0], row) for row in range(12)]
TOKENS = [
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b",",
    b"\t",
    b"\n",
    b"\r",
    b"NaN",
    b"null",
    b"1e999",
    b"\\ud800",
    b"{",
    b"]}",
    b"<",
    b"&#x0;",
    b"</doc>",
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"9" * 400,
    b"1" + b"0" * 5000,
    b"[" * 3000,
    b"\xe2\x80\xa8",
    b"inf",
]


class Case(NamedTuple):
    """A well-formed file, the source that reads it, and the kind of task (None: a corpus)."""

    kind: str | None
    name: str
    content: bytes
    source: dict[str, Any]


def tar_of(members: Mapping[str, bytes], mode: Any = "w") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def zip_of(members: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def parquet_of(table: pa.Table) -> bytes:
    made = io.BytesIO()
    pq.write_table(table, made)
    return made.getvalue()


def _examples() -> pa.Table:
    texts, labels, parts, ids = (list(column) for column in zip(*ROWS, strict=True))
    tags = {"feature": {"names": ["O", "B-X"], "_type": "ClassLabel"}, "_type": "Sequence"}
    return pa.table(
        {
            "text": texts,
            "label": labels,
            "part": parts,
            "id": pa.array(ids, pa.float64()),
            "tokens": [["a", f"b{row}"] for row in ids],
            "tags": [[0, 1]] * 12,
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": {"tags": tags}}})})


def _taken() -> pa.Table:
    numbers = range(144)
    return pa.table(
        {
            "user": pa.array([row % 12 for row in numbers], pa.float64()),
            "item": [row // 12 for row in numbers],
            "timestamp": pa.array([row * 86_400 for row in numbers], pa.timestamp("s")),
        }
    )


def cases() -> list[Case]:
    """One or more files of each reader that reads files of one's own."""
    csv = ("text,label,part,id\n" + "".join(f'"{t}, x",{label},{part},{row}\n' for t, label, part, row in ROWS)).encode()
    of_json = [
        {"text": t, "label": label, "part": part, "id": row, "tokens": ["a", f"b{row}"], "tags": ["B-X", "O"]}
        for t, label, part, row in ROWS
    ]
    jsonl = "".join(json.dumps(row) + "\n" for row in of_json).encode()
    iob = "\n\n".join(f"Le\tO\ncafé{row}\tB-D\nnoir\tI-D" for row in range(5)).encode()
    word = "{}\t{}\t_\t{}\t_\t_\t0\troot\t_\t_\n"
    conllu = "\n".join(
        "# newdoc\n" + word.format(1, f"café{row}", "NOUN") + word.format(2, "est", "AUX") for row in range(5)
    ).encode()
    folders = {f"set/{label}/{row}": f"text {label} {row}".encode() for label in "ab" for row in range(4)}
    wiki = "".join(f'<doc id="{row}" title="x">\nOne café.\nTwo.\n</doc>\n' for row in range(4)).encode()
    revision = "<revision><id>9</id><text>A '''cat''' [[x]].</text></revision>"
    page = f"<page><title>A{{0}}</title><ns>0</ns><id>{{0}}</id>{revision}</page>"
    namespace = 'xmlns="http://www.mediawiki.org/xml/export-0.10/"'
    dump = f"<mediawiki {namespace}>{''.join(page.format(row) for row in range(3))}</mediawiki>".encode()
    paragraphs = [
        {
            "context": f"The café {row} is black.",
            "qas": [{"id": str(row), "question": f"What {row}?", "answers": [{"text": "café", "answer_start": 4}]}],
        }
        for row in range(6)
    ]
    articles = [{"title": f"T{row}", "paragraphs": [paragraph]} for row, paragraph in enumerate(paragraphs)]
    squad = json.dumps({"data": articles}).encode()
    pair = "<Document><QAPair><Question qid='{0}'>What {0}?</Question><Answer>This {0}</Answer></QAPair></Document>"
    medquad = tar_of({f"m/{row}.xml": pair.format(row).encode() for row in range(4)})
    said = {"speaker": "Grad", "content": "a word"}
    asked = {"query": "Which word?", "relevant_text_span": [["0", "0"]]}
    meeting = json.dumps({"meeting_transcripts": [said], "specific_query_list": [asked]}).encode()
    qmsum = tar_of({f"train/{row}.json": meeting.replace(b"word", b"word %d" % row) for row in range(4)})
    article = '<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" NEWID="{0}"><TEXT><BODY>B {0}</BODY></TEXT></REUTERS>'
    reuters = tar_of({f"reut2-{row}.sgm": article.format(row).encode() for row in range(4)})
    pairs = ("query,passage\n" + "".join(f"q {row},p {row}\n" for row in range(6))).encode()
    taken = ("user,item,timestamp,stars\n" + "".join(f"u{row % 12},i{row // 12},{row},5\n" for row in range(144))).encode()
    scored = ("text_a,text_b,score\n" + "".join(f"a {row},b {row},{row}\n" for row in range(14))).encode()
    lines = [f"{label} {text}" for text, label, _, _ in ROWS]
    labelled = {"label": "label", "split": "part"}
    splits = {"train": "a.iob", "test": "a.iob"}
    return [
        Case(None, "a.csv", csv, {"reader": "csv"}),
        Case(None, "a.tsv", csv.replace(b", x", b"").replace(b",", b"\t"), {"reader": "tsv"}),
        Case(None, "a.jsonl", jsonl, {"reader": "jsonl", "id": "id"}),
        Case(None, "a.parquet", parquet_of(_examples()), {"reader": "parquet", "id": "id"}),
        Case(None, "a.txt", csv, {"reader": "text", "document": "block"}),
        Case(None, "a.iob", iob, {"reader": "iob"}),
        Case(None, "a.conllu", conllu, {"reader": "conllu"}),
        Case(None, "wiki_00", wiki, {"reader": "wikiextractor"}),
        Case(None, "a.xml", dump, {"reader": "mediawiki_dump"}),
        Case(None, "a.xml.bz2", bz2.compress(dump), {"reader": "mediawiki_dump"}),
        Case(None, "a.tar", tar_of(folders), {"reader": "class_folders"}),
        Case(None, "a.tar.gz", tar_of(folders, "w:gz"), {"reader": "class_folders", "html": True}),
        Case(None, "a.tar", medquad, {"reader": "medquad"}),
        Case(None, "a.tar", reuters, {"reader": "reuters"}),
        Case(None, "a.tar", qmsum, {"reader": "qmsum"}),
        Case(None, "a.csv.gz", gzip.compress(csv), {"reader": "csv"}),
        Case(None, "a.csv.xz", lzma.compress(csv), {"reader": "csv"}),
        Case(None, "a.csv.zst", pa.compress(csv, codec="zstd", asbytes=True), {"reader": "csv"}),
        Case("classification", "a.csv", csv, {"reader": "csv", "id": "id", **labelled}),
        Case("classification", "a.jsonl", jsonl, {"reader": "jsonl", "group": "id", **labelled}),
        Case("classification", "a.parquet", parquet_of(_examples()), {"reader": "parquet", **labelled}),
        Case("classification", "a.zip", zip_of(folders), {"reader": "class_folders"}),
        Case("classification", "a.txt", "\n".join(f"__label__{line}" for line in lines).encode(), {"reader": "fasttext"}),
        Case("classification", "a.txt", "\n".join(lines).encode(), {"reader": "labeled_lines"}),
        Case("sequence_labeling", "a.iob", iob, {"reader": "iob", "splits": splits}),
        Case("sequence_labeling", "a.parquet", parquet_of(_examples()), {"reader": "parquet", "split": "part"}),
        Case("token_classification", "a.conllu", conllu, {"reader": "conllu", "splits": {"train": "*", "test": "*"}}),
        Case("token_classification", "a.iob", iob, {"reader": "iob", "splits": splits}),
        Case("token_classification", "a.parquet", parquet_of(_examples()), {"reader": "parquet", "split": "part"}),
        Case("token_classification", "a.jsonl", jsonl, {"reader": "jsonl", "split": "part"}),
        Case("sequence_labeling", "a.jsonl", jsonl, {"reader": "jsonl", "split": "part"}),
        Case("retrieval", "a.csv", pairs, {"reader": "pairs"}),
        Case("retrieval", "a.json", squad, {"reader": "squad"}),
        Case("retrieval", "a.tar", medquad, {"reader": "medquad"}),
        Case("retrieval", "a.tar", qmsum, {"reader": "qmsum", "searched": "passages"}),
        Case("extractive_qa", "a.json", squad, {"reader": "squad"}),
        Case("recommendation", "a.csv", taken, {"reader": "interactions", "rating": "stars", "min_rating": 3}),
        Case(
            "recommendation",
            "a.parquet",
            parquet_of(_taken()),
            {"reader": "interactions"},
        ),
        Case("similarity", "a.csv", scored, {"reader": "csv"}),
    ]


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Change bytes, insert and delete some, cut, repeat, or shuffle the lines."""
    made = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        if not made:
            break
        at = rng.randrange(len(made))
        match rng.randrange(6):
            case 0:
                made[at] = rng.randrange(256)
            case 1:
                made[at:at] = rng.choice(TOKENS)
            case 2:
                del made[at : at + rng.randrange(1, 20)]
            case 3:
                made = made[:at]
            case 4:
                made[at:at] = made[at : at + 200]
            case 5:
                lines = bytes(made).split(b"\n")
                rng.shuffle(lines)
                made = bytearray(b"\n".join(lines))
    return bytes(made)


def read(case: Case, content: bytes, folder: Path, *, lenient: bool) -> bool:
    """Read a file with this content; whether it was read, and not refused with a place, a reason and a remedy."""
    (folder / case.name).write_bytes(content)
    source = {**case.source, "path": "." if "splits" in case.source else case.name}
    kind = None if case.kind is None else KINDS[case.kind].create_reader()
    adapter = TypeAdapter[Any](CorpusSource if kind is None else kind.source_type)
    parsed = adapter.validate_python(source)
    if lenient and hasattr(parsed, "on_error"):
        parsed = adapter.validate_python({**source, "on_error": "skip", "empty": "leave_out"})
    try:
        if kind is None:
            list(read_documents([parsed], folder, folder))
        else:
            check_first_rows({}, {"task": (kind, parsed)}, folder, folder)
            tables = kind.read(parsed, folder, folder, "task")
            kind.audit(tables)
            kind.list_held_out(tables)
    except DataError as error:
        assert error.place and error.reason and error.remedy and str(error)
        return False
    finally:
        (folder / case.name).unlink()
    return True
