"""Sections of a text are found at its headings."""

from __future__ import annotations

from emb_pipeline.text.structure.headings import find_title, split_sections
from emb_pipeline.text.words import mark_words

GUIDE = "before\n# Guide\nintro\n## Install\nrun it\n### Linux\napt\n## Use\ncall it\n"


def test_sections_are_the_text_without_gaps() -> None:
    sections = split_sections(GUIDE)
    assert "".join(GUIDE[each.start : each.end] for each in sections) == GUIDE
    assert [(each.level, each.heading, GUIDE[each.body : each.end]) for each in sections] == [
        (0, "", "before\n"),
        (1, "Guide", "intro\n"),
        (2, "Install", "run it\n"),
        (3, "Linux", "apt\n"),
        (2, "Use", "call it\n"),
    ]


def test_a_section_knows_the_headings_that_it_is_under() -> None:
    assert [each.path for each in split_sections(GUIDE)] == [(), (), ("Guide",), ("Guide", "Install"), ("Guide",)]


def test_a_comment_in_a_block_of_code_is_no_heading() -> None:
    text = "# One\n```sh\n# a comment\n```\n~~~~\n# another\n~~~\n# still code\n~~~~\n# Two\n"
    assert [each.heading for each in split_sections(text)] == ["One", "Two"]


def test_a_line_is_a_heading_with_a_space_behind_one_to_six_marks() -> None:
    text = "#tag\n####### seven\n   ## Three spaces ##\n    # four spaces\n#\n"
    assert [each.heading for each in split_sections(text)] == ["", "Three spaces"]


def test_marked_words_do_not_hide_a_heading() -> None:
    assert [each.heading for each in split_sections(mark_words("# 标题\n正文"))] == ["标题"]


def test_a_text_without_headings_is_one_section() -> None:
    assert [(each.level, each.start, each.end) for each in split_sections("plain")] == [(0, 0, 5)]
    assert len(split_sections("")) == 1


def test_the_title_is_the_first_heading_where_none_is_of_a_higher_level() -> None:
    titles = [find_title(text) for text in (GUIDE, "## Install\nx\n# Guide\n", "no heading", "## One\n## Two\n")]
    assert [title.heading if title else None for title in titles] == ["Guide", None, None, "One"]
