"""The costs of an embedding stand once."""

from __future__ import annotations

from dataclasses import fields

import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.statistics import costs
from emb_pipeline.tasks.evaluation import Evaluation


def test_every_group_names_costs_that_there_are() -> None:
    for group in (costs.WEIGHED, costs.OF_REQUEST, costs.OF_EVALUATION, costs.OF_TRAINING, costs.UNTIL_SCORED):
        assert group and set(group) <= set(costs.COSTS)


def test_an_evaluation_tells_all_that_it_costs() -> None:
    assert set(costs.OF_EVALUATION) == {field.name for field in fields(Evaluation)} & set(costs.COSTS)


def test_a_budget_limits_only_what_a_decision_weighs() -> None:
    weighed = TypeAdapter(costs.WeighedCost)
    assert weighed.validate_python("train_seconds") == "train_seconds"
    with pytest.raises(ValidationError, match="fit_seconds"):
        weighed.validate_python("fit_seconds")
