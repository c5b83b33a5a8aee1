"""The Hallmarks of Cancer corpus: sentences of abstracts with labels of a taxonomy, in a tar archive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pydantic import Field

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.archives import read_tar_members
from emb_pipeline.readers.files.lines import decode_text
from emb_pipeline.readers.files.named_files import NamedFile, per_file
from emb_pipeline.readers.options import PlacedSource


class HallmarksSource(PlacedSource):
    """Hallmarks of Cancer (a tar archive of ``text/`` and ``labels/``): sentences of abstracts, which are groups."""

    reader: Literal["hallmarks"] = "hallmarks"
    level: int = Field(
        default=1, ge=1, le=3, description="levels of the taxonomy that make a label: 1 are the ten hallmarks themselves"
    )


class HallmarksSentence(NamedTuple):
    """One sentence: ``labels`` are paths in the taxonomy, from the hallmark down."""

    place: str
    document: str
    number: int
    text: str
    labels: tuple[tuple[str, ...], ...]


_AND = re.compile(r"\s*\bAND\s*")
_NO_LABEL = ("", "NULL")


@per_file
def read_sentences(file: NamedFile) -> Iterator[HallmarksSentence]:
    """Stream the sentences of all abstracts, by abstract.

    Raises
    ------
    DataError
        An abstract has another number of sentences than of labels, or a part of it is missing.
    """
    parts: dict[str, dict[str, str]] = {"text": {}, "labels": {}}
    for name, content in read_tar_members(file.path):
        folder, _, member = name.rpartition("/")
        kind = folder.rpartition("/")[2]
        if kind in parts and member.endswith(".txt"):
            place = f"{file.name}, member {name}"
            parts[kind][member.removesuffix(".txt")] = decode_text(content, "utf-8", place)
    for document in sorted(parts["text"]):
        place = f"{file.name}, abstract {document}"
        sentences = parts["text"][document].splitlines()
        fields = parts["labels"].get(document, "").split("<")[1:]
        if len(fields) != len(sentences):
            raise DataError(
                place, f"it has {len(sentences)} sentences and {len(fields)} labels", "fetch or copy the archive again"
            )
        for number, (text, field) in enumerate(zip(sentences, fields, strict=True), 1):
            names = [name.strip() for name in _AND.split(field)]
            labels = tuple(tuple(level.strip() for level in name.split("--")) for name in names if name not in _NO_LABEL)
            yield HallmarksSentence(f"{place}, sentence {number}", document, number, text, labels)
