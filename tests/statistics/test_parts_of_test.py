"""Scores on parts of the test units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics

from emb_pipeline.statistics.intervals.class_metrics import compute_class_metrics
from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio
from emb_pipeline.statistics.parts_of_test import COLUMNS, score_parts
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.tasks.scores import CellIdentity, build_item_scores, stamp_item_scores
from tests.statistics.test_unseen import of_cell

RESAMPLING = Resampling(resamples=200, permutations=199)
IDENTITY = CellIdentity(origin="task", method="a", task="topics", seed=0, embedding="task.a", family="")


def test_each_part_has_the_mean_of_its_units_and_an_interval_of_its_own() -> None:
    tables = [of_cell("a", [1, 1, 1, 0, 0, 0, 1]), of_cell("b", [0, 0, 0, 0, 1, 1, 1])]
    parts = {"topics": {"rare": {"u0", "u1", "u2", "u3"}, "common": {"u4", "u5"}, "none": set(), "one": {"u6"}}}
    found = score_parts(tables, parts, {"topics": "accuracy"}, RESAMPLING).set_index(["embedding", "part"])
    assert found["value"].unstack().loc["task.a"].to_dict() == {"rare": 0.75, "common": 0.0, "one": 1.0}
    assert found["value"].unstack().loc["task.b"].to_dict() == {"rare": 0.0, "common": 1.0, "one": 1.0}
    assert found["n"].loc["task.a"].to_dict() == {"rare": 4, "common": 2, "one": 1}
    rare, one = found.loc[("task.a", "rare")], found.loc[("task.a", "one")]
    assert rare["ci_low"] < 0.75 < rare["ci_high"] <= 1 and np.isnan(one["ci_low"])


def test_a_task_with_a_single_part_or_without_scores_has_no_row() -> None:
    parts = {"topics": {"rare": {"u0"}, "common": set()}, "other": {"rare": {"u0"}, "common": {"u1"}}}
    found = score_parts([of_cell("a", [1, 0])], parts, {"topics": "accuracy"}, RESAMPLING)
    assert isinstance(found, pd.DataFrame) and found.empty and list(found.columns) == list(COLUMNS)


def test_a_part_of_one_group_has_a_score_and_no_interval() -> None:
    table = of_cell("a", [1, 0, 1, 1], groups=["p", "p", "q", "r"])
    parts = {"topics": {"one": {"u0", "u1"}, "two": {"u2", "u3"}}}
    found = score_parts([table], parts, {"topics": "accuracy"}, RESAMPLING).set_index("part")
    assert found["value"].to_dict() == {"one": 0.5, "two": 1.0}
    assert np.isnan(found.loc["one", "ci_low"]) and found.loc["two", "ci_low"] <= 1


def test_a_ratio_of_sums_is_that_of_the_units_of_the_part() -> None:
    """F1 of entities on the second part is 2 of 10, and not what a line through the whole gives: below 0."""
    numerators, denominators = np.array([10.0, 8, 9, 0, 1, 1]), np.array([10.0, 8, 10, 6, 2, 2])
    table = of_cell("a", compute_ratio(numerators, denominators).tolist())
    table = table.set_column(table.column_names.index("metric"), "metric", pa.repeat("f1", 6))
    table = table.set_column(table.column_names.index("weight"), "weight", pa.array(denominators))
    parts = {"topics": {"first": {"u0", "u1", "u2"}, "second": {"u3", "u4", "u5"}}}
    found = score_parts([table], parts, {"topics": "f1"}, RESAMPLING).set_index("part")["value"]
    assert found.to_dict() == pytest.approx({"first": 27 / 28, "second": 2 / 10})


def test_metrics_of_classes_are_those_of_the_part_whatever_its_mix_of_classes() -> None:
    """Half of the units are of two classes in equal parts, the other half has one unit in ten of the rarer."""
    rng = np.random.default_rng(3)
    labels = np.concatenate([np.tile([0, 1], 100), np.tile([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 20)])
    logits = rng.normal(size=400) + labels
    logs = np.column_stack([-np.logaddexp(0, logits - 0.5), -np.logaddexp(0, 0.5 - logits)])
    predicted, units = logs.argmax(axis=1), np.array([f"u{number}" for number in range(400)])
    is_first = np.arange(400) < 200
    parts = {"topics": {"first": set(units[is_first]), "second": set(units[~is_first])}}
    found = {}
    for metric in ("macro_f1", "balanced_accuracy", "mcc", "auroc"):
        values = {**compute_class_metrics([metric], labels, logs), "label": labels, "prediction": predicted}
        table = stamp_item_scores(build_item_scores(units, units, values), IDENTITY)
        found[metric] = score_parts([table], parts, {"topics": metric}, RESAMPLING).set_index("part")["value"].to_dict()
    for part, is_in in (("first", is_first), ("second", ~is_first)):
        truth, given = labels[is_in], predicted[is_in]
        assert found["macro_f1"][part] == pytest.approx(sklearn.metrics.f1_score(truth, given, average="macro"))
        assert found["balanced_accuracy"][part] == pytest.approx(sklearn.metrics.balanced_accuracy_score(truth, given))
        assert found["mcc"][part] == pytest.approx(sklearn.metrics.matthews_corrcoef(truth, given))
        assert found["auroc"][part] == pytest.approx(sklearn.metrics.roc_auc_score(truth, logits[is_in]), abs=0.05)
