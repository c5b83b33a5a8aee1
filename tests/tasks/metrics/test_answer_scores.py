"""SQuAD's measures against values worked out by hand and against the official script."""

from __future__ import annotations

import re
import string

import numpy as np
import pytest

from emb_pipeline.tasks.metrics.answer_scores import answer_f1, exact_match

CASES = [
    ("The Denver Broncos!", ["Denver Broncos"], 1.0, 1.0),
    ("Broncos", ["Denver Broncos"], 0.0, 2 / 3),  # precision 1, recall 1/2
    ("in the year 1903", ["1903", "year of 1903"], 0.0, 2 * 2 / (3 + 3)),  # the better of 2·1/(3+1) and 2·2/(3+3)
    ("a cat a cat", ["cat cat dog"], 0.0, 4 / 5),  # repeated words count as often as in both
    ("Ann", ["Bob", "Eve"], 0.0, 0.0),
    ("U.S.", ["us"], 1.0, 1.0),
    ("café  au\tlait", ["Café au lait"], 1.0, 1.0),
    ("–5", ["5"], 0.0, 0.0),  # only ASCII punctuation goes
]


@pytest.mark.parametrize(("answer", "gold", "exact", "f1"), CASES)
def test_exact_match_and_f1_are_those_worked_out_by_hand(answer: str, gold: list[str], exact: float, f1: float) -> None:
    assert exact_match(answer, gold) == exact
    assert answer_f1(answer, gold) == pytest.approx(f1)


def as_evaluate_v1_1_has_it(answer: str, gold: str) -> tuple[float, float]:
    """The official script, restated step by step: normalise, compare, count the words in common."""

    def steps(text: str) -> str:
        lowered = text.lower()
        without_punctuation = "".join(sign for sign in lowered if sign not in set(string.punctuation))
        without_articles = re.sub(r"\b(a|an|the)\b", " ", without_punctuation)
        return " ".join(without_articles.split())

    predicted, wanted = steps(answer).split(), steps(gold).split()
    left, common = list(wanted), 0
    for word in predicted:
        if word in left:
            left.remove(word)
            common += 1
    if not common:
        return float(predicted == wanted), 0.0
    precision, recall = common / len(predicted), common / len(wanted)
    return float(predicted == wanted), 2 * precision * recall / (precision + recall)


WORDS = ["the", "The", "a", "an", "cat", "Cat,", "U.S.", "us", "1,903", "1903", "–5", "é", "anthem", "(the)", "-"]


def test_they_agree_with_the_official_script() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        answer, gold = (" ".join(rng.choice(WORDS, size=rng.integers(1, 5))) for _ in range(2))
        assert (exact_match(answer, [gold]), pytest.approx(answer_f1(answer, [gold]))) == as_evaluate_v1_1_has_it(
            answer, gold
        )


def test_an_article_alone_has_no_word_to_share() -> None:
    assert exact_match("the", ["a"]) == 1.0 and answer_f1("the", ["a"]) == 0.0  # as evaluate-v1.1 has it
