"""Words of texts are exchanged by lists of pairs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from emb_pipeline.corrupt.swap_lists import SHIPPED
from emb_pipeline.corrupt.swaps import WordSwap
from emb_pipeline.tasks.classification.options import ClassificationOptions

NAMES = WordSwap([("Emily", "Lakisha"), ("he", "she")])
PRONOUNS = WordSwap(SHIPPED["pronouns"])


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("Emily met LAKISHA", "Lakisha met EMILY"),
        ("emily's", "lakisha's"),
        ("He, the Emilys and sheriff Emilyson", "She, the Emilys and sheriff Emilyson"),
        ("Emily2 emily_x", "Lakisha2 lakisha_x"),
        ("nobody", "nobody"),
        ("", ""),
    ],
)
def test_whole_words_are_exchanged_both_ways_in_the_case_of_the_text(text: str, swapped: str) -> None:
    assert NAMES.swap(text).text == swapped
    assert NAMES.swap(swapped).text == text


def test_words_of_each_side_are_counted() -> None:
    found = NAMES.swap("Emily and she and Lakisha")
    assert (found.n_first, found.n_second) == (1, 2)


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("I like her book", "I like his book"),
        ("I saw her.", "I saw him."),
        ("I saw her in town", "I saw him in town"),
        ("give her the key", "give him the key"),
        ("Her own car", "His own car"),
        ("it is hers", "it is his"),
        ("it is his", "it is hers"),
        ("his, not hers", "hers, not his"),
        ("HIS book", "HER book"),
        ("he hurt himself", "she hurt herself"),
    ],
)
def test_her_is_his_before_a_noun_and_him_elsewhere(text: str, swapped: str) -> None:
    assert PRONOUNS.swap(text).text == swapped


@pytest.mark.parametrize("name", SHIPPED)
def test_a_list_of_the_package_gives_each_word_back_when_it_is_exchanged_twice(name: str) -> None:
    swap = WordSwap(SHIPPED[name])
    for first, second, *_ in SHIPPED[name]:
        for word in (first.lower(), second.lower()):
            once = swap.swap(f"{word} thing").text
            assert once != f"{word} thing" and swap.swap(once).text.removesuffix(" thing") in (word, "his", "her", "him")


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ((), "no pair of words"),
        ((("a b", "c"),), "no single word"),
        ((("a", "b"), ("b", "c")), "on both sides"),
        ((("him", "her"), ("his", "her")), "mark one 'before_noun'"),
    ],
)
def test_a_list_that_does_not_say_what_to_exchange_is_refused(pairs: tuple[tuple[str, str], ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        WordSwap(pairs)
    with pytest.raises(ValidationError, match=reason):
        ClassificationOptions(swaps={"mine": pairs})


def test_the_mark_that_the_refusal_names_works() -> None:
    pairs = [["him", "her"], ["his", "her", "before_noun"]]
    assert (
        ClassificationOptions.model_validate({"swaps": {"mine": pairs}}).word_swaps["mine"].swap("her dog").text == "his dog"
    )


def test_an_unknown_list_of_the_package_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match="did you mean 'names'"):
        ClassificationOptions(swaps={"nmes": "shipped"})


def test_typos_and_exchanged_words_of_one_task_are_refused() -> None:
    with pytest.raises(ValidationError, match="make two tasks"):
        ClassificationOptions(swaps={"names": "shipped"}, typos=0.3)
