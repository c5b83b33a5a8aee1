"""Measures of embeddings against scores on tasks, as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.closeness.table import (
    ALL,
    CLOSENESS,
    CLOSENESS_SAVINGS,
    MEASURES,
    NO_CONTROLS,
    OWN,
    ClosenessTask,
    build_closeness,
    find_clusters,
)
from emb_pipeline.statistics.embedding_facts import EMBEDDING_FACTS, find_tuned_tasks
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, make_table

QUICK = Resampling(resamples=200)
NAMES = [f"domain.m{number}_100" for number in range(10)]
SKILL = dict(zip(NAMES, np.linspace(0.3, 0.9, 10).tolist(), strict=True))


def fact(name: str, **more: object) -> dict[str, object]:
    origin = name.partition(".")[0]
    return {"embedding": name, "origin": origin, "family": name, "shuffled_labels": False, "is_reduced": False} | {
        "gives_text_vectors": True,
        "can_be_exported": True,
        **more,
    }


def facts_of(*rows: dict[str, object]) -> pd.DataFrame:
    return make_table(rows, EMBEDDING_FACTS)


def scores_of(
    task: str, skill: dict[str, float], *, n: int = 400, seed: int = 0, families: dict[str, str] | None = None
) -> TaskScores:
    rng = np.random.default_rng(seed)
    scores = (rng.random((n, len(skill))) < np.array(list(skill.values()))).astype(float)
    cells: list[dict[str, object]] = [{"family": (families or {}).get(name, name)} for name in skill]
    units = [f"u{row}" for row in range(n)]
    return TaskScores(task, list(skill), cells, np.arange(n), {"accuracy": scores}, None, None, units=units)


def measure(name: str, values: dict[str, float], **more: object) -> pd.DataFrame:
    common = {"measure": name, "about": "", "task": "", "direction": 1, "uses_labels": False, **more}
    return make_table([{**common, "embedding": key, "value": value} for key, value in values.items()], MEASURES)


def rho_of(closeness: pd.DataFrame, name: str, population: str = ALL) -> float:
    rows = closeness[(closeness["measure"] == name) & (closeness["population"] == population)]
    return float(rows["rho"].iloc[0])


def test_a_measure_that_is_the_skill_is_found_and_saves_the_grid() -> None:
    noise = dict(zip(NAMES, np.random.default_rng(1).permutation(10).astype(float).tolist(), strict=True))
    backwards = {name: -value for name, value in SKILL.items()}
    measures = pd.concat([measure("good", SKILL), measure("noise", noise), measure("less is more", backwards, direction=-1)])
    tasks = [
        ClosenessTask(scores_of(name, SKILL, seed=seed), "accuracy") for seed, name in enumerate(("one", "two", "three"))
    ]
    closeness, savings = build_closeness(tasks, measures, facts_of(*map(fact, NAMES)), QUICK)
    assert list(closeness.columns) == list(CLOSENESS) and list(savings.columns) == list(CLOSENESS_SAVINGS)
    for name in ("good", "less is more"):
        rows = closeness[(closeness["measure"] == name) & (closeness["population"] == OWN)]
        assert (rows["rho"] > 0.9).all() and (rows["p_adjusted"] < 0.05).all() and (rows["ci_low"] > 0).all()
    assert (closeness.loc[closeness["measure"] == "noise", "p"] > 0.05).all()
    chosen = savings[savings["measure_by_others"] & savings["k_by_others"]]
    assert set(chosen["measure"]) <= {"good", "less is more"} and set(chosen["task"]) == {"one", "two", "three"}
    assert (chosen["loss"] < 0.02).all() and (chosen["k"] <= 3).all() and (chosen["loss_by_chance"] > 0.05).all()


def test_no_measure_is_claimed_where_none_is_related() -> None:
    """Of 40 reports of five measures each, two with a false claim are meant; 7 are met once in two hundred times."""
    rng, false = np.random.default_rng(5), 0
    facts = facts_of(*map(fact, NAMES))
    for seed in range(40):
        skill = dict(zip(NAMES, rng.uniform(0.3, 0.9, 10).tolist(), strict=True))
        values = [dict(zip(NAMES, rng.standard_normal(10).tolist(), strict=True)) for _ in range(5)]
        measures = pd.concat([measure(f"m{number}", each) for number, each in enumerate(values)])
        task = ClosenessTask(scores_of("one", skill, n=200, seed=seed), "accuracy")
        closeness, _ = build_closeness([task], measures, facts, QUICK)
        false += bool((closeness["p_adjusted"] <= 0.05).any())
    assert false < 7


def test_populations_leave_out_controls_and_copies() -> None:
    facts = facts_of(
        *map(fact, NAMES),
        fact("control.random_100"),
        fact("domain.m0_100_typos", base=NAMES[0], bases=NAMES[0], derivation="corruption"),
    )
    skill = {**SKILL, "control.random_100": 0.1, "domain.m0_100_typos": 0.2}
    values = {**SKILL, "control.random_100": 5.0, "domain.m0_100_typos": 4.0}
    task = ClosenessTask(scores_of("one", skill, n=4000), "accuracy")
    closeness, savings = build_closeness([task], measure("m", values), facts, QUICK)
    assert closeness.set_index("population")["n"].to_dict() == {ALL: 12, NO_CONTROLS: 11, OWN: 10}
    assert (
        rho_of(closeness, "m", ALL) < rho_of(closeness, "m", NO_CONTROLS) < rho_of(closeness, "m", OWN) == pytest.approx(1)
    )
    assert set(savings["n"]) == {10}


def test_seeds_are_averaged_and_shuffled_labels_left_out() -> None:
    repeats = {f"{NAMES[0]}_seed1": NAMES[0]}
    facts = facts_of(
        *map(fact, NAMES),
        fact(f"{NAMES[0]}_seed1", family=NAMES[0]),
        fact("control.shuffled", shuffled_labels=True),
    )
    skill = {**SKILL, f"{NAMES[0]}_seed1": 0.5, "control.shuffled": 0.0}
    values = {**SKILL, f"{NAMES[0]}_seed1": 0.5, "control.shuffled": 9.0}
    task = ClosenessTask(scores_of("one", skill, families=repeats, n=4000), "accuracy")
    closeness, _ = build_closeness([task], measure("m", values), facts, QUICK)
    assert set(closeness["n"]) == {10} and rho_of(closeness, "m") == pytest.approx(1)


def test_a_measure_of_labels_is_held_against_the_units_whose_labels_it_has_not_used() -> None:
    """The first half of the units is right for the worst ones: a measure that has used these is not scored on them."""
    found = scores_of("one", SKILL)
    found.metrics["accuracy"][:200] = 1 - found.metrics["accuracy"][:200].round() * 0 - np.linspace(0, 1, 10)
    used = frozenset(found.units[:200])
    measures = pd.concat([measure("labels", SKILL, uses_labels=True), measure("words", SKILL)])
    closeness, _ = build_closeness(
        [ClosenessTask(found, "accuracy", used_units=used)], measures, facts_of(*map(fact, NAMES)), QUICK
    )
    assert rho_of(closeness, "labels") > 0.9 > rho_of(closeness, "words")


def test_of_a_metric_where_lower_is_better_a_good_measure_is_positive() -> None:
    task = ClosenessTask(scores_of("one", {name: 1 - value for name, value in SKILL.items()}), "accuracy", True)
    closeness, savings = build_closeness([task], measure("m", SKILL), facts_of(*map(fact, NAMES)), QUICK)
    assert rho_of(closeness, "m") > 0.9 and savings.iloc[0]["loss"] < 0.02


def test_sizes_seeds_and_copies_are_one_cluster() -> None:
    curve = {"curve": "domain word2vec"}
    facts = facts_of(
        fact("domain.word2vec_50", **curve),
        fact("domain.word2vec_100", **curve),
        fact("domain.word2vec_100_seed1", family="domain.word2vec_100", **curve),
        fact("domain.repaired", base="domain.word2vec_100", bases="domain.word2vec_100", derivation="counter_fitting"),
        fact("domain.repaired_pca", base="domain.repaired", bases="domain.repaired", curve="domain.repaired by pca"),
        fact("generic.word2vec_50", curve="generic word2vec"),
        fact("pretrained.minilm"),
    )
    found = find_clusters(facts)
    assert {found[name] for name in facts["embedding"][:5]} == {"domain word2vec"}
    assert found["generic.word2vec_50"] == "generic word2vec" and found["pretrained.minilm"] == "pretrained.minilm"


def test_what_is_made_from_a_tuned_embedding_has_learned_from_its_labels_too() -> None:
    facts = facts_of(
        fact("domain.a"),
        fact("domain.a_tuned", bases="domain.a", tuned_on="topic"),
        fact("domain.a_tuned_pca", bases="domain.a_tuned"),
    )
    assert find_tuned_tasks(facts) == {"domain.a": set(), "domain.a_tuned": {"topic"}, "domain.a_tuned_pca": {"topic"}}


def test_without_measures_there_are_no_rows() -> None:
    task = ClosenessTask(scores_of("one", SKILL), "accuracy")
    closeness, savings = build_closeness([task], make_table([], MEASURES), facts_of(*map(fact, NAMES)), QUICK)
    assert closeness.empty and savings.empty and list(savings.columns) == list(CLOSENESS_SAVINGS)
