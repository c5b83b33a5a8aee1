"""Names reach MLflow whole, and two names stay two."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param_name

from emb_pipeline.datasets.mlflow.names import clean_mlflow_name


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("ndcg@10", "ndcg_at_10"),
        ("f1_<b>", "f1__x3c_b_x3e_"),
        ("f1_A & B", "f1_A _x26_ B"),
        ("f1_größe", "f1_gr_xf6__xdf_e"),
        ("topic/f1", "topic/f1"),
        ("a//b", "a_x2f__x2f_b"),
        ("ndcg_at_10", "ndcg_x5f_at_10"),
        ("..", "_x2e__x2e_"),
        ("", "_x_"),
    ],
)
def test_what_mlflow_refuses_is_written_by_its_code(name: str, written: str) -> None:
    assert clean_mlflow_name(name) == written


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300), st.text(max_size=12))
def test_mlflow_takes_every_name_and_two_stay_two(name: str, other: str) -> None:
    for validate in (_validate_metric_name, _validate_param_name):
        validate(clean_mlflow_name(name))
    assert len(clean_mlflow_name(name)) <= 250
    assert (clean_mlflow_name(name) == clean_mlflow_name(other)) == (name == other)
