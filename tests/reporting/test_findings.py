"""Sentences are true for the tables that they are written from."""

from __future__ import annotations

import pandas as pd
import pytest

from emb_pipeline.reporting.results import Result, result
from emb_pipeline.reporting.sections.scores.methods import describe_samples, describe_seeds
from emb_pipeline.reporting.sections.summary.answer import describe_all_tasks
from emb_pipeline.reporting.sections.summary.task_findings import findings
from tests.reporting.conftest import SEARCH, TOPIC, audit, comparisons, leaderboard, origins

NONE = pd.DataFrame()


def of(
    values: dict[str, float], *, tests: bool = True, effects: pd.DataFrame = NONE, audited: pd.DataFrame = NONE
) -> Result:
    return result("topic", leaderboard(values), comparisons(values) if tests else NONE, effects, audited)


def text(each: Result) -> str:
    """All sentences, without mark-up."""
    return " ".join(finding.text.striptags() for finding in findings(each)).replace("\u202f", " ")


def warnings(each: Result) -> list[str]:
    return [finding.text.striptags() for finding in findings(each) if finding.tone == "warning"]


def test_the_leader_is_named_with_its_value_and_interval() -> None:
    assert "task.tfidf scores highest: accuracy 75.6 % [74.1, 77.1]" in text(of(TOPIC))


def test_what_does_not_differ_from_the_leader_is_named_with_the_number_of_items() -> None:
    assert (
        "domain.word2vec_100 is not significantly different from it on your 300 test items. "
        "The other 3 are significantly lower." in text(of(TOPIC))
    )


def test_a_leader_without_ties_says_that_all_others_are_lower() -> None:
    found = text(of({"task.tfidf": 0.8, "task.one_hot": 0.7, "domain.glove_50": 0.6, "control.random_50": 0.1}))
    assert "on 300 test items. All other embeddings (2) are significantly lower." in found
    assert "not significantly" not in found


def test_no_significant_difference_at_all_is_an_answer() -> None:
    found = text(of({"task.tfidf": 0.701, "domain.glove_50": 0.7, "generic.glove_50": 0.699, "control.random_50": 0.1}))
    assert "None of the other 2 embeddings is significantly different from it on your 300 test items." in found
    assert "No significant difference between dense and sparse on your 300 test items" in found
    assert "as good" not in found


@pytest.mark.parametrize(("difference", "shown"), [(0.001, True), (-0.004, True), (0.004, False)])
def test_sparse_is_as_good_only_where_the_interval_shows_it(difference: float, shown: bool) -> None:
    values = {"task.tfidf": 0.7, "domain.glove_50": 0.7 + difference}
    made = result("topic", leaderboard(values), comparisons(values), NONE, NONE, margin=0.012)  # half-width: a point
    found = text(made)
    assert ("Sparse is as good to within 1.2 points. The best dense" in found) is shown
    assert ("No significant difference between dense and sparse on your 300 test items" in found) is not shown


def test_an_untested_leader_is_not_called_better() -> None:
    board = leaderboard(TOPIC).assign(letters=None)
    assert "The others were not tested against it." in text(result("topic", board, NONE, NONE, NONE))


def test_letters_decide_where_the_comparisons_are_missing() -> None:
    assert "domain.word2vec_100 is not significantly different from it" in text(of(TOPIC, tests=False))


def test_letters_in_brackets_are_one_letter_each() -> None:
    board = leaderboard({"task.tfidf": 0.8, "domain.glove_50": 0.7})
    board["letters"] = board["embedding"].map({"task.tfidf": "(aa)", "domain.glove_50": "(ab)"})
    assert "significantly lower" in text(result("topic", board, NONE, NONE, NONE))


def test_one_embedding_alone_is_said_to_be_alone() -> None:
    found = text(of({"task.tfidf": 0.8, "control.random_50": 0.1}))
    assert "It is the only embedding on this task beside controls." in found


def test_only_controls_are_no_choice() -> None:
    assert "Only controls were evaluated" in text(of({"control.random_50": 0.1}))


def test_equal_leaders_are_named_together() -> None:
    found = text(of({"task.one_hot": 1.0, "task.tfidf": 1.0, "domain.glove_50": 0.99, "domain.glove_9": 0.5}))
    assert "task.one_hot and task.tfidf score highest: accuracy 100.0 %" in found
    assert "domain.glove_50 is not significantly different from them on your 300 test items" in found
    assert "The other one is significantly lower." in found


