"""Which embedding to deploy: not inferior, within budget, cheapest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from emb_pipeline.statistics.decision.decide import Rules, decide
from emb_pipeline.statistics.decision.joint_choice import compare_joint_choice
from emb_pipeline.statistics.decision.non_inferiority import check_non_inferiority, estimate_units_needed, run_floor_tests
from emb_pipeline.statistics.decision.options import RefusalOptions
from emb_pipeline.statistics.decision.requirements import find_lacks, join_lacks
from emb_pipeline.statistics.decision.scored import ALL_TASKS, Criterion, Scored, join_tasks
from emb_pipeline.statistics.decision.standings import MEASURED_BEST, NOT_ABOVE_FLOOR, NOT_SHOWN, SHOWN
from emb_pipeline.statistics.system_scores import SystemScores

NAMES = ["domain.large_300", "domain.small_50", "task.tfidf", "pretrained.big_768"]
COSTS = pd.DataFrame(
    {
        "bytes_per_item": [1200.0, 200.0, 190.0, 3072.0],
        "latency_ms_p95": [0.5, 0.4, 0.3, 12.0],
        "train_seconds": [30.0, 20.0, 0.0, np.nan],
    },
    index=NAMES,
)


def _scored(means: list[float], *, n: int = 2000, margin: float = 0.02, seed: int = 0, names: list[str] = NAMES) -> Scored:
    """Embeddings with these accuracies, exactly, right on the same kind of units."""
    rng = np.random.default_rng(seed)
    ease = rng.permutation(n)
    scores = np.stack(
        [(ease + rng.normal(scale=0.15 * n, size=n)).argsort().argsort() < round(mean * n) for mean in means], axis=1
    )
    return Scored.of_units(
        Criterion("topic", "accuracy", margin), SystemScores(scores.astype(float), names), n_resamples=1000, rng=rng
    )


def test_the_cheapest_that_is_not_inferior_is_chosen() -> None:
    candidates, _ = decide(_scored([0.80, 0.795, 0.70, 0.803], n=10_000), COSTS, Rules())
    row = candidates.set_index("embedding")
    assert row["chosen"].to_dict() == {name: name == "domain.small_50" for name in candidates["embedding"]}
    assert row.loc["task.tfidf", "non_inferior"] == False and row.loc["domain.large_300", "non_inferior"]  # noqa: E712
    assert candidates["embedding"][0] == "pretrained.big_768" and set(candidates["best"]) == {"pretrained.big_768"}
    assert row.loc["domain.small_50", "difference_to_best"] == pytest.approx(-0.008)
    assert -0.02 < row.loc["domain.small_50", "bound"] < -0.008 and row.loc["task.tfidf", "bound"] < -0.1


def test_a_budget_excludes_before_the_best_is_looked_for() -> None:
    scored = _scored([0.80, 0.78, 0.70, 0.90])
    candidates, relaxed = decide(scored, COSTS, Rules(budgets={"latency_ms_p95": 5.0, "bytes_per_item": 1000.0}))
    row = candidates.set_index("embedding")
    assert row["fits"].to_dict() == {name: name in ("domain.small_50", "task.tfidf") for name in candidates["embedding"]}
    assert row.loc["pretrained.big_768", "exceeds"] == "latency_ms_p95, bytes_per_item"
    assert row[row["chosen"]].index.tolist() == ["domain.small_50"] and set(row["best"]) == {"domain.small_50"}
    (line,) = relaxed.to_dict("records")  # the other two need both budgets
    assert (line["budget"], line["needed"], line["embedding"]) == ("bytes_per_item", 1200.0, "domain.large_300")
    assert line["difference"] == pytest.approx(0.02) and line["binds"] and line["ci_low"] > 0


def test_what_lacks_what_is_required_neither_competes_nor_is_it_let_in_by_a_larger_budget() -> None:
    table = pd.DataFrame({"task": "topic", "embedding": NAMES[:3], "level": 0.05, "exists": [True, True, False]})
    table = table.assign(recall_low=[0.80, 0.69, np.nan], reason=["", "", "few"])
    lacks = find_lacks(NAMES, "topic", table, RefusalOptions(recall=0.7))
    assert lacks == {
        "domain.small_50": "the cut-off that keeps 5 % is shown to have a recall of 0.690, below 0.7",
        "task.tfidf": "no cut-off keeps 5 %: few",
        "pretrained.big_768": "its cut-off was not measured",
    }
    assert find_lacks(NAMES, "search", table, None) == {}
    rules = Rules(budgets={"bytes_per_item": 1000.0}, lacks={name: lacks[name] for name in NAMES[2:]})
    candidates, relaxed = decide(_scored([0.80, 0.78, 0.70, 0.90]), COSTS, rules)
    row = candidates.set_index("embedding")
    assert row[row["chosen"]].index.tolist() == ["domain.small_50"] == row[row["fits"]].index.tolist()
    assert row.loc["task.tfidf", "lacks"] == row.loc["task.tfidf", "reason"] == "no cut-off keeps 5 %: few"
    assert relaxed["embedding"].tolist() == ["domain.large_300"]  # the one with the highest score would not compete either
    assert join_lacks({"topic": lacks, "search": {NAMES[0]: "few"}})[NAMES[0]] == "on search: few"


def test_what_is_known_to_fit_is_chosen_before_what_may_exceed() -> None:
    candidates, relaxed = decide(_scored([0.7, 0.7, 0.7, 0.9]), COSTS, Rules(budgets={"train_seconds": 100.0}))
    rows = candidates.set_index("embedding")
    unknown = rows.loc["pretrained.big_768"]
    assert (
        not unknown["fits"] and not unknown["chosen"] and (unknown["exceeds"], unknown["unknown"]) == ("", "train_seconds")
    )
    assert unknown["reason"] == "train_seconds is unknown: not measured"
    assert rows[rows["chosen"]].index.tolist() == ["task.tfidf"] and rows.loc["task.tfidf", "unknown"] == ""
    assert relaxed.empty  # no larger limit would let it in


def test_a_budget_whose_cost_is_known_of_none_excludes_none() -> None:
    costs = COSTS.assign(latency_ms_p95=np.nan)
    why = {name: {"latency_ms_p95": "measured on a busy machine"} for name in NAMES}
    rules = Rules(budgets={"latency_ms_p95": 5.0, "bytes_per_item": 2000.0})
    candidates, _ = decide(_scored([0.8, 0.6, 0.6, 0.9]), costs, rules, why)
    rows = candidates.set_index("embedding")
    (chosen,) = rows[rows["chosen"]].index
    assert chosen == "domain.large_300" and rows.loc[chosen, "unknown"] == "latency_ms_p95"
    assert rows.loc[chosen, "reason"].startswith("latency_ms_p95 is unknown: measured on a busy machine; ")
    over = rows.loc["pretrained.big_768"]
    assert (over["exceeds"], over["unknown"]) == ("bytes_per_item", "latency_ms_p95")
    assert over["reason"].startswith("bytes_per_item is 3072, above 2000; latency_ms_p95 is unknown")


def test_a_cost_that_is_only_known_to_be_higher_may_exceed_and_never_fits() -> None:
    """Of all tasks: slow enough on one of them to exceed, or fast there and not known on the other."""
    why = {NAMES[0]: {"latency_ms_p95": "on search: never timed"}, NAMES[3]: {"latency_ms_p95": "on search: never timed"}}
    candidates, _ = decide(_scored([0.9, 0.7, 0.7, 0.9]), COSTS, Rules(budgets={"latency_ms_p95": 5.0}), why)
    rows = candidates.set_index("embedding")
    assert (rows.loc[NAMES[0], "exceeds"], rows.loc[NAMES[0], "unknown"], rows.loc[NAMES[0], "fits"]) == (
        "",
        "latency_ms_p95",
        False,
    )
    assert (rows.loc[NAMES[3], "exceeds"], rows.loc[NAMES[3], "unknown"]) == ("latency_ms_p95", "")


def test_every_candidate_has_the_reason_why_it_was_chosen_or_not() -> None:
    candidates, _ = decide(_scored([0.80, 0.795, 0.70, 0.803], n=10_000), COSTS, Rules(budgets={"bytes_per_item": 3000}))
    assert candidates.set_index("embedding")["reason"].to_dict() == {
        "pretrained.big_768": "bytes_per_item is 3072, above 3000",
        "domain.large_300": "not inferior to domain.large_300, but domain.small_50 is cheaper",
        "domain.small_50": "the cheapest of 2 that are not inferior",
        "task.tfidf": "not shown to be within 0.02 of domain.large_300",
    }


def test_the_joint_choice_says_what_it_costs_on_each_task_and_who_competes() -> None:
    one = _scored([0.80, 0.70, 0.60, 0.60], margin=0.1)
    other = _scored([0.50, 0.60, 0.40, 0.90], margin=0.1, seed=1, names=[*NAMES[:3], "task.tagger"])
    other = Scored("tags", other.metric, other.embeddings, other.values, other.resampled, other.margin, other.n_units)
    weights = {"topic": 1.0, "tags": 1.0}
    together = join_tasks([one, other], weights)
    assert together is not None
    candidates, _ = decide(together, COSTS, Rules(budgets={"bytes_per_item": 1000.0}))
    table = compare_joint_choice([one, other], weights, candidates).set_index(["task", "embedding"])
    chosen = table[table["chosen"]]
    assert chosen.index.tolist() == [("topic", "domain.small_50"), ("tags", "domain.small_50")]
    assert chosen["best"].tolist() == ["domain.large_300", "task.tagger"]
    np.testing.assert_allclose(chosen["difference"], [-0.1, -0.3])
    assert (chosen["ci_low"] < chosen["difference"]).all() and (chosen["difference"] < chosen["ci_high"]).all()
    assert table.loc[("tags", "task.tagger"), "reason"] == "not evaluated on topic"
    assert not table.loc[("tags", "task.tagger"), "competes"]
    assert table.loc[("topic", "domain.large_300"), "reason"] == "bytes_per_item is 1200, above 1000"
    nobody = compare_joint_choice([one.select_embeddings(NAMES[:1]), other.select_embeddings(NAMES[1:2])], weights, None)
    assert not nobody["competes"].any() and nobody["reason"].tolist() == ["not evaluated on tags", "not evaluated on topic"]


def test_costs_within_five_per_cent_are_equal_and_the_next_cost_decides() -> None:
    costs = COSTS.assign(bytes_per_item=[200.0, 200.0, 192.0, 3072.0], latency_ms_p95=[0.4, 0.9, 0.41, 12.0])
    candidates, _ = decide(_scored([0.8] * 4), costs, Rules(cheapest_by=("bytes_per_item", "latency_ms_p95")))
    row = candidates.set_index("embedding")
    assert row[row["chosen"]].index.tolist() == ["task.tfidf"] and row[row["tie"]].index.tolist() == ["domain.large_300"]


def test_where_nothing_fits_nothing_is_chosen_and_the_nearest_way_out_is_named() -> None:
    candidates, relaxed = decide(_scored([0.8] * 4), COSTS, Rules(budgets={"bytes_per_item": 100.0}))
    assert not candidates["chosen"].any() and candidates["best"].isna().all()
    (line,) = relaxed.to_dict("records")
    assert (line["embedding"], line["needed"], line["binds"]) == ("task.tfidf", 190.0, True)


@pytest.mark.slow
def test_two_embeddings_are_tested_as_by_a_one_sided_t_test() -> None:
    rng = np.random.default_rng(2)
    scores = np.stack([rng.random(3000), rng.random(3000)], axis=1)
    scores[:, 1] += 0.5 * (scores[:, 0] - 0.5) - scores[:, 1].mean() + scores[:, 0].mean() - 0.008
    scored = Scored.of_units(Criterion("t", "accuracy", 0.02), SystemScores(scores, ["a", "b"]), n_resamples=20_000, rng=rng)
    p, bound = check_non_inferiority(scored)
    difference = scores[:, 1] - scores[:, 0]
    expected = ttest_1samp(difference, -0.02, alternative="greater")
    assert p[1] == pytest.approx(expected.pvalue, abs=0.004)
    assert bound[1] == pytest.approx(expected.confidence_interval(0.95).low, abs=5e-4)


@pytest.mark.slow
def test_an_embedding_that_is_worse_by_the_margin_is_seldom_let_through() -> None:
    """Three just inferior ones beside two that are equally best: any let through is an error."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(400):
        scores = rng.normal([0.5, 0.5, 0.4, 0.4, 0.4], 1.0, size=(400, 5)) + rng.normal(size=(400, 1))
        scored = Scored.of_units(
            Criterion("t", "accuracy", 0.1), SystemScores(scores, list("abcde")), n_resamples=200, rng=rng
        )
        p, _ = check_non_inferiority(scored)
        wrong += bool((p[2:] <= 0.05).any())
    assert wrong / 400 <= 0.065


