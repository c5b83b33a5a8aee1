"""The answer for one task: what to deploy, how sure that is, what it costs, what else is worth considering."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.section import Report
from emb_pipeline.reporting.sections.summary.answer import list_doubts, view
from emb_pipeline.reporting.sections.summary.answer_figure import select_families
from emb_pipeline.reporting.sections.summary.recommendation import Recommendation, recommend_all
from emb_pipeline.reporting.tables import ReportTables
from tests.reporting.conftest import TOPIC, comparisons, leaderboard
from tests.reporting.tiny import of_frame, shaped

BEST, DENSE, SMALL = "task.tfidf", "domain.word2vec_100", "domain.word2vec_50"
CANDIDATE = {
    "task": "topic",
    "metric": "accuracy",
    "best": BEST,
    "margin": 0.01,
    "fits": True,
    "floor": "control.random_100",
    "n": 300,
    "bound": -0.05,
    "standing": "not shown",
    "exceeds": "",
    "unknown": "",
}
ROWS = {
    BEST: {"value": 0.756, "bytes_per_item": 2400.0, "latency_ms_p50": 0.7, "train_seconds": 0.0},
    DENSE: {"value": 0.748, "bytes_per_item": 400.0, "latency_ms_p50": 0.3, "train_seconds": 30.0},
    SMALL: {"value": 0.601, "bytes_per_item": 200.0, "latency_ms_p50": 0.3, "train_seconds": 30.0},
}


def report(
    chosen: str = BEST, board: dict[str, float] | None = None, curves: pd.DataFrame | None = None, **changes: Any
) -> Report:
    """A report of one task; what changes is of the chosen row."""
    of_chosen = {"chosen": True, "standing": "shown", "bound": 0.02, **changes}
    rows = [{**CANDIDATE, "embedding": name, **row, **(of_chosen if name == chosen else {})} for name, row in ROWS.items()]
    tables = {
        "leaderboard": of_frame("leaderboard", leaderboard(board or TOPIC)),
        "comparisons": of_frame("comparisons", comparisons(board or TOPIC)),
        "decision": shaped("decision", *rows),
        **({} if curves is None else {"learning_curves": curves}),
    }
    return Report(ReportTables(**tables), Run("tiny"))


def answer(of: Report) -> Recommendation:
    ((_, found),) = recommend_all(of)
    return found


def said(of: Report) -> dict[str, str]:
    found = answer(of)
    lines = {label: of.names.write_text(text) for label, text in found.lines()}
    return {"": of.names.write_text(found.headline), **{label: text.replace("\u202f", " ") for label, text in lines.items()}}


def test_the_recommendation_is_one_sentence_with_name_score_and_interval() -> None:
    assert said(report())[""].replace("\u202f", " ") == (
        "Deploy TF-IDF, fitted on the task's own data (task.tfidf). Its accuracy is 75.6 % [74.1, 77.1] on 300 test items."
    )


@pytest.mark.parametrize(
    ("changes", "sure"),
    [
        ({"bound": 0.02}, "With 95 % confidence it leads every other candidate by at least 2.0 points."),
        ({"bound": -0.004}, "Good enough: with 95 % confidence no candidate is better by more than 0.4 points."),
        (
            {"bound": -0.03, "standing": "best measured", "units_needed": 4100.0},
            "Not sure: another may be better by up to 3.0 points. About 3,800 more test items would show it (80 % power).",
        ),
        (
            {"standing": "only candidate", "bound": float("inf")},
            "Nothing to compare: it is the only one that fits the budgets.",
        ),
    ],
)
def test_it_says_how_sure_that_is(changes: dict[str, Any], sure: str) -> None:
    assert said(report(**changes))["How sure"] == sure


def test_it_says_what_it_costs_as_far_as_that_is_known() -> None:
    assert said(report())["What it costs"] == "0.70 ms a request · 2.40 kB a text · nothing to train"
    paid = said(report(usd_per_million_texts=20.0, latency_ms_p50=float("nan"), train_seconds=float("nan")))
    assert paid["What it costs"] == "2.40 kB a text · $20.00 for a million texts"


def test_two_alternatives_say_what_one_would_gain_and_lose() -> None:
    found = said(report())
    assert found["Cheaper"] == (
        "Word2Vec 100 · your text. You may lose 0.8 points [−0.2, 1.8]. A request takes 0.30 ms instead of 0.70 ms and a "
        "text takes 400 B instead of 2.40 kB."
    )
    assert "training takes 30.0 s instead of no time" in said(report(latency_ms_p50=0.3))["Cheaper"]
    assert found["Best dense"].startswith("Word2Vec 50 · your text. You lose 15.5 points [14.5, 16.5].")
    cheap = said(report(DENSE))
    assert "Better" not in cheap  # by less than the margin
    assert cheap["Cheaper"].startswith("Word2Vec 50") and cheap["Best sparse"].startswith("TF-IDF. You may gain 0.8 points")


def test_an_alternative_over_the_budget_says_so_and_is_offered_only_where_it_scores_higher() -> None:
    of = report(SMALL)
    rows = of.tables.decision
    rows.loc[rows["embedding"] != SMALL, "fits"] = False
    rows.loc[rows["embedding"] != SMALL, "exceeds"] = "bytes_per_item"
    found = said(of)
    assert found["Better"].startswith("TF-IDF. You gain 15.5 points") and found["Better"].endswith(
        "It is over the budget for bytes per vector."
    )
    assert "Best sparse" not in found


def test_an_interval_without_zero_that_is_not_significant_says_over_how_many_pairs() -> None:
    of = report(board={**TOPIC, DENSE: 0.741})  # 1.5 points, its interval 0.5 to 2.5, adjusted p 0.3
    assert "You may lose 1.5 points [0.5, 2.5], adjusted p = 0.300 over 21 pairs." in said(of)["Cheaper"]


def test_it_says_what_more_labels_would_bring_from_what_is_known() -> None:
    curve = {"task": "topic", "metric": "accuracy", "embedding": BEST, "n_labels": 300, "value": 0.756}
    doubled = {"doubling": 0.021, "doubling_low": 0.01, "doubling_high": 0.03}
    assert said(report(curves=shaped("learning_curves", {**curve, **doubled})))["More labels"] == (
        "Twice as many labels would bring it about 2.1 points [1.0, 3.0] more."
    )
    of = report()
    of.tables.decision.loc[1, "units_needed"] = 1300.0
    assert (
        said(of)["More labels"] == "About 1,000 more test items would show whether Word2Vec 100 · your text is good enough."
    )
    of = report()
    of.tables.comparisons["detectable"] = 0.04
    assert said(of)["More labels"] == (
        "Your 300 test items show differences from about 4.0 points on. Four times as many would show half of that."
    )
    assert "More labels" not in said(report())


def test_where_nothing_is_above_the_floor_or_nothing_fits_nothing_is_recommended() -> None:
    of = report(standing="not above the floor")
    assert answer(of).is_warning and answer(of).embedding is None and answer(of).lines() == []
    assert said(of)[""].startswith("Deploy none of these yet. No embedding is shown to be better than random vectors 100")
    nothing = report("none")
    nothing.tables.decision["chosen"] = False
    assert said(nothing)[""].startswith("No embedding fits all budgets.")
    nothing.tables.decision["lacks"] = pd.Series("no cut-off keeps 5 %: few", nothing.tables.decision.index, dtype="string")
    assert said(nothing)[""].startswith("No embedding can refuse what it cannot answer as decision.refuse asks.")
    assert [task["short"] for task in view(nothing)["tasks"]] == ["nothing to deploy yet"]


def test_without_a_decision_the_highest_is_named_and_controls_alone_are_nothing_to_choose() -> None:
    board = of_frame("leaderboard", leaderboard({"task.tfidf": 0.7, "control.random_50": 0.2}))
    assert said(Report(ReportTables(leaderboard=board), Run("tiny")))[""].startswith("TF-IDF, fitted on")
    alone = of_frame("leaderboard", leaderboard({"control.random_50": 0.2}))
    assert said(Report(ReportTables(leaderboard=alone), Run("tiny")))[""].startswith("There is nothing to choose from")


def test_what_makes_the_answer_doubtful_stays_in_sight() -> None:
    of = report(board={**TOPIC, "control.random_100": 0.76})
    (each,) = of.results
    doubts = [found.text.striptags() for found in list_doubts(each, BEST, {BEST})]
    assert doubts == ["A control scores as much: control.random_100, 76.0 %. The task may need no knowledge of the text."]
    (fine,) = report().results
    assert list_doubts(fine, BEST, {BEST}) == []


def test_the_figure_holds_the_best_of_each_family_what_is_named_and_one_control() -> None:
    (each,) = report().results
    shown = select_families(each.distinct, [SMALL])
    assert list(shown["embedding"]) == ["task.tfidf", DENSE, SMALL, "control.random_100"]