def test_sparse_above_dense_is_said_with_the_difference() -> None:
    found = text(of({"task.tfidf": 0.8, "domain.glove_50": 0.7, "control.random_50": 0.1}))
    assert "Sparse beats dense: the best dense embedding, domain.glove_50, is below task.tfidf. The gap is" in found
    assert "−10.0 points [−11.0, −9.0], adjusted p < 0.001" in found


def test_dense_above_sparse_is_said_with_the_difference() -> None:
    found = text(of({"domain.glove_50": 0.8, "task.tfidf": 0.7, "control.random_50": 0.1}))
    assert (
        "Dense beats sparse: domain.glove_50 is above the best sparse baseline, task.tfidf. The gap is +10.0 points" in found
    )


def test_lsa_is_dense_although_it_is_fitted_on_the_task() -> None:
    assert "Dense beats sparse: task.lsa_100" in text(of({"task.lsa_100": 0.8, "task.tfidf": 0.7}))


def test_an_interval_that_ends_at_zero_is_not_said_to_leave_it_out() -> None:
    compared = comparisons({"task.tfidf": 0.8, "domain.glove_50": 0.79}).assign(ci_low=1e-17)
    found = text(result("topic", leaderboard({"task.tfidf": 0.8, "domain.glove_50": 0.79}), compared, NONE, NONE))
    assert "leaves out zero" not in found


def test_an_interval_without_zero_does_not_overrule_the_adjusted_test() -> None:
    values = {"task.tfidf": 0.8, "domain.glove_50": 0.785}
    assert "Dense minus sparse is −1.5 points [−2.5, −0.5], adjusted p = 0.300 over 1 pairs" in text(of(values))


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ({("glove", 50): 0.1}, "Domain text helps. Against generic text, the change in accuracy is +10.0"),
        ({("glove", 50): 0.1, ("glove", 9): 0.2}, "Domain text helps in both matched pairs"),
        ({("glove", 50): -0.1, ("glove", 9): -0.2}, "Domain text hurts in both matched pairs"),
        (
            {("glove", 50): 0.01, ("glove", 9): -0.01},
            "Domain text makes no significant difference in any of 2 matched pairs",
        ),
        (
            {("glove", 50): 0.1, ("glove", 9): 0.0, ("glove", 7): -0.1},
            "Domain text helps in 1, makes no significant difference in 1 and hurts in 1 of 3 matched pairs",
        ),
    ],
)
def test_the_domain_effect_is_said_with_its_range(differences: dict[tuple[str, int], float], said: str) -> None:
    assert said in text(of(TOPIC, effects=origins(differences)))


def test_the_domain_effect_names_its_smallest_and_largest_pair() -> None:
    found = text(of(TOPIC, effects=origins({("glove", 50): 0.1, ("glove", 9): 0.2, ("glove", 7): 0.15})))
    assert "between +10.0 points [8.0, 12.0] (GloVe 50) and +20.0 points [18.0, 22.0] (GloVe 9)" in found


def test_without_a_generic_corpus_no_domain_effect_is_claimed() -> None:
    found = text(of({"task.tfidf": 0.8, "domain.glove_50": 0.7}))
    assert "No embedding was trained on generic text, so" in found
    assert "Domain text" not in found


def test_without_trained_embeddings_corpora_are_not_mentioned() -> None:
    assert "generic" not in text(of({"task.tfidf": 0.8, "task.one_hot": 0.7}))


def test_controls_at_the_floor_are_said_to_be_there() -> None:
    found = text(of(TOPIC))
    assert "The 2 controls stay at the floor: control.random_100 scores 41.2 % [39.7, 42.7], below every embedding." in found
    assert not warnings(of(TOPIC))


def test_a_control_above_an_embedding_is_a_warning_that_names_it() -> None:
    (warning,) = warnings(of({"task.tfidf": 0.8, "control.random_50": 0.6, "generic.glove_50": 0.5}))
    assert "The control control.random_50 scores 60.0 %. No higher than that: generic.glove_50" in warning


def test_a_control_that_leads_does_not_become_the_leader() -> None:
    each = of({"control.random_50": 0.9, "task.tfidf": 0.8})
    assert each.leader is not None and each.leader["embedding"] == "task.tfidf"
    assert warnings(each)


def test_an_embedding_no_different_from_a_control_is_a_warning() -> None:
    (warning,) = warnings(of({"task.tfidf": 0.8, "generic.glove_50": 0.51, "control.random_50": 0.5}))
    assert warning.startswith("Not significantly different from the control control.random_50 (50.0 %): generic.glove_50")