@pytest.mark.slow
def test_equals_are_not_inferior_where_there_are_units_enough() -> None:
    rng = np.random.default_rng(6)
    found = 0
    for _ in range(50):
        scores = rng.normal(0.5, 1.0, size=(4000, 4))
        scored = Scored.of_units(
            Criterion("t", "accuracy", 0.1), SystemScores(scores, list("abcd")), n_resamples=200, rng=rng
        )
        found += (check_non_inferiority(scored)[0] <= 0.05).sum()
    assert found / 200 > 0.9


def test_equal_scores_are_not_inferior_and_one_candidate_is_enough() -> None:
    scores = np.repeat(np.random.default_rng(0).random((500, 1)), 2, axis=1)  # 50 could not show that they differ by < .01
    scored = Scored.of_units(
        Criterion("t", "m", 0.01), SystemScores(scores, ["a", "b"]), n_resamples=99, rng=np.random.default_rng(0)
    )
    assert (check_non_inferiority(scored)[0] <= 0.05).all()
    candidates, _ = decide(scored.select_embeddings(["a"]), COSTS.rename(index={NAMES[0]: "a"}), Rules())
    assert candidates["chosen"].tolist() == [True]


def test_several_tasks_count_in_units_of_their_margins() -> None:
    one = _scored([0.80, 0.70, 0.70, 0.60], margin=0.02)
    other = _scored([0.50, 0.60, 0.40, 0.40], margin=0.1, seed=1, names=[*NAMES[:3], "task.other"])
    other = Scored("search", other.metric, other.embeddings, other.values, other.resampled, other.margin, other.n_units)
    both = join_tasks([one, other], {"topic": 1.0, "search": 3.0})
    assert both is not None and both.task == ALL_TASKS and both.embeddings == NAMES[:3]
    expected = [0.25 * 0.80 / 0.02 + 0.75 * 0.5 / 0.1, 0.25 * 0.7 / 0.02 + 0.75 * 0.6 / 0.1]
    np.testing.assert_allclose(both.values[:2], expected)
    assert both.margin == 1.0 and join_tasks([one, other], {"topic": 1.0}) is None


