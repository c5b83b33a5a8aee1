"""A retrieval task of a folder of documents, without judgments: each is found by its title, or by its headings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.formats.documents.source import read_documents
from emb_pipeline.tasks.audit.lines import AuditLines
from emb_pipeline.tasks.retrieval.audit import TITLE_CHECKS
from emb_pipeline.tasks.retrieval.formats.answers import tables_of_answers
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables, words_of
from emb_pipeline.tasks.retrieval.sources import TitledDocumentsSource
from emb_pipeline.text.structure.headings import Section, find_title, split_sections
from emb_pipeline.text.words import tokenize


@dataclass(frozen=True)
class _Searched:
    """A document, or a section, with the headings that may ask for it.

    Attributes
    ----------
    name : str
        Its id.
    text : str
        With its headings.
    headed : sequence of Section
        Parts of the text, each with a heading that may be a query.
    """

    name: str
    text: str
    headed: Sequence[Section]

    def places(self) -> list[str]:
        """Say where each heading is."""
        return [f"{self.name}: {section.heading}" for section in self.headed]

    def without(self, queries: Sequence[Section]) -> str:
        """Cut the headings out that are queries."""
        parts, place = [], 0
        for section in queries:
            parts.append(self.text[place : section.start])
            place = section.body
        return "".join([*parts, self.text[place:]]).strip()


@dataclass
class _LeftOut:
    """Titles that are no queries, by reason: the place of each."""

    untitled: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    repeating: list[str] = field(default_factory=list)


def read_titled_documents(source: TitledDocumentsSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read documents, and ask for each by its title or its headings, or for each section by its heading.

    A title is no query where it has too few words, where it heads too many documents (or sections), or where its passage
    repeats it word for word. The passage is searched all the same.

    Raises
    ------
    DataError
        No title is left.
    """
    documents = list(read_documents(source, raw, project, bad))
    bad.raise_all()
    left_out = _LeftOut(untitled=[name for name, text in documents if find_title(text) is None])
    split = _split_sections if source.searched == "sections" else _take_whole
    searched = [part for name, text in documents for part in split(name, text, source)]
    n_titles = sum(len(part.headed) for part in searched)
    pairs, others = _choose_queries(searched, source, left_out)
    if not pairs:
        raise DataError(
            source.origin,
            f"none of its {n_titles} titles can be a query",
            "lower min_words, raise most_passages, or say 'keep_repeated: true' or 'queries: headings'",
        )
    return replace(tables_of_answers(pairs, source, others), left_out=_count(left_out, n_titles, len(documents)))


def check_titled_documents(source: TitledDocumentsSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check that each document can be read."""
    for _ in read_documents(source, raw, project, bad):
        pass


def _take_whole(name: str, text: str, source: TitledDocumentsSource) -> Iterator[_Searched]:
    title = find_title(text)
    titles = [] if title is None else [title]
    headings = [section for section in split_sections(text) if section.level]
    yield _Searched(name, text, headings if source.queries == "headings" else titles)


def _split_sections(name: str, text: str, source: TitledDocumentsSource) -> Iterator[_Searched]:
    for number, section in enumerate(split_sections(text), 1):
        part = text[section.start : section.end]
        headed = [replace(section, start=0, body=section.body - section.start, end=len(part))] if section.level else []
        yield _Searched(f"{name}#{number}", part, headed)


def _choose_queries(
    searched: Sequence[_Searched], source: TitledDocumentsSource, left_out: _LeftOut
) -> tuple[list[tuple[str, str, str, str]], list[tuple[str, str]]]:
    """Choose the titles that are queries: place, id, title and passage of each; and the passages that no title asks for."""
    parts_of: dict[str, set[str]] = defaultdict(set)
    for part in searched:
        for section in part.headed:
            parts_of[words_of(section.heading)].add(part.name)
    pairs, others = [], []
    for part in searched:
        asking = []
        for section, place in zip(part.headed, part.places(), strict=True):
            if len(tokenize(section.heading)) < source.min_words:
                left_out.short.append(place)
            elif len(parts_of[words_of(section.heading)]) > source.most_passages:
                left_out.repeated.append(place)
            else:
                asking.append((section, place))
        passage = part.without([section for section, _ in asking])
        words = tokenize(passage)
        if len(words) < source.min_passage_words:
            left_out.empty += [place for _, place in asking]
            continue
        others.append((part.name, passage))
        for number, (section, place) in enumerate(asking, 1):
            if not source.keep_repeated and f" {' '.join(tokenize(section.heading))} " in f" {' '.join(words)} ":
                left_out.repeating.append(place)
            else:
                pair_id = part.name if len(asking) == 1 else f"{part.name}~{number}"
                pairs.append((place, pair_id, section.heading, passage))
    return pairs, others


def _count(left_out: _LeftOut, n_titles: int, n_documents: int) -> pa.Table:
    """Write the audit lines of what was left out."""
    repeating = "titles that their passage repeats word for word: no queries, for they are found by the repetition"
    counts = (
        ("documents_without_title", left_out.untitled, n_documents, "documents without a title, which none asks for by it"),
        ("titles_without_text", left_out.empty, n_titles, "titles with too little text below them to be searched"),
        ("short_titles", left_out.short, n_titles, "titles of too few words to be queries"),
        ("repeated_titles", left_out.repeated, n_titles, "titles of too many documents, or sections, to ask for one"),
        ("titles_in_their_passage", left_out.repeating, n_titles, repeating),
    )
    lines = AuditLines(TITLE_CHECKS)
    for name, places, total, note in counts:
        if places:
            lines.add(name, len(places), total, note, places)
    return lines.table()