def test_shuffled_labels_above_the_largest_class_are_a_warning() -> None:
    audited = audit(("largest_class", 33, 300))
    assert "Something leaks" in warnings(of({"task.tfidf": 0.8, "control.shuffled_tfidf": 0.4}, audited=audited))[0]
    assert not warnings(of({"task.tfidf": 0.8, "control.shuffled_tfidf": 0.12}, audited=audited))


def test_a_missing_control_leaves_the_floor_unknown() -> None:
    assert "the noise floor is unknown" in text(of({"task.tfidf": 0.8}))


def test_the_ceiling_is_said_where_labels_conflict() -> None:
    assert "cap accuracy at 96.0 %" in text(of(TOPIC, audited=audit(("ceiling", 288, 300))))
    assert "cap" not in text(of(TOPIC, audited=audit(("ceiling", 300, 300))))


def test_seeds_are_one_embedding_in_sentences_and_a_range_of_their_own() -> None:
    seeds = {"domain.glove_50": 0.7, "domain.glove_50_seed1": 0.72, "domain.glove_50_seed2": 0.74, "control.random_50": 0.1}
    each = result("topic", leaderboard(seeds), NONE, NONE, NONE)
    assert "domain.glove_50 scores highest: accuracy 72.0 % [70.5, 73.5], mean of 3 seeds" in text(each)
    finding = describe_seeds(each)
    assert finding is not None and "by up to 4.0 points (domain.glove_50 over 3 seeds)" in finding.text.striptags()
    assert describe_seeds(of(TOPIC)) is None


def test_resamples_of_the_corpus_are_nothing_to_choose_and_have_a_range_of_their_own() -> None:
    resamples = {"domain.glove_50_bootstrap1": 0.78, "domain.glove_50_bootstrap2": 0.72}
    each = result("topic", leaderboard({"domain.glove_50": 0.75, "control.random_50": 0.1, **resamples}), NONE, NONE, NONE)
    assert "domain.glove_50 scores highest: accuracy 75.0 %" in text(each) and "bootstrap" not in text(each)
    assert list(each.rows["embedding"]) == ["domain.glove_50", "control.random_50"] and describe_seeds(each) is None
    finding = describe_samples(each)
    assert finding is not None and finding.text.striptags() == (
        "topic: another sample of the corpus moves accuracy by up to 6.0 points (domain.glove_50 over 2 resamples)."
    )
    assert describe_samples(of({"domain.glove_50": 0.75, "domain.glove_50_bootstrap1": 0.7})) is None


def test_the_cheapest_of_the_leading_group_is_named() -> None:
    assert "Of these, task.tfidf takes the least time to train, encode and fit: 5.50 s (at most 35.5 s)" in text(of(TOPIC))


def test_a_missing_value_leaves_the_embedding_out() -> None:
    assert "domain.glove_50" not in text(of({"task.tfidf": 0.8, "domain.glove_50": float("nan"), "control.random_50": 0.1}))


def test_one_task_has_no_overall_sentences() -> None:
    assert describe_all_tasks([of(TOPIC)]) == []


def test_across_tasks_the_sentences_count_tasks() -> None:
    search = result(
        "search",
        leaderboard(SEARCH, task="search", kind="retrieval"),
        comparisons(SEARCH, task="search", metric="ndcg@10"),
        NONE,
        NONE,
    )
    found = [each.text.striptags() for each in describe_all_tasks([of(TOPIC), search])]
    assert found == [
        "domain.word2vec_100 is in the leading group of both tasks: highest, or not significantly different from it.",
        "The best sparse baseline is not significantly different from the best dense embedding on 1 "
        "and below it on 1 of 2 tasks.",
    ]


def test_different_leaders_are_named_by_task() -> None:
    values = {"task.bm25": 0.9, "domain.word2vec_100": 0.3}
    search = result(
        "search",
        leaderboard(values, task="search", kind="retrieval"),
        comparisons(values, task="search", metric="ndcg@10"),
        NONE,
        NONE,
    )
    assert describe_all_tasks([of(TOPIC), search])[0].text.striptags() == (
        "No single embedding is in the leading group of both tasks. The highest: task.tfidf on topic; task.bm25 on search."
    )


def test_names_are_escaped() -> None:
    each = of({"task.<script>alert(1)</script>": 0.8, "control.random_50": 0.1})
    assert "<script>" not in "".join(finding.text for finding in findings(each))