@pytest.mark.parametrize("rules", [Rules(budgets={"dollars": 1.0}), Rules(cheapest_by=("dollars",))])
def test_a_cost_that_does_not_exist_is_refused_with_those_that_do(rules: Rules) -> None:
    with pytest.raises(ValueError, match="'dollars' is no cost; these were measured: bytes_per_item, latency_ms_p95"):
        decide(_scored([0.8] * 4), COSTS, rules)


def test_the_best_measured_is_tested_like_all_others_and_what_would_show_it_is_said() -> None:
    candidates, _ = decide(_scored([0.72, 0.71, 0.70, 0.73], n=300, margin=0.01), COSTS, Rules())
    rows = candidates.set_index("embedding")
    best = rows.loc["pretrained.big_768"]
    assert not rows["non_inferior"].any() and best["chosen"] and best["standing"] == MEASURED_BEST
    assert best["reason"].startswith("measured best, but not shown to be within 0.01 of every other; about ")
    assert best["units_needed"] > 300 and set(rows["standing"].drop("pretrained.big_768")) == {NOT_SHOWN}


@pytest.mark.slow
def test_as_many_units_as_are_said_to_be_needed_show_it_in_four_of_five_cases() -> None:
    rng = np.random.default_rng(3)

    def scored(n: int) -> Scored:
        scores = rng.normal(0.5, 1.0, size=(n, 4)) + rng.normal(size=(n, 1))
        return Scored.of_units(
            Criterion("t", "accuracy", 0.25), SystemScores(scores, list("abcd")), n_resamples=300, rng=rng
        )

    few = scored(100)
    needed = estimate_units_needed(few, np.full(4, 0.5), 0.05)
    passed = [check_non_inferiority(scored(round(needed[0])))[0][0] <= 0.05 for _ in range(100)]
    assert needed[0] > 100 and np.mean(passed) == pytest.approx(0.8, abs=0.1)
    assert np.isinf(
        estimate_units_needed(few, np.array([0.5, 0.5, 0.5, 0.8]), 0.05)[0]
    )  # it is inferior, whatever is measured


