from __future__ import annotations

import pytest

from emb_pipeline.text.spans import PlacedWords, compute_document_shares

TRICKY = "Zürich’s\u00a0café (est. 1,903) –\t\n naïve 东京 e\u0301te 😀 end"


def test_every_word_stands_where_it_is_said_to() -> None:
    placed = PlacedWords.of(TRICKY)
    assert [TRICKY[start:end] for start, end in zip(placed.starts, placed.ends, strict=True)] == placed.words
    assert "".join(placed.words) == "".join(TRICKY.split())  # nothing but white space is lost


@pytest.mark.parametrize(
    "answer", ["Zürich", "café (est", "1,903", "– \t\n naïve".replace(" \t", "\t"), "东京", "😀 end", "e\u0301te"]
)
def test_an_answer_is_cut_out_exactly_as_it_stands(answer: str) -> None:
    placed = PlacedWords.of(TRICKY)
    start = TRICKY.index(answer)
    assert placed.cut_between(*placed.find_covering(start, start + len(answer))) == answer


def test_an_answer_that_cuts_a_word_gets_the_whole_word() -> None:
    placed = PlacedWords.of("the 1960s ended")
    assert placed.cut_between(*placed.find_covering(4, 8)) == "1960s"


def test_white_space_is_no_answer() -> None:
    with pytest.raises(ValueError, match="hold no word"):
        PlacedWords.of("a  b").find_covering(1, 3)


def test_shares_count_texts_and_not_words() -> None:
    assert compute_document_shares([["The", "the", "cat"], ["the", "dog"]]) == {"the": 1.0, "cat": 0.5, "dog": 0.5}
