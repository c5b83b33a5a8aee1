"""What learning curves and factorial effects say, in sentences."""

from __future__ import annotations

import pandas as pd
import pytest

from emb_pipeline.reporting.results import result
from emb_pipeline.reporting.sections.effects.factors import (
    describe_average_effects,
    describe_factors,
    overall_effects,
    plot_factors,
)
from emb_pipeline.reporting.sections.scores.labels import describe_curves, describe_zero_shot, plot_learning_curves
from emb_pipeline.reporting.sections.summary.answer import describe_any_difference, describe_label_luck
from emb_pipeline.reporting.sections.summary.task_findings import describe_power
from tests.reporting.conftest import leaderboard

CURVES = pd.DataFrame(
    [
        {
            "task": "topic",
            "metric": "accuracy",
            "embedding": name,
            "origin": name.partition(".")[0],
            "n_labels": count,
            "value": value,
            "ci_low": value - 0.01,
            "ci_high": value + 0.01,
            "doubling": 0.012,
            "doubling_low": 0.008,
            "doubling_high": 0.016,
        }
        for name, values in {"task.tfidf": (0.5, 0.6, 0.8), "domain.word2vec_100": (0.6, 0.65, 0.7)}.items()
        for count, value in zip((100, 300, 1000), values, strict=True)
    ]
)
CROSSOVER = {
    "task": "topic",
    "metric": "accuracy",
    "embedding": "domain.word2vec_100",
    "reference": "task.tfidf",
    "verdict": "ahead below",
    "n_labels": 410.0,
    "ci_low": 320.0,
    "ci_high": float("inf"),
    "fewest_labels": 100,
    "difference_at_fewest": 0.1,
    "difference_at_fewest_low": 0.05,
    "difference_at_fewest_high": 0.15,
    "most_labels": 1000,
    "difference_at_most": -0.1,
}


def _texts(crossovers: list[dict[str, object]]) -> list[str]:
    return [found.text.striptags() for found in describe_curves(CURVES, pd.DataFrame(crossovers))]


def test_who_is_ahead_with_few_labels_is_said_with_its_interval() -> None:
    lead, ahead, doubling = _texts([CROSSOVER])
    assert lead == "task.tfidf is best with all 1,000 labels, but with fewer others are ahead of it."
    assert ahead == (
        "domain.word2vec_100 is ahead below about 410 labels (95 %: 320 to more than 1,000); "
        "with 100 by 10.0 points [5.0, 15.0]."
    )
    assert doubling.startswith("Twice as many labels would bring task.tfidf about +1.2 points [0.8, 1.6]")


def test_where_nothing_is_ahead_it_is_said_how_long_others_are_as_good() -> None:
    lead, as_good, _ = _texts([{**CROSSOVER, "verdict": "as good below", "n_labels": 300.0}])
    assert (
        lead == "task.tfidf is best with all 1,000 labels, and nothing is significantly ahead of it with fewer, from 100 on."
    )
    assert as_good == "Up to 300 labels domain.word2vec_100 is not significantly different from it."


def test_tagged_sentences_are_called_so() -> None:
    crossovers = pd.DataFrame([CROSSOVER])
    lead, ahead, doubling = (
        found.text.striptags() for found in describe_curves(CURVES, crossovers, labels="labelled sentences")
    )
    assert "with all 1,000 labelled sentences" in lead and "below about 410 labelled sentences" in ahead
    assert doubling.startswith("Twice as many labelled sentences would bring")
    figure = plot_learning_curves(CURVES, "topic", "labelled sentences")
    assert figure.layout.xaxis.title.text == "labelled sentences learnt from (log scale)"


WITHOUT = {
    "task": "topic",
    "metric": "accuracy",
    "embedding": "domain.word2vec_100",
    "value": 0.62,
    "ci_low": 0.58,
    "ci_high": 0.66,
    "is_ahead": True,
    "ahead_from": 300.0,
    "crossing": 150.0,
    "crossing_low": 0.0,
    "crossing_high": float("inf"),
    "gain": 0.1,
    "fewest_labels": 100.0,
    "most_labels": 1000.0,
}


def _without_labels(**changed: object) -> list[str]:
    return [found.text.striptags() for found in describe_zero_shot(pd.DataFrame([{**WITHOUT, **changed}]))]


