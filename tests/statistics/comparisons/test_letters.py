from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emb_pipeline.statistics.comparisons.letters import assign_compact_letters, assign_letters, find_letter_groups


def _different(n: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    table = np.zeros((n, n), dtype=bool)
    for i, j in pairs:
        table[i, j] = table[j, i] = True
    return table


def test_no_difference_is_one_letter_and_all_different_is_a_letter_each() -> None:
    assert assign_compact_letters(np.array([3, 2, 1]), _different(3, [])) == ["a", "a", "a"]
    assert assign_compact_letters(np.array([1, 3, 2]), ~np.eye(3, dtype=bool)) == ["c", "a", "b"]


def test_a_middle_system_shares_letters_with_both_ends() -> None:
    assert assign_compact_letters(np.array([3, 2, 1]), _different(3, [(0, 2)])) == ["a", "ab", "b"]


def test_a_published_display_is_reproduced() -> None:
    """Feeds of R's chickwts by pairwise Wilcoxon tests, as the documentation of R's package cld shows them.

    There: casein a, horsebean b, linseed bc, meatmeal ac, soybean c, sunflower a. Here b and c are exchanged, because
    letters go from the largest median down.
    """
    medians = {
        "casein": 342.0,
        "horsebean": 151.5,
        "linseed": 221.0,
        "meatmeal": 263.0,
        "soybean": 248.0,
        "sunflower": 328.0,
    }
    alike = {
        ("casein", "meatmeal"),
        ("casein", "sunflower"),
        ("meatmeal", "sunflower"),
        ("horsebean", "linseed"),
        ("linseed", "meatmeal"),
        ("linseed", "soybean"),
        ("meatmeal", "soybean"),
    }
    pairs = list(combinations(medians, 2))
    p = np.array([0.5 if pair in alike else 0.01 for pair in pairs])
    letters = assign_letters(list(medians), np.array(list(medians.values())), pairs, p)
    assert dict(zip(medians, letters, strict=True)) == {
        "casein": "a",
        "sunflower": "a",
        "meatmeal": "ab",
        "soybean": "b",
        "linseed": "bc",
        "horsebean": "c",
    }


def test_overlapping_groups_worked_out_by_hand() -> None:
    """Eight systems; the groups are the largest sets without one of the ten differing pairs."""
    pairs = [(1, 7), (1, 8), (2, 4), (2, 5), (2, 7), (3, 4), (3, 5), (3, 6), (3, 7), (3, 8)]
    groups = find_letter_groups(-np.arange(8.0), _different(8, [(i - 1, j - 1) for i, j in pairs]))
    as_numbered = [tuple(sorted(system + 1 for system in group)) for group in groups]
    assert as_numbered == [(1, 2, 3), (1, 2, 6), (1, 4, 5, 6), (2, 6, 8), (4, 5, 6, 7, 8)]


def test_more_than_26_letters_stay_readable() -> None:
    letters = assign_compact_letters(-np.arange(28.0), ~np.eye(28, dtype=bool))
    assert letters[:2] == ["a", "b"] and letters[25:] == ["z", "(aa)", "(ab)"]


def test_letters_follow_adjusted_p_values() -> None:
    pairs = list(combinations(["x", "y", "z"], 2))
    letters = assign_letters(["x", "y", "z"], np.array([0.1, 0.9, 0.5]), pairs, np.array([0.05, 0.2, 0.051]))
    assert letters == ["b", "a", "ab"]


def test_a_table_that_is_not_symmetric_is_refused() -> None:
    with pytest.raises(ValueError, match="symmetric"):
        assign_compact_letters(np.array([1, 2]), np.array([[False, True], [False, False]]))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_two_systems_share_a_letter_if_and_only_if_they_do_not_differ(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 9))
    values = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))
    different = _different(n, [pair for pair in combinations(range(n), 2) if data.draw(st.booleans())])
    groups = find_letter_groups(values, different)
    for i, j in combinations(range(n), 2):
        assert any(i in group and j in group for group in groups) != different[i, j]
    assert values[list(groups[0])].max() == values.max()
    assert not any(one < other for one in groups for other in groups)