@pytest.mark.slow
def test_an_inferior_embedding_is_seldom_recommended_as_shown() -> None:
    """One is truly best; where another is measured best, the words say that it is not shown."""
    rng = np.random.default_rng(7)
    shown = measured = 0
    for _ in range(60):
        scores = (rng.normal(size=(300, 1)) + rng.normal(size=(300, 10)) < np.r_[0.85, np.full(9, 0.74)]).astype(float)
        names = [f"e{number}" for number in range(10)]
        scored = Scored.of_units(Criterion("t", "accuracy", 0.01), SystemScores(scores, names), n_resamples=200, rng=rng)
        costs = pd.DataFrame({"bytes_per_item": rng.permutation(10) + 1.0}, index=names)
        candidates, _ = decide(scored, costs, Rules(cheapest_by=("bytes_per_item",)))
        (chosen,) = candidates[candidates["chosen"]].to_dict("records")
        shown += chosen["embedding"] != "e0" and chosen["standing"] == SHOWN
        measured += chosen["embedding"] != "e0" and chosen["standing"] == MEASURED_BEST
    assert shown <= 6 and measured > 12  # 5 % of 60, and two standard deviations; an inferior one is often measured best


def test_nothing_that_is_no_better_than_a_control_counts_as_shown() -> None:
    rng = np.random.default_rng(8)
    scores = (rng.random((400, 4)) < 0.5).astype(float)
    floors = {
        "control.random_50": (rng.random(400) < 0.5).astype(float),
        "the largest class": np.r_[np.ones(208), np.zeros(192)],
    }
    worthless = Scored.of_units(
        Criterion("t", "accuracy", 0.3), SystemScores(scores, NAMES), floors, n_resamples=500, rng=rng
    )
    candidates, _ = decide(worthless, COSTS, Rules())
    assert set(candidates["standing"]) == {NOT_ABOVE_FLOOR} and candidates["non_inferior"].all()
    assert candidates["reason"].str.startswith("not shown to be better than ").all() and not candidates["above_floor"].any()
    scores[:, 0] = rng.random(400) < 0.8
    candidates, _ = decide(
        Scored.of_units(Criterion("t", "accuracy", 0.6), SystemScores(scores, NAMES), floors, n_resamples=500, rng=rng),
        COSTS,
        Rules(),
    )
    rows = candidates.set_index("embedding")
    assert rows["non_inferior"].all() and rows[rows["chosen"]].index.tolist() == [NAMES[0]]  # cheaper ones are worth nothing
    assert rows["standing"].value_counts().to_dict() == {NOT_ABOVE_FLOOR: 3, SHOWN: 1}


