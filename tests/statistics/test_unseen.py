"""Scores without the units that were seen in training."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.unseen import COLUMNS, score_unseen
from emb_pipeline.tasks.scores import CellIdentity, build_item_scores, stamp_item_scores

RESAMPLING = Resampling(resamples=200, permutations=199)


def of_cell(
    name: str, values: list[float], *, seed: int = 0, family: str | None = "", groups: list[str] | None = None
) -> pa.Table:
    units = np.array([f"u{number}" for number in range(len(values))])
    scores = build_item_scores(units, units if groups is None else np.array(groups), {"accuracy": np.array(values)})
    return stamp_item_scores(
        scores, CellIdentity(origin="task", method=name, task="topics", seed=seed, embedding=f"task.{name}", family=family)
    )


def test_a_memory_loses_what_it_has_memorised_and_another_one_does_not() -> None:
    tables = [of_cell("memory", [1, 1, 1, 1, 0, 0, 1, 0]), of_cell("meaning", [1, 0, 1, 0, 1, 0, 1, 0])]
    seen = {"topics": {"u0", "u1", "u2", "u3"}, "other": {"u4"}}
    found = score_unseen(tables, seen, {"topics": "accuracy"}, RESAMPLING).set_index("embedding")
    memory, meaning = found.loc["task.memory"], found.loc["task.meaning"]
    assert (memory["n"], memory["n_seen"]) == (8, 4)
    assert (memory["value"], memory["value_unseen"], memory["difference"]) == (0.625, 0.25, 0.375)
    assert (meaning["value"], meaning["value_unseen"], meaning["difference"]) == (0.5, 0.5, 0.0)
    assert 0 <= memory["ci_low"] <= 0.25 <= memory["ci_high"] <= 1


def test_seeds_are_averaged() -> None:
    tables = [of_cell("w", [1, 1, 0, 0]), of_cell("again", [1, 0, 0, 0], seed=1, family="task.w")]
    seen = {"topics": {"u0"}}
    found = score_unseen(tables, seen, {"topics": "accuracy"}, RESAMPLING)
    assert found["embedding"].tolist() == ["task.w"]
    assert found["value_unseen"].tolist() == pytest.approx([1 / 6])


@pytest.mark.parametrize("units", [[], ["u9"], ["u0", "u1", "u2"]])
def test_a_task_without_seen_units_or_without_others_has_no_row(units: list[str]) -> None:
    seen = {"topics": set(units)}
    found = score_unseen([of_cell("w", [1, 1, 0])], seen, {"topics": "accuracy"}, RESAMPLING)
    assert found.empty and list(found.columns) == list(COLUMNS)


def test_units_of_a_single_group_have_no_row() -> None:
    table = of_cell("w", [1, 1, 0, 0], groups=["a", "a", "b", "b"])
    assert score_unseen([table], {"topics": {"u0", "u1"}}, {"topics": "accuracy"}, RESAMPLING).empty
    found = score_unseen([table], {"topics": {"u0"}}, {"topics": "accuracy"}, RESAMPLING)
    assert found["n_seen"].tolist() == [1] and found["ci_low"].notna().all()
