"""What scores over time say, in sentences, and the figure."""

from __future__ import annotations

from typing import Any

import pytest

from emb_pipeline.reporting.sections.scores.periods import describe_periods, plot_periods
from tests.reporting.tiny import BASELINE, DENSE, PERIOD_CHOICE, TINY, shaped

NOTHING = float("nan")
HELD = {**PERIOD_CHOICE, "verdict": "holds", "difference": -0.06, "ci_low": -0.108, "ci_high": -0.012, "slope_high": 0.01}
UNKNOWN = {"difference": NOTHING, "ci_low": NOTHING, "ci_high": NOTHING, "slope": NOTHING, "units_needed": NOTHING}


def sentences(**changed: Any) -> list[str]:
    choices = shaped("period_choices", {**PERIOD_CHOICE, **changed})
    return [found.text.striptags() for found in describe_periods(TINY["periods"], choices)]


def test_a_choice_that_no_longer_holds_is_a_warning_with_the_better_one() -> None:
    found = describe_periods(TINY["periods"], TINY["period_choices"])
    assert [each.tone for each in found] == ["warning", "warning", "plain"]
    assert [each.text.striptags() for each in found] == [
        f"{BASELINE} was measured best before the last period, 2024, and no longer is: {DENSE} is better by 6.0 points "
        "[1.2, 10.8] there.",
        f"The score of {BASELINE} falls from period to period: \u22124.5 points [\u22128.0, \u22121.0] each.",
        "12 of 300 test items have no time, and are in no period.",
    ]
    assert sentences(chosen_by="decision rule")[:2] == [
        f"{BASELINE} was the decision rule\u2019s choice before the last period, 2024, and no longer is: {DENSE} is better "
        "by 6.0 points [1.2, 10.8] there.",
        "That is more than the margin of 1.0 points.",
    ]


def test_a_choice_that_holds_names_the_margin_and_who_comes_next() -> None:
    assert sentences(**HELD)[:3] == [
        f"{BASELINE} was measured best before the last period, 2024, and still holds: no other is better by 1.0 points or "
        "more.",
        f"It is measured best there, too, ahead of {DENSE} by 6.0 points [1.2, 10.8].",
        f"The score of {BASELINE} has no significant trend: \u22124.5 points [\u22128.0, 1.0] from period to period.",
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"units_needed": 4321.0},
            [f"{DENSE} is measured better there by 6.0 points", "About 4,321 test items in the last"],
        ),
        (
            {"difference": 0.0, "ci_low": -0.05, "ci_high": 0.05},
            [f"{DENSE} is measured equal there, within [\u22125.0, 5.0]"],
        ),
        (UNKNOWN, []),
    ],
)
def test_what_cannot_be_decided_says_with_how_many_items(changed: dict[str, Any], expected: list[str]) -> None:
    first, *others = sentences(verdict="undecided", **changed)
    assert first.endswith("2024. Whether that still holds cannot be decided: 98 test items.")
    for start, found in zip(expected, others, strict=False):
        assert found.startswith(start)


def test_one_embedding_alone_has_a_trend_and_no_verdict() -> None:
    found = sentences(verdict="only one", slope=0.03, slope_low=0.01, slope_high=0.05)
    assert found[0] == f"The score of {BASELINE} rises from period to period: +3.0 points [1.0, 5.0] each."


def test_the_figure_has_a_line_for_each_embedding_with_intervals_for_all_periods_at_once() -> None:
    figure = plot_periods(TINY["periods"], TINY["period_choices"], "topic")
    assert {trace.name for trace in figure.data} == {DENSE, BASELINE}
    assert all(trace.error_y.array == pytest.approx([0.07] * 3) for trace in figure.data)
    assert figure.layout.xaxis.ticktext == ("2022", "2023", "2024")
    assert not plot_periods(TINY["periods"], TINY["period_choices"], "another").data
