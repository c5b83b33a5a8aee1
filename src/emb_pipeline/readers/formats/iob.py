"""Sentences in columns: a token and its tag per line, as in CoNLL's files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from pydantic import Field

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows, count_left_out, take_or_raise
from emb_pipeline.readers.files.lines import lines
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.options import LenientSource, PlacedSource, SplitName
from emb_pipeline.text.words import hash_sentence, tokenize


class IobSource(LenientSource, PlacedSource):
    """CoNLL / IOB: a token and its tag per line, a blank line between sentences.

    As a corpus it is read for its text: a sentence is a document, repeats go.
    """

    reader: Literal["iob"] = "iob"
    token: int = Field(default=0, description="column of the token, from 0; -1 is the last one")
    tag: int = Field(default=-1, description="column of the tag, from 0; -1 is the last one")
    group: Literal["document", "file"] | None = Field(
        default=None,
        description="sentences that are one group, and count together in intervals and tests: those of a document, between "
        "two lines -DOCSTART-, or of a file",
    )
    separator: Literal["tab", "white_space"] = Field("tab", description="what stands between two columns")
    encoding: str = Field(default="utf-8", description="encoding of the files: latin-1, cp1252, …")
    splits: dict[SplitName, str] | None = Field(
        default=None, description="glob of each split's own files: {train: train.tsv, validation: dev.tsv, test: test.tsv}"
    )


def read_documents(source: IobSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream the distinct sentences without their tags."""
    seen: set[int] = set()
    for file in named_files(source, raw, project):
        for number, tokens, *_ in read_iob_sentences(file, source, bad):
            text = " ".join(tokens)
            key = hash_sentence(tokenize(text))
            if key not in seen:
                seen.add(key)
                yield f"{file.name}:{number}", text


@per_file
def read_iob_sentences(
    file: NamedFile, source: IobSource, bad: BadRows | None = None
) -> Iterator[tuple[int, list[str], list[str], int]]:
    """Stream first row, tokens, tags and number of the document of each sentence of an IOB file.

    CoNLL-2003's lines ``-DOCSTART-`` are no sentences: each starts the next document.

    A sentence with a bad line, or with a token without a tag, goes to ``bad`` as a whole.
    """
    tokens: list[str] = []
    tags: list[str] = []
    start, document = 1, 0
    n_left_out = count_left_out(bad)
    for number, line in enumerate(chain(lines(file, source.encoding, bad), ["\n"]), 1):
        if line.isspace() or line.startswith("-DOCSTART-"):
            if tokens and count_left_out(bad) == n_left_out:
                yield start, tokens, tags, document
            tokens, tags, start = [], [], number + 1
            document += line.startswith("-DOCSTART-")
            n_left_out = count_left_out(bad)
            continue
        fields = line.rstrip("\r\n").split("\t") if source.separator == "tab" else line.split()
        try:
            token, tag = fields[source.token], fields[source.tag].strip()
        except IndexError:
            token = tag = ""
        if len(fields) > 1 and not (token and tag) and bad is not None and bad.leaves_out_empty:
            bad.leave_out_empty(f"{file.name}, row {number}")
        elif len(fields) < 2 or not token or not tag:
            take_or_raise(bad, _not_a_token(f"{file.name}, row {number}", line, source))
        tokens.append(token)
        tags.append(tag)


def _not_a_token(place: str, line: str, source: IobSource) -> DataError:
    between, other = ("a tab", "white_space") if source.separator == "tab" else ("white space", "tab")
    reason = f"it is not a token, {between} and a tag"
    if source.separator == "tab" and len(line.split()) > 1 and "\t" not in line:
        return DataError(place, f"{reason}: its columns have blanks between them", f"say 'separator: {other}'")
    return DataError(
        place,
        reason,
        f"write a token, {between} and a tag per line, a blank line between sentences, or correct 'token', 'tag' and "
        "'separator'",
    )