@pytest.mark.slow
def test_better_than_a_control_is_seldom_said_of_any_where_none_is() -> None:
    rng = np.random.default_rng(9)
    wrong = 0
    for _ in range(200):
        scores = rng.normal(size=(200, 1)) + rng.normal(size=(200, 7))
        floors = {"control.random_50": scores[:, 6]}
        part = Scored.of_units(
            Criterion("t", "m", 0.1), SystemScores(scores[:, :6], list("abcdef")), floors, n_resamples=300, rng=rng
        )
        wrong += bool((run_floor_tests(part)[0] <= 0.05).any())
    assert wrong <= 17  # 5 % of 200, and 2.3 standard deviations


def test_floors_of_several_tasks_are_those_that_all_of_them_have() -> None:
    rng = np.random.default_rng(0)

    def part(task: str, *floors: str) -> Scored:
        scores = rng.random((50, 2))
        of_floors = {name: rng.random(50) for name in floors}
        return Scored.of_units(
            Criterion(task, "accuracy", 0.1), SystemScores(scores, ["a", "b"]), of_floors, n_resamples=99, rng=rng
        )

    together = join_tasks(
        [part("one", "control.random_50", "the largest class"), part("two", "control.random_50")], {"one": 1, "two": 1}
    )
    assert together is not None and together.floor is not None and together.floor.embeddings == ["control.random_50"]
    without = join_tasks([part("one", "control.random_50"), part("two")], {"one": 1, "two": 1})
    assert without is not None and without.floor is None
