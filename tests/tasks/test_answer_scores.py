"""SQuAD's measures against values worked out by hand and against the library that users know."""

from __future__ import annotations

import pytest

from emb_pipeline.tasks.answer_scores import answer_f1, exact_match, normalised

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


@pytest.mark.parametrize(("answer", "gold"), [(answer, each) for answer, gold, _, _ in CASES for each in gold])
def test_they_agree_with_transformers(answer: str, gold: str) -> None:
    squad = pytest.importorskip("transformers.data.metrics.squad_metrics")
    assert normalised(answer) == squad.normalize_answer(answer)
    assert exact_match(answer, [gold]) == squad.compute_exact(gold, answer)
    assert answer_f1(answer, [gold]) == pytest.approx(squad.compute_f1(gold, answer))


def test_an_article_alone_has_no_word_to_share() -> None:
    assert exact_match("the", ["a"]) == 1.0 and answer_f1("the", ["a"]) == 0.0  # as evaluate-v1.1 has it
