"""Sentences of the page are short: a reader whose first language is another one gets through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.section import Report
from tests.reporting.conftest import Tables, report_of
from tests.reporting.tiny import tiny_report

MOST_WORDS, MEAN_WORDS = 25, 16


class _Prose(HTMLParser):
    """Text of paragraphs, list items and captions; tables, scripts and choices are no prose."""

    blocks = frozenset({"p", "li", "dd", "figcaption", "caption"})
    skipped = frozenset({"script", "style", "nav", "select", "label"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[list[str]] = []
        self.depth = 0
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.depth += tag in self.skipped
        if tag in self.blocks:
            self.open.append([])

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag in self.skipped
        if tag in self.blocks and self.open:
            self.found.append(" ".join("".join(self.open.pop()).split()))

    def handle_data(self, data: str) -> None:
        if self.open and not self.depth:
            self.open[-1].append(data)


def split_sentences(html: str) -> Iterator[tuple[int, str]]:
    """Each sentence with its number of words."""
    prose = _Prose()
    prose.feed(html)
    for block in prose.found:
        for sentence in re.split(r"(?<=[.!?])[\"'’”)*_]*\s+", block):
            if n_words := len(re.findall(r"[A-Za-z][\w’'-]*", sentence)):
                yield n_words, sentence


@pytest.mark.slow
@pytest.mark.parametrize("which", ["each section", "all kinds of tasks"])
def test_no_sentence_of_the_page_is_long(which: str, tables: Tables) -> None:
    report: Report = tiny_report() if which == "each section" else report_of(**tables)
    found = list(split_sentences(render_report(report.tables, report.run)))
    assert [sentence for n_words, sentence in found if n_words > MOST_WORDS] == []
    assert sum(n_words for n_words, _ in found) / len(found) <= MEAN_WORDS
    assert len(found) > 30