def test_it_is_said_how_many_labels_it_takes_to_be_ahead_of_none() -> None:
    best, needed = _without_labels()
    assert best == (
        "Without labels, by descriptions of the classes, domain.word2vec_100 has accuracy 62.0 % [58.0, 66.0], "
        "the most of all."
    )
    assert needed == (
        "The probe on domain.word2vec_100 is significantly ahead of it without labels from 300 on; "
        "the two are equal at about 150 (95 %: fewer than 100 to more than 1,000)."
    )
    _, always = _without_labels(crossing=0.0, crossing_high=0.0)
    assert always.endswith("from 300 on; its score is higher with every number of labels.")
    _, few = _without_labels(crossing=0.0)
    assert few.endswith("the two are equal at fewer than 100 (95 %: fewer than 100 to more than 1,000).")
    _, never = _without_labels(is_ahead=False, ahead_from=float("nan"))
    assert "is not significantly ahead of it without labels, even with all 1,000 labels; the two are equal" in never


@pytest.mark.parametrize(("is_ahead", "verb"), [(True, "is significantly"), (False, "is not significantly")])
def test_without_a_curve_all_labels_are_compared_with_none(is_ahead: bool, verb: str) -> None:
    _, said = _without_labels(is_ahead=is_ahead, fewest_labels=float("nan"), most_labels=float("nan"))
    assert said == f"The probe on domain.word2vec_100 with all labels {verb} ahead of it without any."


def test_scores_without_labels_are_drawn_at_0_left_of_the_scale() -> None:
    figure = plot_learning_curves(
        CURVES, "topic", zero_shot=pd.DataFrame([{**WITHOUT, "embedding": CURVES["embedding"][0]}])
    )
    assert figure.layout.xaxis.ticktext[0] == "0" and len(figure.data) == len(plot_learning_curves(CURVES, "topic").data) + 1
    (point,) = [each for each in figure.data if each.mode == "markers"]
    assert point.x[0] < min(CURVES["n_labels"]) and point.marker.symbol.endswith("-open") and list(point.y) == [0.62]


@pytest.mark.parametrize(
    ("unlabeled_texts", "said"),
    [
        (
            True,
            ["At every point task.tfidf had all of the task’s training texts to be fitted on, those without a label, too."],
        ),
        (False, ["At every point task.tfidf had the labelled texts alone to be fitted on."]),
        (None, []),
    ],
)
def test_it_is_said_which_texts_tfidf_knew(unlabeled_texts: bool | None, said: list[str]) -> None:
    bare = CURVES.assign(doubling=float("nan"))
    found = describe_curves(bare, None, unlabeled_texts=unlabeled_texts)
    assert [each.text.striptags() for each in found] == said
    assert not describe_curves(bare[bare["embedding"] != "task.tfidf"], None, unlabeled_texts=unlabeled_texts)


def test_a_curve_without_a_fit_says_nothing_of_more_labels() -> None:
    assert len(describe_curves(CURVES.assign(doubling=float("nan")), None)) == 0


def test_a_curve_is_drawn_for_the_best_of_each_origin() -> None:
    figure = plot_learning_curves(CURVES, "topic")
    assert [trace.name for trace in figure.data][:2] == ["task.tfidf", "domain.word2vec_100"]
    assert list(figure.data[0].x) == [100, 300, 1000]
    assert not plot_learning_curves(CURVES, "another").data


SHARES = pd.DataFrame(
    [
        {"design": "corpus × embedding", "metric": "accuracy", "term": term, "share": share, "ci_low": share - 0.1,
         "ci_high": share + 0.1, "spread": 0.05}
        for term, share in (("corpus", 0.7), ("embedding", 0.2), ("corpus × embedding", 0.1))
    ]
)  # fmt: skip
EFFECT = {
    "design": "corpus × embedding",
    "task": "topic",
    "metric": "accuracy",
    "factor": "corpus",
    "level_a": "domain",
    "level_b": "generic",
    "within": "",
    "instead_of": "",
    "difference": 0.061,
    "ci_low": 0.049,
    "ci_high": 0.073,
    "p": 0.001,
    "p_adjusted": 0.002,
    "pairs": 6,
}


def test_the_corpus_is_said_to_change_so_much_on_average_and_to_explain_so_much() -> None:
    change, explained = (each.text.striptags() for each in describe_factors(SHARES, pd.DataFrame([EFFECT]), 0.05))
    assert change == "Domain instead of generic text: +6.1 points [4.9, 7.3] on average over 6 embeddings."
    assert "Corpus: 70.0 % [60.0 %, 80.0 %], a spread of 5.0 points. Embedding: 20.0" in explained


def test_an_effect_that_is_not_significant_is_said_to_be_none() -> None:
    (change, _) = describe_factors(SHARES, pd.DataFrame([{**EFFECT, "p_adjusted": 0.4}]), 0.05)
    assert change.text.striptags().endswith("6 embeddings, which is not significant.")


INTERACTION = {
    **EFFECT,
    "design": "corpus × method at 100",
    "within": "method = word2vec",
    "instead_of": "method = glove",
    "difference": -0.031,
    "ci_low": -0.052,
    "ci_high": -0.01,
}


