"""What is chosen on earlier periods, by score and by the decision rule, and how it does on the last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.statistics.costs import OF_REQUEST
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.decision.run_decision import RunScores
from emb_pipeline.statistics.periods.choice import BEST, HOLDS, NO_LONGER, ONLY, RULE, UNDECIDED
from emb_pipeline.statistics.periods.options import DriftOptions
from emb_pipeline.statistics.periods.table import measure_periods
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.tasks.scores import TRAINING_DRAWS

OPTIONS = DecisionOptions(margin=0.03, budgets={}, cheapest_by=("bytes_per_item",))
RESAMPLING = Resampling(resamples=400, seed=1)
PER_PERIOD = 600


def run_of(scores: dict[str, np.ndarray], groups: np.ndarray | None = None) -> RunScores:
    """Measurements of embeddings of these item scores; the later ones are smaller."""
    n = len(next(iter(scores.values())))
    units = [f"u{unit:04d}" for unit in range(n)]
    of_all = {"origin": "task", "dim": pa.scalar(None, pa.int64()), "tuned": False, "seed": 0, "task": "topic"}
    of_all |= {"label_fraction": 1.0, "metric": "accuracy"}
    tables = [
        pa.table({"unit_id": units, "group_id": units if groups is None else groups.astype(str), "value": values})
        for values in scores.values()
    ]
    for place, name in enumerate(scores):
        for column, value in {**of_all, "embedding": name, "method": name, "family": name}.items():
            tables[place] = tables[place].append_column(column, pa.repeat(value, n))
    cells = pd.DataFrame(
        {"task": "topic", "kind": "classification", "embedding": list(scores), "family": list(scores)}
        | {"bytes_per_item": 100.0 / (1 + np.arange(len(scores))), "train_seconds": 1.0, "dim": 8}
    )
    times = pd.DataFrame({"task": "topic", "embedding": list(scores), "steady": True, "note": ""})
    times = times.assign(**dict.fromkeys(OF_REQUEST, 1.0))
    draws = pd.DataFrame({"task": pd.Series(dtype=str)})
    return RunScores(pa.concat_tables(tables), TRAINING_DRAWS.empty_table(), cells, draws, times, {"topic": "accuracy"})


def measure(
    run: RunScores, lacking: dict[str, set[str]] | None = None, untimed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    def find_times(task: str, units: list[str]) -> np.ndarray:
        numbers = [int(unit[1:]) for unit in units]
        years = [f"{2021 + number // PER_PERIOD}" if number >= untimed else "NaT" for number in numbers]
        return np.array(years, dtype="datetime64[us]")

    return measure_periods(
        run, find_times, {"a", "b", "c"}, lacking or {}, DriftOptions(periods="year"), OPTIONS, RESAMPLING
    )


def planted(last_of_b: float) -> dict[str, np.ndarray]:
    """The best, one that is a little worse and half as large, and a bad one; in the last period the second loses more."""
    rng = np.random.default_rng(4)
    right = rng.random(3 * PER_PERIOD) < 0.8
    is_last = np.repeat([False, False, True], PER_PERIOD)
    loses = rng.random(3 * PER_PERIOD) < np.where(is_last, last_of_b, 0.008)
    return {
        name: values.astype(float)
        for name, values in (("a", right), ("b", right & ~loses), ("c", right & (rng.random(1800) < 0.5)))
    }


def rows_of(choices: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {str(row["chosen_by"]): row for row in choices.to_dict("records")}  # type: ignore[misc]


def test_both_choices_are_held_against_the_last_period() -> None:
    periods, choices = measure(run_of(planted(0.1)), untimed=5)
    assert periods.groupby("period", sort=False)["n"].first().to_dict() == {"2021": 595, "2022": 600, "2023": 600}
    assert set(periods["n_untimed"]) == {5} and set(periods["embedding"]) == {"a", "b", "c"}
    found = rows_of(choices)
    assert (found[BEST]["embedding"], found[BEST]["verdict"]) == ("a", HOLDS)
    assert (found[RULE]["embedding"], found[RULE]["verdict"], found[RULE]["best"]) == ("b", NO_LONGER, "a")
    assert (found[RULE]["n_earlier"], found[RULE]["n"], found[RULE]["period"]) == (1195, 600, "2023")
    assert found[RULE]["ci_low"] > 0.03 and found[RULE]["slope_high"] < 0
    assert found[RULE]["change"] == pytest.approx(found[RULE]["value"] - found[RULE]["earlier"])


def test_the_choice_of_the_rule_may_be_worse_by_what_the_rule_allows() -> None:
    found = rows_of(measure(run_of(planted(0.008)))[1])
    assert found[RULE]["embedding"] == "b" and found[RULE]["verdict"] == HOLDS and found[RULE]["difference"] > 0
    alone = rows_of(measure(run_of(planted(0.008)), lacking={"topic": {"b", "c"}})[1])
    assert list(alone) == [BEST] and alone[BEST]["embedding"] == "a"  # what the rule may take is the best itself


def test_too_few_groups_of_the_last_period_decide_nothing() -> None:
    groups = np.arange(3 * PER_PERIOD)
    groups[2 * PER_PERIOD :] = 5000 + np.arange(PER_PERIOD) % 10
    periods, choices = measure(run_of(planted(0.1), groups))
    assert choices["verdict"].tolist() == [UNDECIDED] and choices[["ci_low", "slope"]].isna().all(axis=None)
    assert periods.loc[periods["period"] == "2023", "ci_low"].isna().all() and (choices["embedding"] == "a").all()


def test_one_candidate_has_a_trend_alone_and_a_task_without_times_has_no_row() -> None:
    run = run_of({"a": planted(0.1)["a"], "control": planted(0.1)["c"]})
    periods, choices = measure(run)
    assert choices["verdict"].tolist() == [ONLY] and choices["slope"].notna().all() and len(periods) == 6
    nothing = measure_periods(run, lambda task, units: None, {"a"}, {}, DriftOptions(), OPTIONS, RESAMPLING)
    assert all(table.empty for table in nothing)
