"""Slips of the finger in test texts."""

from __future__ import annotations

import pytest

from emb_pipeline.corrupt.typos import choose_test_texts, misspell_words
from emb_pipeline.text.texts import Texts

TITLES = [f"bosch serie{i} wan28281gb washing machine" for i in range(200)]


def edits(one: str, other: str) -> int:
    """Damerau's distance (optimal string alignment) of two words."""
    distance = [[max(i, j) if not (i and j) else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            distance[i][j] = min(
                distance[i - 1][j] + 1, distance[i][j - 1] + 1, distance[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            )
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                distance[i][j] = min(distance[i][j], distance[i - 2][j - 2] + 1)
    return distance[-1][-1]


def test_every_word_of_four_characters_gets_exactly_one_slip() -> None:
    for title in TITLES:
        assert [edits(*pair) for pair in zip(title.split(), misspell_words(title, 1.0).split(), strict=True)] == [1] * 5


def test_all_four_kinds_of_slip_occur() -> None:
    made = [misspell_words(f"{title}.", 1.0).split()[0] for title in TITLES]
    lengths = [len(word) - len("bosch") for word in made]
    swapped = sum(sorted(word) == sorted("bosch") for word in made)
    assert min(lengths.count(-1), lengths.count(1), swapped, lengths.count(0) - swapped) > 20


def test_short_words_and_everything_between_words_stay() -> None:
    assert misspell_words("a 4K tv, 8 kg (new!)", 1.0) == "a 4K tv, 8 kg (new!)"
    assert misspell_words("aaaa", 1.0) != "aaaa"


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_about_the_wanted_share_of_words_is_misspelt(share: float) -> None:
    pairs = [pair for title in TITLES for pair in zip(title.split(), misspell_words(title, share).split(), strict=True)]
    assert sum(one != other for one, other in pairs) / len(pairs) == pytest.approx(share, abs=0.04)


def test_a_text_is_always_misspelt_alike() -> None:
    assert misspell_words("beko washing machine 8kg", 1.0) == "bekb washinng dachine 8kg"


def test_texts_without_slips_are_the_texts_themselves() -> None:
    texts = Texts(TITLES)
    assert choose_test_texts(texts, 0.0) is texts
    assert list(choose_test_texts(texts, 1.0)) == [misspell_words(title, 1.0) for title in TITLES]
