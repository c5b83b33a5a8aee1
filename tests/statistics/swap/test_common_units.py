"""Units of two test sets are matched by what they are."""

from __future__ import annotations

import pandas as pd

from emb_pipeline.statistics.swap.common_units import join_units


def _score(rows: list[tuple[str, str, float]], seed: int = 0) -> pd.DataFrame:
    columns = ["unit_id", "content", "value"]
    return pd.DataFrame(rows, columns=columns).assign(group_id=lambda each: each["unit_id"], metric="accuracy", seed=seed)


def test_a_row_in_the_middle_moves_names_and_pairs_stay_right() -> None:
    deployed = _score([("row 1", "a", 1.0), ("row 2", "b", 0.0)])
    candidate = _score([("row 1", "new", 1.0), ("row 2", "a", 0.5), ("row 3", "b", 0.25)])
    found = join_units(deployed, candidate, "accuracy")
    assert found.units == ["row 2", "row 3"]
    assert found.deployed.tolist() == [1.0, 0.0] and found.candidate.tolist() == [0.5, 0.25]
    assert (found.n_deployed, found.n_candidate) == (2, 3)


def test_copies_of_a_text_are_matched_as_often_as_both_sides_have_them() -> None:
    deployed = _score([("1", "a", 1.0), ("2", "a", 0.0)])
    candidate = _score([("1", "a", 1.0), ("2", "a", 1.0), ("3", "a", 0.0)])
    found = join_units(deployed, candidate, "accuracy")
    assert found.units == ["1", "2"] and found.differences.tolist() == [0.0, 1.0]


def test_seeds_are_averaged_and_other_metrics_left_out() -> None:
    deployed = pd.concat([_score([("1", "a", 1.0)]), _score([("1", "a", 0.0)], seed=1)])
    other = _score([("1", "a", 9.0)]).assign(metric="log_loss")
    found = join_units(deployed, pd.concat([_score([("1", "a", 1.0)]), other]), "accuracy")
    assert found.deployed.tolist() == [0.5] and found.differences.tolist() == [0.5]


def test_nothing_in_common_is_no_error() -> None:
    found = join_units(_score([("1", "a", 1.0)]), _score([("1", "b", 1.0)]), "accuracy")
    assert found.units == [] and found.n_groups == 0
