"""The decision in sentences, and what word vectors know."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from rich.console import Console

from emb_pipeline.reporting.console import write_decision
from emb_pipeline.reporting.gathered_tables import pair_comparable
from emb_pipeline.reporting.sections.background.diagnosis import show_diagnosis
from emb_pipeline.reporting.sections.summary.deploy import describe_decision
from emb_pipeline.reporting.tables import COLUMNS, ReportTables, empty_table
from tests.reporting.conftest import add_facts, leaderboard

NONE = pd.DataFrame(
    columns=[
        "task",
        "metric",
        "budget",
        "limit",
        "needed",
        "embedding",
        "chosen",
        "difference",
        "ci_low",
        "ci_high",
        "binds",
    ]
)


def _candidate(embedding: str, value: float, **changes: object) -> dict[str, object]:
    return {
        "task": "topic",
        "metric": "accuracy",
        "embedding": embedding,
        "value": value,
        "best": "pretrained.large_768",
        "difference_to_best": value - 0.8,
        "bound": value - 0.805,
        "margin": 0.01,
        "non_inferior": False,
        "standing": "shown" if changes.get("non_inferior") else "not shown",
        "units_needed": float("nan"),
        "floor": "control.random_50",
        "p_floor": 0.001,
        "corrected": float("nan"),
        "among": None,
        "labels_note": "",
        "n": 300,
        "fits": True,
        "exceeds": "",
        "unknown": "",
        "chosen": False,
        "tie": False,
        "bytes_per_item": 3072.0,
        **changes,
    }


BEST = _candidate("pretrained.large_768", 0.8, non_inferior=True)
SMALL = _candidate("task.tfidf", 0.797, non_inferior=True, chosen=True, bytes_per_item=204.0)


def _sentences(rows: list[dict[str, object]], relaxations: pd.DataFrame = NONE) -> list[str]:
    ((_, found),) = describe_decision(pd.DataFrame(rows), relaxations)
    return [each.text.striptags() for each in found]


def test_what_to_deploy_is_said_with_what_it_loses_and_what_it_saves() -> None:
    (sentence,) = _sentences([BEST, SMALL])
    assert sentence == (
        "Deploy task.tfidf, 79.7 %: 0.3 points below the best, pretrained.large_768. With 95 % confidence it is not more "
        "than 0.8 points below. A vector takes 204 B instead of 3.07 kB."
    )


def test_the_best_itself_is_deployed_where_nothing_else_is_good_enough() -> None:
    (sentence,) = _sentences([{**BEST, "chosen": True, "bound": 0.02}, {**SMALL, "chosen": False, "non_inferior": False}])
    assert sentence == (
        "Deploy pretrained.large_768, 80.0 %: the best. Only this one is shown to be within 1.0 points of the best."
    )


def test_what_is_best_measured_but_not_shown_is_said_so_with_the_units_that_would_show_it() -> None:
    measured = {"standing": "best measured", "non_inferior": False, "chosen": True, "units_needed": 4100.0}
    value = {"corrected": 0.782, "corrected_low": 0.751, "corrected_high": 0.812, "among": 35}
    small = {**SMALL, "chosen": False, "non_inferior": False, "standing": "not shown"}
    (sentence,) = _sentences([{**BEST, **measured, **value}, small])
    assert sentence == (
        "Deploy pretrained.large_768, 80.0 %: the best as measured. Another may be better by more than 1.0 points. "
        "About 3,800 more units would show it (80 % power). Corrected for having been chosen among 35: 78.2 % [75.1, 81.2]."
    )


def test_where_nothing_is_better_than_a_control_that_is_said_first_and_nothing_is_deployed() -> None:
    nothing = {"standing": "not above the floor", "non_inferior": False}
    rows = [{**BEST, **nothing, "chosen": True}, {**SMALL, **nothing, "chosen": False, "p_floor": 0.4}]
    (sentence,) = _sentences(rows)
    assert sentence == (
        "No embedding is shown to be better than control.random_50 here. pretrained.large_768 is the best measured, 80.0 %; "
        "deploy refuses it without --force."
    )


def test_scores_of_other_numbers_of_labels_are_not_used_silently() -> None:
    note = {"labels_note": "scores of 100 labels stand for 20: fewer were not measured"}
    _, warning = _sentences([{**BEST, **note}, {**SMALL, **note}])
    assert warning == "Scores of 100 labels stand for 20: fewer were not measured."


SLOW = {"fits": False, "exceeds": "latency_ms_p95", "latency_ms_p95": 82.0, "bound": float("nan")}


def test_what_scores_more_but_does_not_fit_is_named_with_its_reason_and_the_best_that_fits_is_not_called_the_best() -> None:
    rows = [
        _candidate("pretrained.minilm", 0.844, **SLOW),
        _candidate("pretrained.unmeasured", 0.81, fits=False, unknown="latency_ms_p95"),
        _candidate("pretrained.both", 0.805, **{**SLOW, "exceeds": "latency_ms_p95, bytes_per_item"}),
        BEST,
        SMALL,
        _candidate("pretrained.poor", 0.5, **SLOW),
    ]
    choice, *excluded = _sentences(rows)
    assert "0.3 points below the best that fits the budgets, pretrained.large_768." in choice
    assert excluded == [
        "pretrained.minilm scores 4.7 points more but exceeds the budget for time of a request (95 %) (82.0 ms).",
        "pretrained.unmeasured scores 1.3 points more but its time of a request (95 %) is unknown, and a budget limits it.",
        "pretrained.both scores 0.8 points more but exceeds the budget for time of a request (95 %) (82.0 ms) and for bytes "
        "per vector (3.07 kB).",
    ]
    alone = {**SMALL, "standing": "only candidate", "best": "task.tfidf", "difference_to_best": 0.0, "bound": float("inf")}
    assert _sentences([rows[0], alone])[0] == "Deploy task.tfidf, 79.7 %: the only candidate that fits the budgets."
    best = {**BEST, "chosen": True, "bound": 0.02}
    (sentence, _) = _sentences([rows[0], best, {**SMALL, "chosen": False, "non_inferior": False}])
    assert sentence.startswith("Deploy pretrained.large_768, 80.0 %: the best that fits the budgets. Only this one is shown")


def test_what_cannot_refuse_as_required_is_named_with_its_reason() -> None:
    lacks = {"fits": False, "lacks": "no cut-off keeps 5 %: few", "bound": float("nan")}
    alone = {**SMALL, "lacks": "", "standing": "only candidate", "best": "task.tfidf", "difference_to_best": 0.0}
    choice, excluded = _sentences([_candidate("pretrained.minilm", 0.844, **lacks), alone])
    assert choice == "Deploy task.tfidf, 79.7 %: the only candidate that refuses as required."
    assert excluded == "pretrained.minilm scores 4.7 points more but does not compete: no cut-off keeps 5 %: few."
    (nothing,) = _sentences([{**BEST, **lacks, "chosen": False}])
    assert nothing == (
        "No embedding can refuse what it cannot answer as decision.refuse asks. Of pretrained.large_768: no cut-off keeps "
        "5 %: few."
    )


def test_the_terminal_says_the_same() -> None:
    console = Console(width=400, file=io.StringIO(), color_system=None)
    rows = pd.DataFrame([_candidate("pretrained.<b>minilm</b>", 0.844, **SLOW), BEST, SMALL])
    console.print(write_decision(ReportTables(decision=rows)))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "pretrained.<b>minilm</b> scores 4.7 points more but exceeds the budget" in said


@pytest.mark.parametrize(
    ("languages", "said"),
    [
        ("en", "task.tfidf is, or is made from, a pretrained model made for text in: en (its model card)."),
        ("", "task.tfidf is, or is made from, a pretrained model made for an unknown language: no model card says which."),
        (None, None),
    ],
)
def test_a_recommendation_names_the_language_of_a_pretrained_model(languages: str | None, said: str | None) -> None:
    found = _sentences([BEST, {**SMALL, "languages": languages}])[1:]
    assert found == ([said] if said else [])


def test_ties_and_a_budget_that_binds_are_named() -> None:
    relaxed = pd.DataFrame(
        [
            {
                "task": "topic",
                "metric": "accuracy",
                "budget": "latency_ms_p95",
                "limit": 5.0,
                "needed": 12.0,
                "embedding": "pretrained.slow_1024",
                "chosen": "task.tfidf",
                "difference": 0.05,
                "ci_low": 0.03,
                "ci_high": 0.07,
                "binds": True,
            }
        ]
    )
    _, tie, budget = _sentences([BEST, SMALL, _candidate("task.one_hot", 0.796, tie=True, non_inferior=True)], relaxed)
    assert tie == "As good and as cheap: task.one_hot."
    assert budget == (
        "The budget for time of a request (95 %) (5.00 ms) binds: with 12.0 ms, pretrained.slow_1024 would bring "
        "+5.0 points [3.0, 7.0]."
    )


def test_where_nothing_fits_the_way_out_is_named() -> None:
    way_out = {"budget": "bytes_per_item", "limit": 100.0, "needed": 204.0, "embedding": "task.tfidf", "chosen": None}
    nothing = {"difference": None, "ci_low": None, "ci_high": None, "binds": True}
    relaxed = pd.DataFrame([{"task": "topic", "metric": "accuracy", **way_out, **nothing}])
    first, second = _sentences([{**BEST, "non_inferior": False, "fits": False}], relaxed)
    assert first == "No embedding fits all budgets."
    assert second == "task.tfidf would fit if bytes per vector could be 204 B instead of 100 B."


def _check(embedding: str, check: str, item: str, value: float, low: float, high: float) -> dict[str, object]:
    origin = embedding.partition(".")[0]
    asked = {"embedding": embedding, "origin": origin, "check": check, "item": item}
    return {**asked, "value": value, "ci_low": low, "ci_high": high, "p": float("nan"), "known": 30, "total": 40}


def _neighbors(embedding: str, found: dict[str, str], *, probe: bool) -> list[dict[str, object]]:
    origin, _, key = embedding.partition(".")
    facts = {"embedding": embedding, "origin": origin, "key": key}
    return [
        {**facts, "word": word, "rank": rank, "neighbor": each, "cosine": 0.5, "probe": probe}
        for word, names in found.items()
        for rank, each in enumerate(names.split(), 1)
    ]


def test_the_section_holds_questions_probe_words_and_whether_opposites_are_told_apart() -> None:
    checks = pd.DataFrame(
        [
            _check("domain.word2vec_8", "antonyms", "told from synonyms", 0.4, 0.3, 0.48),
            _check("generic.word2vec_8", "antonyms", "told from synonyms", 0.6, 0.52, 0.7),
            _check("generic.word2vec_8", "similarity", "wordsim353", float("nan"), float("nan"), float("nan")),
        ]
    )
    rows = pd.DataFrame(
        _neighbors("domain.word2vec_8", {"dose": "drug pill"}, probe=True)
        + _neighbors("generic.word2vec_8", {"dose": "amount drug"}, probe=True)
    )
    overlaps = pd.DataFrame(
        [
            ("domain.word2vec_8", "domain.word2vec_8_seed1", 0.6, 40, "seed", "domain.word2vec_8", "domain", "word2vec_8"),
            ("domain.word2vec_8", "generic.word2vec_8", 0.1, 30, "corpus", "domain.word2vec_8", "domain", "word2vec_8"),
        ],
        columns=list(COLUMNS["overlaps"]),
    )
    view = show_diagnosis(checks, rows, overlaps)
    assert view is not None
    assert [each.text.striptags() for each in view["findings"][1:]] == [
        "Trained again with another seed, a word’s ten neighbours overlap by 60.0 % to 60.0 % "
        "(Jaccard; domain.word2vec_8, domain.word2vec_8).",
        "Those of domain and generic vectors overlap by at most 10.0 % (word2vec_8, 30 words that both know).",
    ]
    assert (
        view["findings"][0]
        .text.striptags()
        .startswith(
            "Opposites or synonyms? Of 2 embeddings, 1 have opposites closer together than synonyms, 1 tell them apart"
        )
    )
    assert view["probes"]["lines"] == [("dose", ["drug, pill", "amount, drug"])]
    antonyms, similarity, stability = view["groups"]
    assert stability["items"] == ["another seed", "the other corpus"]
    assert stability["lines"] == [("domain.word2vec_8", "domain", [("60.0 %", "1 pair"), ("10.0 %", "1 pair")])]
    assert antonyms["lines"][0][2] == [("0.400", "[0.300, 0.480] 30 of 40")]
    assert similarity["lines"][0][2] == [("", "")] and similarity["lines"][1][2] == [("–", "30 of 40 known")]
    assert show_diagnosis(checks.iloc[:0], rows, overlaps) is None


def test_opposites_are_told_by_training_tokens_where_a_part_of_the_corpus_was_trained_on_too() -> None:
    name = "domain.word2vec_8"
    checks = pd.DataFrame(
        [
            _check(name, "antonyms", "told from synonyms", 0.6, 0.5, 0.7),
            _check(f"{name}_less_text_50", "antonyms", "told from synonyms", 0.5, 0.4, 0.6),
            _check(f"{name}_typos_50", "antonyms", "told from synonyms", 0.4, 0.3, 0.5),
        ]
    )
    overlaps = empty_table("overlaps")
    neighbors = pd.DataFrame(_neighbors(name, {"dose": "drug pill"}, probe=True))
    tokens = {name: 3e6, f"{name}_less_text_50": 1.5e6, f"{name}_typos_50": 3e6}
    view = show_diagnosis(checks, neighbors, overlaps, tokens, {name: [f"{name}_less_text_50", "domain.not_checked"]})
    assert view is not None
    assert view["findings"][1].text.striptags() == (
        "By training tokens, domain.word2vec_8 tells opposites from synonyms in 50.0 % [40.0 %, 60.0 %] from 1,500,000, "
        "60.0 % [50.0 %, 70.0 %] from 3,000,000."
    )
    without = show_diagnosis(checks, neighbors, overlaps)
    assert without is not None and len(without["findings"]) == 1


def test_neighbors_move_by_a_seed_by_another_sample_and_between_samples() -> None:
    first, second = "domain.word2vec_8_bootstrap1", "domain.word2vec_8_bootstrap2"
    names = ["domain.word2vec_8", "domain.word2vec_8_seed1", first, second, "generic.word2vec_8", f"generic.{first[7:]}"]
    facts = leaderboard(dict.fromkeys(names, 0.5)).drop_duplicates("embedding")
    pairs = pair_comparable(
        names, facts, [("domain.word2vec_8", "generic.word2vec_8"), ("domain.glove_8", "generic.glove_8")]
    )
    assert list(zip(pairs["first"], pairs["second"], strict=True)) == [
        ("domain.word2vec_8", "domain.word2vec_8_seed1"),
        ("domain.word2vec_8", first),
        ("domain.word2vec_8", second),
        ("generic.word2vec_8", "generic.word2vec_8_bootstrap1"),
        (first, second),
        ("domain.word2vec_8", "generic.word2vec_8"),
    ]
    view = show_diagnosis(
        pd.DataFrame([_check("domain.word2vec_8", "similarity", "wordsim353", 0.4, 0.3, 0.5)]),
        pd.DataFrame(_neighbors("domain.word2vec_8", {"dose": "drug pill"}, probe=True)),
        add_facts(pairs.assign(shared=(0.6, 0.4, 0.5, 0.25, 0.3, 0.1), words=40), "overlaps"),
    )
    assert view is not None
    assert [each.text.striptags() for each in view["findings"][:3]] == [
        "Trained again with another seed, a word’s ten neighbours overlap by 60.0 % to 60.0 % "
        "(Jaccard; domain.word2vec_8, domain.word2vec_8).",
        "Trained again on another sample of the corpus, a word’s ten neighbours overlap by 25.0 % to 50.0 % "
        "(generic.word2vec_8, domain.word2vec_8).",
        "Between two such samples, they overlap by 30.0 % to 30.0 % (domain.word2vec_8, domain.word2vec_8).",
    ]
    stability = view["groups"][-1]
    assert stability["items"] == [
        "another seed",
        "another sample of the corpus",
        "two samples, with each other",
        "the other corpus",
    ]
    assert [(name, [value for value, _ in cells]) for name, _, cells in stability["lines"]] == [
        ("domain.word2vec_8", ["60.0 %", "45.0 %", "30.0 %", "10.0 %"]),
        ("generic.word2vec_8", ["", "25.0 %", "", ""]),
    ]
    assert stability["lines"][0][2][1] == ("45.0 %", "mean of 2 pairs")
