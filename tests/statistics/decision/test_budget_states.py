"""The decision under every combination of budgets is what `decide` gives under each."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.costs import WEIGHED
from emb_pipeline.statistics.decision import budget_states
from emb_pipeline.statistics.decision.budget_states import decide_budget_states, list_limits
from emb_pipeline.statistics.decision.decide import Rules, decide
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.system_scores import SystemScores

LIMITED = ("bytes_per_item", "latency_ms_p95", "train_seconds")


def scored_at_random(seed: int, n_embeddings: int = 7, n_units: int = 300) -> Scored:
    """Right or wrong on each unit, correlated; two of them are equal, and a control is nearly as good as some."""
    rng = np.random.default_rng(seed)
    easy = rng.random(n_units)[:, None]
    right = (easy + rng.normal(0, 0.25, (n_units, n_embeddings)) < rng.uniform(0.5, 0.75, n_embeddings)).astype(float)
    right[:, 1] = right[:, 0]
    names = [f"e{column}" for column in range(n_embeddings)]
    floors = {"control": (easy[:, 0] + rng.normal(0, 0.25, n_units) < 0.55).astype(float)} if seed % 3 else None
    systems = SystemScores(right, names)
    return Scored.of_units(Criterion("topic", "accuracy", 0.03), systems, floors, n_resamples=400, rng=rng)


def costs_at_random(seed: int, names: list[str]) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """Few sizes, and times of which some are unknown; one is known only to be higher."""
    rng = np.random.default_rng(seed + 100)
    costs = pd.DataFrame({"bytes_per_item": rng.choice([200.0, 400.0, 1200.0], len(names))}, index=names)
    costs["latency_ms_p95"] = np.round(rng.gamma(2, 2, len(names)), 3)
    costs["train_seconds"] = rng.choice([0.0, 30.0, 300.0, np.nan], len(names))
    why = {names[2]: {"latency_ms_p95": "on another task: not measured"}} if seed % 2 else {}
    return costs.reindex(columns=[*LIMITED, *(name for name in WEIGHED if name not in LIMITED)]), why


@pytest.mark.parametrize("seed", range(6))
def test_every_state_is_what_decide_gives_under_these_budgets(seed: int) -> None:
    scored = scored_at_random(seed)
    costs, why = costs_at_random(seed, scored.embeddings)
    lacks = {"e3": "no cut-off"} if seed > 2 else {}
    rules = Rules({"latency_ms_p95": 5.0} if seed % 2 else {}, LIMITED, lacks=lacks)
    states = decide_budget_states(scored, costs, rules, LIMITED, why)
    found, expected = [], []
    for state in states.to_dict("records"):
        limits = {name: state[name] for name in LIMITED if not math.isnan(state[name])}
        candidates, _ = decide(scored, costs, Rules(limits, LIMITED, lacks=lacks), why)
        fitting, chosen = candidates[candidates["fits"]], candidates[candidates["chosen"]]
        ties = set(candidates.loc[candidates["tie"], "embedding"])
        row = None if chosen.empty else (chosen["embedding"].iloc[0], chosen["standing"].iloc[0], chosen["best"].iloc[0])
        expected.append((row, ties, len(fitting)))
        own = None if pd.isna(state["chosen"]) else (state["chosen"], state["standing"], state["best"])
        found.append((own, {*filter(None, str(state["ties"]).split(", "))} if own else set(), state["competing"]))
    assert found == expected and len(found) > 20
    assert len({row for row, *_ in found}) > 2


def test_limits_are_the_costs_that_make_a_difference_and_the_budget_that_is_set() -> None:
    costs = pd.DataFrame({"bytes_per_item": [400.0, 400.0, 1200.0], "latency_ms_p95": [1.0, np.nan, 3.0]}, index=list("abc"))
    costs["train_seconds"] = 5.0
    limits = list_limits(costs, {"latency_ms_p95": 2.5}, LIMITED, {})
    assert limits == {"bytes_per_item": [400.0, math.inf], "latency_ms_p95": [1.0, 2.5, 3.0, math.inf]}


def test_where_there_are_too_many_combinations_limits_are_left_out_but_not_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget_states, "MOST_STATES", 500)
    rng = np.random.default_rng(0)
    costs = pd.DataFrame({name: rng.random(40) for name in LIMITED})
    limits = list_limits(costs, {"latency_ms_p95": 0.5}, LIMITED, {})
    assert 200 < math.prod(map(len, limits.values())) <= 500 and 0.5 in limits["latency_ms_p95"]
    for name, steps in limits.items():
        assert steps[0] == costs[name].min() and steps[-1] == math.inf and steps == sorted(steps)


def test_a_task_without_candidates_has_no_states() -> None:
    scored = scored_at_random(0).select_embeddings([])
    costs, _ = costs_at_random(0, scored.embeddings)
    assert decide_budget_states(scored, costs, Rules({}, LIMITED), LIMITED, {}).empty
