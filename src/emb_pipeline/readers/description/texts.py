"""The texts of one file that somebody brings, in whatever format it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from emb_pipeline.errors import DataError, suggest
from emb_pipeline.readers.description.files import Described, describe_files
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.registry import READERS, CorpusSource


def read_brought_texts(
    path: Path, columns: Sequence[str], project: Path, raw: Path, **options: Any
) -> list[tuple[str, str]]:
    """Read the texts of a file: rows of a table, lines, or documents of a folder.

    Parameters
    ----------
    path : Path
        The file, or a folder of documents.
    columns : sequence of str
        Columns with the text, joined by a line break; none: the column ``text``, or the only one with texts.
    project, raw : Path
        Folder that the source names the file relative to, and the one of fetched sources.
    **options
        Further options of the source.

    Returns
    -------
    list of (str, str)
        Id and text of each, in their order.

    Raises
    ------
    DataError
        There is no such file or column, or no text in it; or it cannot be read as texts.
    """
    described = describe_files([path], project)
    if len(described) > 1:
        names = ", ".join(file.path for file in described[:3])
        raise DataError(str(path), f"this folder holds {len(described)} tables ({names}, …)", "name one of them")
    (file,) = described
    source = TypeAdapter(CorpusSource).validate_python({**_choose_reader(file, columns), "path": file.path, **options})
    texts = [(name.removeprefix(f"{source.origin}:"), text.strip()) for name, text in read_documents([source], raw, project)]
    if not texts:
        raise DataError(str(path), "there is no text in it", "name a file with texts")
    return texts


def _choose_reader(file: Described, columns: Sequence[str]) -> dict[str, Any]:
    """Choose the reader of texts and its options: a line is a text, also where its first word could be a label."""
    if file.shape == "rows":
        return {"reader": file.reader, **file.options, "text": _choose_columns(file, columns)}
    shape = file.shape.replace("_", " ")
    if columns:
        raise DataError(file.path, f"has no columns: it is read as {shape}", "leave --text out")
    if file.reader in ("text", "labeled_lines"):
        return {"reader": "text", **file.options, "document": "line"}
    if file.reader not in READERS or not READERS[file.reader].documents:
        raise DataError(file.path, f"is read as {shape}, not as texts", "write it as a CSV with a column text")
    return {"reader": file.reader, **file.options}


def _choose_columns(file: Described, columns: Sequence[str]) -> tuple[str, ...]:
    names = [column.name for column in file.columns]
    for column in columns:
        if column not in names:
            raise DataError(file.path, f"there is no column {column!r}", suggest(column, names))
    chosen = list(columns) or [name for name in ("text",) if name in names]
    chosen = chosen or [column.name for column in file.columns if column.is_text]
    if len(chosen) != 1 and not columns:
        found = f"several could be the text: {', '.join(chosen)}" if chosen else "none of its columns looks like texts"
        raise DataError(file.path, found, f"name one: --text {(chosen or names)[0]}")
    return tuple(chosen)
