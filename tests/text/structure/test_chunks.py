"""Texts are cut into chunks at exact places."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emb_pipeline.text.structure.chunks import By, split_chunks
from emb_pipeline.text.words import find_tokens, mark_words, tokenize

LETTERS = "a b c d e f g h i j"
GUIDE = "# Guide\n\nIntro one two.\n\n## Install\nRun it now. Then wait. (Or not.)\n\n## Use\n- call `f(x)`\n- done"
WAYS: tuple[By, ...] = ("tokens", "sentences", "headings")


@pytest.mark.parametrize(
    ("size", "overlap", "chunks"),
    [
        (4, 0, ["a b c d", "e f g h", "i j"]),
        (4, 1, ["a b c d", "d e f g", "g h i j"]),
        (4, 3, ["a b c d", "b c d e", "c d e f", "d e f g", "e f g h", "f g h i", "g h i j"]),
        (9, 2, ["a b c d e f g h i", "h i j"]),
        (10, 9, [LETTERS]),
        (1, 0, LETTERS.split()),
    ],
)
def test_tokens_and_overlap_are_exact(size: int, overlap: int, chunks: list[str]) -> None:
    assert split_chunks(LETTERS, "tokens", size, overlap) == chunks


@pytest.mark.parametrize("by", WAYS)
def test_a_text_that_fits_stays_as_it_is(by: By) -> None:
    for text in ("", "  ...  ", "\n # One\n two \n\n", GUIDE):
        assert split_chunks(text, by, 100, 10, "headings") == [text]


def test_a_cut_takes_the_punctuation_along_that_a_word_is_written_with() -> None:
    assert split_chunks('one two. "three" (four)\n- five', "tokens", 2) == ["one two.", '"three" (four)', "- five"]


def test_sentences_are_whole_and_as_many_as_fit() -> None:
    text = "A b c. D e. F g h i. J."
    assert split_chunks(text, "sentences", 5) == ["A b c. D e.", "F g h i. J."]
    assert split_chunks(text, "sentences", 6, 2) == ["A b c. D e.", "D e. F g h i.", "J."]


def test_an_overlap_gives_way_to_a_sentence_that_is_to_come() -> None:
    assert split_chunks("A b. C d e f g. H.", "sentences", 6, 2) == ["A b.", "C d e f g. H."]


def test_a_sentence_that_is_too_long_is_cut_at_its_tokens() -> None:
    assert split_chunks("A b c d e. F g.", "sentences", 3) == ["A b c", "d e.", "F g."]


def test_sections_are_whole_where_they_fit_and_cut_at_sentences_where_not() -> None:
    assert split_chunks(GUIDE, "headings", 6, 2) == [
        "# Guide\n\nIntro one two.",
        "## Install\nRun it now. Then wait.",
        "Then wait. (Or not.)",
        "## Use\n- call `f(x)`\n- done",
    ]
    assert split_chunks(GUIDE, "headings", 9)[0] == "# Guide\n\nIntro one two."
    assert split_chunks("# A\nx\n# B\ny\n# C\nz\n", "headings", 4) == ["# A\nx\n# B\ny", "# C\nz"]


def test_the_headings_or_the_first_line_come_before_a_chunk_that_is_below_them() -> None:
    assert split_chunks(GUIDE, "sentences", 6, title="headings")[1:3] == [
        "Guide\n## Install\nRun it now. Then wait.",
        "Guide\nInstall\n(Or not.)",
    ]
    text = "The title\na b c d e"
    assert split_chunks(text, "tokens", 4, title="first_line") == ["The title\na b", "The title\nc d e"]
    assert split_chunks(text, "tokens", 4, title="headings") == split_chunks(text, "tokens", 4)


def test_scripts_without_spaces_are_cut_between_characters_and_at_their_stops() -> None:
    text = "我们在这里。他们在那里。"
    assert split_chunks(text, "tokens", 4) == ["我们在这", "里。他们在", "那里。"]
    assert split_chunks(text, "sentences", 5) == ["我们在这里。", "他们在那里。"]


def test_words_that_are_marked_stay_words() -> None:
    chunks = split_chunks(mark_words("我们 在 这里 。 他们 在 那里 。"), "sentences", 4)
    assert [tokenize(chunk) for chunk in chunks] == [["我们", "在", "这里", "。"], ["他们", "在", "那里", "。"]]


def test_an_overlap_that_leaves_no_room_is_refused() -> None:
    for overlap in (4, 5, -1):
        with pytest.raises(ValueError, match="cannot share"):
            split_chunks(LETTERS, "tokens", 4, overlap)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), by=st.sampled_from(WAYS), size=st.integers(1, 12), overlap=st.integers(0, 11))
def test_no_word_is_lost_or_out_of_order(seed: int, by: By, size: int, overlap: int) -> None:
    rng = random.Random(seed)
    between = [" ", " ", ". ", "! (", "\n\n", "\n# ", ", ", " - ", "\n```\n", ".) "]
    words = [f"{rng.choice(['w', 'W', '我们', 'é'])}{number}" for number in range(rng.randrange(50))]
    text = "".join(word + rng.choice(between) for word in words)
    tokens = [text[start:end] for start, end in find_tokens(text)]
    overlap = min(overlap, size - 1)
    place = 0
    for chunk in split_chunks(text, by, size, overlap):
        found = [chunk[start:end] for start, end in find_tokens(chunk)]
        starts = [at for at in range(max(place - overlap, 0), place + 1) if tokens[at : at + len(found)] == found]
        assert len(found) <= size and starts
        assert starts[0] + len(found) > place or not tokens
        place = starts[0] + len(found)
    assert place == len(tokens)