def test_an_interaction_is_said_from_the_side_where_the_corpus_changes_more() -> None:
    (_, interaction, _) = describe_factors(SHARES, pd.DataFrame([EFFECT, INTERACTION]), 0.05)
    assert interaction.text.striptags() == (
        "The effect of the corpus depends on what is trained on it. It is 3.1 points [1.0, 5.2] higher with glove than with "
        "word2vec (domain − generic, corpus × method at 100)."
    )
    (_, none, _) = describe_factors(SHARES, pd.DataFrame([EFFECT, {**INTERACTION, "p_adjusted": 0.3}]), 0.05)
    assert none.text.striptags().startswith(
        "No significant sign that the effect of the corpus depends on method or dimension (1 interaction)."
    )


def test_an_average_over_tasks_says_what_these_tasks_and_what_such_tasks_show() -> None:
    row = {
        **EFFECT, "tasks": 3, "difference": 0.02, "ci_low": 0.01, "ci_high": 0.03, "sample_low": -0.08, "sample_high": 0.12,
        "heterogeneity_p": 0.001, "i_squared": 0.9, "lowest_task": "mood", "lowest": -0.02, "highest_task": "topic",
        "highest": 0.06,
    }  # fmt: skip
    (found,) = describe_average_effects(pd.DataFrame([row]), 0.05)
    assert found.text.striptags() == (
        "Domain instead of generic text, over all tasks: +2.0 points [1.0, 3.0] on average over 3 tasks. It goes from −2.0 "
        "points (mood) to +6.0 points (topic). It depends on the task: 90.0 % of the spread is more than chance "
        "(I²). For other tasks of this sort, the average is in [−8.0, 12.0]."
    )


def test_tasks_without_any_difference_are_named() -> None:
    table = pd.DataFrame({"task": ["topic", "mood"], "labels": ["all", "all"], "p_adjusted": [0.002, 0.3]})
    found = describe_any_difference(table, 0.05)
    assert found is not None and found.tone == "warning"
    assert found.text.striptags().startswith(
        "On 1 of 2 tasks no difference between embeddings is significant: mood (p = 0.300)"
    )
    found = describe_any_difference(table.assign(p_adjusted=0.002), 0.05)
    assert found is not None and found.text.striptags().startswith("Embeddings differ on each of the 2 tasks")
    assert describe_any_difference(table.assign(labels="fewer"), 0.05) is None


def test_the_page_says_how_much_of_the_luck_is_that_of_the_labels() -> None:
    table = pd.DataFrame({"task": ["topic", "mood", "search"], "labels": "all", "label_share": [0.434, 0.0, 0.0]})
    found = describe_label_luck(table, {"topic", "mood"})
    assert found is not None and "That is 43 % on topic of the variance" in found.text.striptags()
    assert "On mood intervals and tests hold for other test items, not for other training labels" in found.text.striptags()
    assert describe_label_luck(table, set()) is None


def test_the_forest_leaves_single_embeddings_to_the_leaderboard() -> None:
    rows = pd.DataFrame(
        [
            EFFECT,
            {**EFFECT, "within": "method = glove"},
            {**EFFECT, "factor": "embedding", "level_a": "word2vec_50", "level_b": "glove_100"},
            {**EFFECT, "design": "corpus × method at 100", "factor": "method", "level_a": "word2vec", "level_b": "glove"},
        ]
    )
    figure = plot_factors(overall_effects(rows))
    assert [y for trace in figure.data for y in trace.y] == ["domain − generic (6 embeddings)", "word2vec − glove (at 100)"]


def test_it_is_said_which_differences_the_test_items_can_show() -> None:
    board = leaderboard({"task.tfidf": 0.76, "domain.word2vec_100": 0.75, "domain.word2vec_50": 0.6})
    compared = pd.DataFrame(
        [
            {"task": "topic", "metric": "accuracy", "embedding_a": "task.tfidf", "embedding_b": other, "difference": 0.01,
             "ci_low": -0.01, "ci_high": 0.03, "p": 0.4, "p_adjusted": 0.6, "detectable": size, "n": 300}
            for other, size in (("domain.word2vec_100", 0.041), ("domain.word2vec_50", 0.052))
        ]
    )  # fmt: skip
    made = describe_power(result("topic", board, compared, pd.DataFrame(), pd.DataFrame()))
    assert made is not None and made.text.striptags() == (
        "With 300 test items, the tests find a true difference of 5.2 points to the highest in four of five cases."
    )
    without = result("topic", board, compared.drop(columns="detectable"), pd.DataFrame(), pd.DataFrame())
    assert describe_power(without) is None
