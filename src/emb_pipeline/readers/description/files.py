"""Files and folders that somebody brings: the reader of each, its options, and its columns."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Literal

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.description.columns import Column, describe_columns, is_number
from emb_pipeline.readers.files.archives import is_archive, read_archive_members
from emb_pipeline.readers.files.content import open_content
from emb_pipeline.readers.files.named_files import NamedFile, iter_files
from emb_pipeline.readers.files.signatures import PACKED
from emb_pipeline.readers.formats.conllu import COLUMNS, NOTHING
from emb_pipeline.readers.formats.documents.source import SUFFIXES as DOCUMENT_SUFFIXES
from emb_pipeline.readers.registry import READERS

MOST_ROWS = 200_000
"""Rows that are looked at."""
Shape = Literal[
    "rows", "tagged_words", "treebank", "questions", "benchmark", "documents", "class_folders", "labeled_lines", "lines"
]
"""How a file or a folder holds what it holds; ``benchmark``: corpus.jsonl, queries.jsonl and qrels, as BEIR has them."""
_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_DELIMITERS = (",", "\t", ";", "|", "::")
_TAG = re.compile(r"O|[BIESLU]-\S+")
_WORD_NUMBER = re.compile(r"\d+(?:[-.]\d+)?")
_LABEL = re.compile(r"[\w+/:-]*\w")
_FEW_LINES = 200


@dataclass(frozen=True)
class Described:
    """A file or a folder, looked at.

    Attributes
    ----------
    path : str
        As YAML names it: relative to the project where it is inside, else absolute.
    shape : Shape
        How it holds what it holds.
    reader : str
        The reader of it; that of a kind may have another name.
    options : mapping
        Options of the reader that differ from its defaults.
    columns : tuple of Column
        Of rows with named columns.
    n_items : int
        Rows, sentences, documents or texts; those that were looked at.
    is_whole : bool
        Whether these are all.
    words : float
        Mean words of an item that is a text by itself.
    members : tuple of str
        Files of a folder that are read; folders of classes.
    """

    path: str
    shape: Shape
    reader: str
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    columns: tuple[Column, ...] = ()
    n_items: int = 0
    is_whole: bool = True
    words: float = 0.0
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name without its suffixes, in lower case."""
        return PurePosixPath(self.path).name.split(".")[0].casefold()

    def find_column(self, name: str) -> Column:
        """Find a column by its name.

        Raises
        ------
        DataError
            There is none of this name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        names = [column.name for column in self.columns]
        raise DataError(self.path, f"there is no column {name!r}", f"its columns are {', '.join(names) or 'unknown'}")


def describe_files(paths: Sequence[Path], project: Path) -> list[Described]:
    """Describe files and folders; a folder of tables is described file by file.

    Parameters
    ----------
    paths : sequence of Path
        Absolute, or relative to the working folder.
    project : Path
        Folder that YAML's paths are relative to.

    Raises
    ------
    DataError
        A path that does not exist, an empty file, or one that no reader reads.
    """
    described: list[Described] = []
    for path in paths:
        if path.is_dir():
            described += _describe_folder(path, project)
        elif path.is_file():
            described.append(_describe_file(path, project))
        else:
            raise DataError(str(path), "there is no such file or folder", "correct the path; it is relative to this folder")
    return described


def _describe_file(path: Path, project: Path) -> Described:
    shown = _show(path, project)
    if is_archive(path):
        names = [name for name, _ in islice(read_archive_members(path), MOST_ROWS)]
        return _describe_class_folders(shown, names, path.name)
    file = NamedFile(path, shown)
    suffix = (Path(path.stem) if path.suffix in PACKED else path).suffix.casefold()
    if suffix == ".parquet":
        return _describe_rows(file, "parquet", {})
    encoding, first = _read_first_lines(file)
    written = {} if encoding == "utf-8" else {"encoding": encoding}
    if not any(line.strip() for line in first):
        raise DataError(shown, "the file is empty", "name a file with rows")
    if suffix == ".json":
        return _describe_json(file, shown)
    if tagged := _describe_treebank(file, first, written) or _describe_tagged_words(file, first, written):
        return tagged
    if _SUFFIXES.get(suffix) == "jsonl" or (first[0].lstrip().startswith("{") and _is_json(first[0])):
        return _describe_rows(file, "jsonl", written)
    if all("__label__" in line for line in first if line.strip()):
        return Described(shown, "labeled_lines", "fasttext", written, n_items=len(first), is_whole=len(first) < _FEW_LINES)
    delimiter = _find_delimiter(first, _SUFFIXES.get(suffix))
    if delimiter is not None:
        return _describe_rows(file, *_choose_table_reader(suffix, delimiter, first, written))
    if suffix in DOCUMENT_SUFFIXES and suffix not in (".txt", ".text"):
        return Described(shown, "documents", "documents", written, n_items=1)
    lines = [line for line in _read_lines(file, encoding) if line.strip()]
    words = sum(len(line.split()) for line in lines) / len(lines)
    found: dict[str, Any] = {"n_items": len(lines), "is_whole": len(lines) < MOST_ROWS, "words": words}
    if _begin_with_labels(lines):
        return Described(shown, "labeled_lines", "labeled_lines", written, **found)
    return Described(shown, "lines", "text", written, **found)


def _begin_with_labels(lines: Sequence[str]) -> bool:
    """Tell whether each line begins with a label and a blank: few first words, each of several lines, before a text."""
    firsts = Counter(line.split(" ", 1)[0] for line in lines)
    is_word = all(_LABEL.fullmatch(first) for first in firsts)
    return is_word and 2 <= len(firsts) <= max(len(lines) / 10, 2) and all(len(line.split()) >= 2 for line in lines)


def _describe_folder(folder: Path, project: Path) -> list[Described]:
    names = [file.relative_to(folder).as_posix() for file in iter_files(folder)]
    shown = _show(folder, project)
    if not names:
        raise DataError(shown, "the folder holds no file", "name another one")
    plain = {name.split(".")[0] for name in names}
    if {"corpus", "queries"} <= plain and any(name.startswith("qrels/") for name in names):
        return [Described(shown, "benchmark", "beir", members=tuple(names))]
    suffixes = Counter(
        (Path(Path(name).stem) if Path(name).suffix in PACKED else Path(name)).suffix.casefold() for name in names
    )
    (common, n_common), *_ = suffixes.most_common(1)
    if common in _SUFFIXES or common in (".iob", ".conll", ".bio", ".iob2", ".conllu"):
        return [_describe_file(folder / name, project) for name in names if not _is_note(name)]
    parents = Counter(str(PurePosixPath(name).parent) for name in names)
    is_sorted_by_class = len(parents) >= 2 and n_common > 2 * len(parents) and common in (".txt", ".text", "")
    if is_sorted_by_class and "." not in parents:
        return [_describe_class_folders(shown, names, folder.name)]
    readable = [name for name in names if (Path(name).suffix.casefold() in DOCUMENT_SUFFIXES)]
    if not readable:
        raise DataError(
            shown, f"none of its files can be read ({', '.join(names[:3])}, …)", f"these can: {', '.join(DOCUMENT_SUFFIXES)}"
        )
    ends = sorted({Path(name).suffix for name in readable})
    options: dict[str, Any] = {} if len(readable) == len(names) else {"on_error": "skip"}
    if options and len(ends) == 1:
        options = {"files": f"**/*{ends[0]}"}
    return [Described(shown, "documents", "documents", options, n_items=len(readable), members=tuple(readable))]


def _is_note(name: str) -> bool:
    return PurePosixPath(name).name.casefold().startswith(("readme", "license", "licence"))


def _describe_class_folders(shown: str, names: Sequence[str], what: str) -> Described:
    """Describe texts in a folder per class, perhaps in a folder per split."""
    every = [PurePosixPath(name).parts for name in names]
    (depth, _), *_ = Counter(map(len, every)).most_common(1)
    parts = [part for part in every if len(part) == max(depth, 2)]
    classes = Counter(part[-2] for part in parts)
    if len(classes) < 2 or len(parts) < 2 * len(classes):
        raise DataError(shown, f"{what} holds no folder of texts for each class", "unpack it, and name the file inside")
    above = {part[-3] for part in parts if len(part) >= 3}
    splits = {split: name for name in sorted(above) if (split := find_split(name))}
    options: dict[str, Any] = {"splits": splits} if {"train", "test"} <= set(splits) and len(splits) == len(above) else {}
    return Described(shown, "class_folders", "class_folders", options, n_items=len(parts), members=tuple(sorted(classes)))


def find_split(name: str) -> str | None:
    """Find the split that a name speaks of: ``train``, ``validation``, ``test`` or none."""
    words_of_name = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    found = {split for word in words_of_name for split, words in _SPLITS.items() if word.casefold() in words}
    return found.pop() if len(found) == 1 else None


_SPLITS = {
    "train": ("train", "training"),
    "validation": ("dev", "devel", "valid", "validation", "val"),
    "test": ("test", "testing", "eval"),
}


def _describe_json(file: NamedFile, shown: str) -> Described:
    with open_content(file) as content:
        try:
            whole = json.load(io.TextIOWrapper(content, encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise DataError(shown, f"it is not JSON ({error})", "write one JSON object per line (.jsonl)") from error
    articles = whole.get("data") if isinstance(whole, dict) else None
    if isinstance(articles, list) and articles and isinstance(articles[0], dict) and "paragraphs" in articles[0]:
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        n_questions = sum(len(paragraph.get("qas", ())) for paragraph in paragraphs)
        words = sum(len(str(paragraph.get("context", "")).split()) for paragraph in paragraphs) / max(len(paragraphs), 1)
        return Described(shown, "questions", "squad", n_items=n_questions, words=words)
    raise DataError(shown, "it is JSON of no known layout", "write one JSON object per line (.jsonl)")


def _describe_treebank(file: NamedFile, first: Sequence[str], written: Mapping[str, Any]) -> Described | None:
    """Describe a word per line in the ten columns of CoNLL-U; its tag is the first column of tags that is filled."""
    rows = [_split_tabs(line) for line in first if line.strip() and not line.startswith("#")]
    if len(rows) < 2 or not all(len(row) == len(COLUMNS) and _WORD_NUMBER.fullmatch(row[0]) for row in rows):
        return None
    words = [dict(zip(COLUMNS, row, strict=True)) for row in rows if row[0].isdigit()]
    filled = [name for name in ("upos", "xpos", "deprel") if all(word[name] != NOTHING for word in words)]
    if not filled:
        return None
    options = {**written, "column": filled[0]}
    if any(line.startswith("# newdoc") for line in first):
        options["group"] = "document"
    n_sentences, n_words = _count_sentences(file, str(written.get("encoding", "utf-8")), "#")
    return Described(file.name, "treebank", "conllu", options, n_items=n_sentences, words=n_words / max(n_sentences, 1))


def _describe_tagged_words(file: NamedFile, first: Sequence[str], written: Mapping[str, Any]) -> Described | None:
    """Describe a token and its tag per line, with blank lines between sentences."""
    filled = [line for line in first if line.strip() and not line.startswith("-DOCSTART-")]
    if len(filled) == len(first) or len(filled) < 2:
        return None
    for separator, split in (("tab", _split_tabs), ("white_space", str.split)):
        rows = [split(line) for line in filled]
        if {len(row) for row in rows} != {len(rows[0])} or not 2 <= len(rows[0]) <= 12:
            continue
        tags = [row[-1].strip() for row in rows]
        if all(_TAG.fullmatch(tag) for tag in tags) and any(tag != "O" for tag in tags):
            options = {**written, **({} if separator == "tab" else {"separator": separator})}
            n_sentences, n_words = _count_sentences(file, str(written.get("encoding", "utf-8")))
            words = n_words / max(n_sentences, 1)
            return Described(file.name, "tagged_words", "iob", options, n_items=n_sentences, words=words)
    return None


def _split_tabs(line: str) -> list[str]:
    return line.rstrip("\r\n").split("\t")


def _count_sentences(file: NamedFile, encoding: str, no_word: str = "-DOCSTART-") -> tuple[int, int]:
    n_sentences = n_words = 0
    inside = False
    with open_content(file) as content:
        for line in io.TextIOWrapper(content, encoding=encoding):
            is_word = bool(line.strip()) and not line.startswith(no_word)
            n_words += is_word
            n_sentences += is_word and not inside
            inside = is_word
    return n_sentences, n_words


def _describe_rows(file: NamedFile, reader: str, options: Mapping[str, Any]) -> Described:
    line = READERS[reader]
    source = line.options.model_validate({"reader": reader, "path": file.name, **options})
    table = line.open_rows(file, source)
    names = table.column_names(1000)
    bad = BadRows(on_error="skip", empty="leave_out")
    rows = [values for _, values in islice(table.rows(names, bad), MOST_ROWS)]
    if not rows:
        raise DataError(file.name, "it has no row that can be read", bad.skipped[0] if bad.skipped else "name another file")
    written = dict(options) if not bad.n_skipped else {**options, "on_error": "skip"}
    columns = tuple(describe_columns(names, rows))
    return Described(file.name, "rows", reader, written, columns, n_items=len(rows), is_whole=len(rows) < MOST_ROWS)


def _choose_table_reader(
    suffix: str, delimiter: str, first: Sequence[str], written: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Choose the reader of a table, with what differs from its defaults: delimiter, quotes, names of columns."""
    reader = _SUFFIXES.get(suffix) or ("tsv" if delimiter == "\t" else "csv")
    options = dict(written)
    if delimiter != ("\t" if reader == "tsv" else ","):
        options["delimiter"] = delimiter
    if reader == "tsv" and _is_quoted(first):
        options["quoted"] = True
    rows = list(_split_rows(first, delimiter))
    if not _has_header(rows):
        options["columns"] = [f"column_{number}" for number in range(1, len(rows[0]) + 1)]
    return reader, options


