"""CoNLL-U, the format of Universal Dependencies: a word per line in ten columns [1]_.

References
----------
.. [1] https://universaldependencies.org/format.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows, count_left_out, take_or_raise
from emb_pipeline.readers.files.lines import lines
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.options import LenientSource, PlacedSource, SplitName
from emb_pipeline.text.words import hash_sentence, tokenize

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
NOTHING = "_"
"""The value of a column that says nothing of a word."""
_WORD = re.compile(r"[1-9]\d*")
_NO_WORD = re.compile(r"[1-9]\d*-[1-9]\d*|\d+\.[1-9]\d*")


class ConlluSource(LenientSource, PlacedSource):
    """CoNLL-U (Universal Dependencies): a word per line in ten columns, a blank line between sentences.

    Words are what is tagged: lines of a token of several words (``8-9``) and of an empty node (``8.1``) are left out, as
    the format defines it. As a corpus it is read for its text: a sentence is a document, repeats go.
    """

    reader: Literal["conllu"] = "conllu"
    column: Literal["upos", "xpos", "deprel", "feats"] = Field(
        default="upos",
        description="column of the tag: universal part of speech, that of the treebank, relation to the head, or features",
    )
    feature: str | None = Field(
        default=None,
        min_length=1,
        description="column feats: the feature whose value is the tag (Number, Tense, …), '_' for words without it; null: "
        "all features as one tag",
    )
    subtypes: bool = Field(
        default=True, description="column deprel: keep what follows the colon of a relation (nsubj:pass); false: nsubj"
    )
    group: Literal["document", "file"] | None = Field(
        default=None,
        description="sentences that are one group, and count together in intervals and tests: those of a document, which a "
        "line '# newdoc' starts, or of a file",
    )
    encoding: str = Field(default="utf-8", description="encoding of the files; the format's own is utf-8")
    splits: dict[SplitName, str] | None = Field(
        default=None,
        description="glob of each split's own files: {train: '*-train.conllu', validation: '*-dev.conllu', test: "
        "'*-test.conllu'}",
    )

    @model_validator(mode="after")
    def _options_go_with_their_column(self) -> Self:
        if self.feature is not None and self.column != "feats":
            raise ValueError(f"'feature' goes with 'column: feats', not with {self.column}")
        if not self.subtypes and self.column != "deprel":
            raise ValueError(f"'subtypes' goes with 'column: deprel', not with {self.column}")
        return self


def read_documents(source: ConlluSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream the distinct sentences without their tags."""
    seen: set[int] = set()
    for file in named_files(source, raw, project):
        for number, words, *_ in read_conllu_sentences(file, source, bad):
            text = " ".join(words)
            key = hash_sentence(tokenize(text))
            if key not in seen:
                seen.add(key)
                yield f"{file.name}:{number}", text


@per_file
def read_conllu_sentences(
    file: NamedFile, source: ConlluSource, bad: BadRows | None = None
) -> Iterator[tuple[int, list[str], list[str], int]]:
    """Stream first row, words, tags and number of the document of each sentence of a CoNLL-U file.

    A sentence with a bad line, or with a word without a tag, goes to ``bad`` as a whole.
    """
    words: list[str] = []
    tags: list[str] = []
    start, document, n_left_out = 0, 0, count_left_out(bad)
    for number, line in enumerate(chain(lines(file, source.encoding, bad), ["\n"]), 1):
        line = line.rstrip("\r\n")
        if not line.strip():
            if words and count_left_out(bad) == n_left_out:
                yield start, words, tags, document
            words, tags, n_left_out = [], [], count_left_out(bad)
            continue
        if line.startswith("#"):
            document += line[1:].split("=")[0].strip() in ("newdoc", "newdoc id")
            continue
        place = f"{file.name}, row {number}"
        try:
            word = _read_word(line, source, place, len(words) + 1)
            missing = None if word is None else _find_missing(*word, source)
            if missing is not None and bad is not None and bad.leaves_out_empty:
                bad.leave_out_empty(place)
            elif missing is not None:
                raise DataError(place, *missing)
        except DataError as error:
            take_or_raise(bad, error)
            word = "", ""
        if word is not None:
            start = start if words else number
            words.append(word[0])
            tags.append(word[1])


def _read_word(line: str, source: ConlluSource, place: str, expected: int) -> tuple[str, str] | None:
    """Read word and tag of a line, as they are; None where it is of no word."""
    fields = line.split("\t")
    if len(fields) != len(COLUMNS):
        raise DataError(
            place,
            f"it has {len(fields)} columns, not {len(COLUMNS)} with tabs between them",
            "write CoNLL-U, with '_' in columns that are empty, or choose 'reader: iob' for a file with other columns",
        )
    number = fields[0]
    if _NO_WORD.fullmatch(number):
        return None
    if not _WORD.fullmatch(number) or int(number) != expected:
        raise DataError(
            place,
            f"its id is '{number}', where word {expected} of the sentence is to come",
            "number the words of each sentence from 1 on, and put a blank line between sentences",
        )
    word, tag = fields[1].strip(), fields[COLUMNS.index(source.column)].strip()
    if source.feature is not None and word and tag:
        named = dict(each.partition("=")[::2] for each in tag.split("|"))
        tag = named.get(source.feature, NOTHING)
    return word, tag if source.subtypes else tag.partition(":")[0]


def _find_missing(word: str, tag: str, source: ConlluSource) -> tuple[str, str] | None:
    """Find what is missing, and the remedy, where nothing is said of a word."""
    if not word or not tag:
        return "the word or its tag is empty", f"write the word, and its {source.column} or '_'"
    if tag == NOTHING and source.column in ("upos", "deprel"):
        return f"the word has no {source.column}", "add it, or choose a column that is filled"
    return None