def _is_quoted(first: Sequence[str]) -> bool:
    fields = [part for line in first for part in line.rstrip("\r\n").split("\t")]
    return sum(len(part) > 1 and part[0] == part[-1] == '"' for part in fields) > len(fields) / 10


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names the columns: short texts, none a number, none of them a value of its column."""
    header, *others = rows
    if any(is_number(name) for name in header) or any(len(name.split()) > 6 for name in header):
        return False
    if len(set(header)) < len(header):
        return False
    width = len(header)
    values = [{row[place] for row in others if len(row) == width} for place in range(width)]
    return not any(name and name in found for name, found in zip(header, values, strict=True))


def _find_delimiter(first: Sequence[str], reader: str | None) -> str | None:
    """Find what parts the fields: it gives most lines as many fields as the first, at least two."""
    preferred = {"tsv": "\t", "csv": ","}.get(reader or "")
    ranked: list[tuple[float, bool, int, str]] = []
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in _split_rows(first, delimiter) if row]
        width = widths[0] if widths else 0
        if width > 1:
            ranked.append((round(widths.count(width) / len(widths), 1), delimiter == preferred, width, delimiter))
    if not ranked:
        return preferred
    share, is_preferred, _, delimiter = max(ranked)
    return delimiter if share >= 0.9 or (is_preferred and share >= 0.5) else preferred


def _split_rows(first: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    if len(delimiter) > 1:
        yield from (line.rstrip("\r\n").split(delimiter) for line in first)
        return
    limit = csv.field_size_limit(1 << 30)
    try:
        rows = list(csv.reader(first, delimiter=delimiter))
    except csv.Error:
        rows = []
    finally:
        csv.field_size_limit(limit)
    yield from (rows[:-1] if len(first) >= _FEW_LINES else rows)  # the last one may be cut


def _read_lines(file: NamedFile, encoding: str) -> list[str]:
    with open_content(file) as content:
        return list(islice(io.TextIOWrapper(content, encoding=encoding, errors="replace"), MOST_ROWS))


def _read_first_lines(file: NamedFile) -> tuple[str, list[str]]:
    """Read the first lines, in UTF-8, or as Windows wrote them."""
    with open_content(file) as content:
        lines = list(islice(iter(content.readline, b""), _FEW_LINES))
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return "utf-8" if encoding == "utf-8-sig" else encoding, [line.decode(encoding) for line in lines]
        except UnicodeDecodeError:
            continue
    return "latin-1", [line.decode("latin-1") for line in lines]


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _show(path: Path, project: Path) -> str:
    """Write a path as YAML names it."""
    absolute = path.absolute()
    return absolute.relative_to(project).as_posix() if absolute.is_relative_to(project) else str(absolute)
