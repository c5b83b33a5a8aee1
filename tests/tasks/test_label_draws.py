"""Fewer labels: how many, and which."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.tasks.label_draws import label_counts, nested_order


@pytest.mark.parametrize(
    ("n_labels", "n_classes", "counts"),
    [
        (14_056, 41, [100, 300, 1000, 3000]),  # 82 labels are two a class; 10,000 is more than half
        (2_310, 5, [30, 100, 300, 1000]),
        (50, 2, []),
    ],
)
def test_counts_go_by_half_powers_of_ten_up_to_half_of_the_labels(n_labels: int, n_classes: int, counts: list[int]) -> None:
    assert label_counts(n_labels, n_classes) == counts


def test_wanted_counts_are_kept_below_all_labels() -> None:
    assert label_counts(500, 2, [400, 50, 500, 1000, 50]) == [50, 400]


def test_a_prefix_holds_each_class_in_its_share() -> None:
    codes = np.repeat([0, 1, 2], [600, 300, 100])
    order = nested_order(codes, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(1000))
    for n in (10, 50, 200, 777):
        shares = np.bincount(codes[order[:n]], minlength=3)
        np.testing.assert_allclose(shares, n * np.array([0.6, 0.3, 0.1]), atol=1)


def test_draws_differ_and_a_class_of_one_is_not_always_first() -> None:
    codes = np.array([0] * 50 + [1])
    orders = [nested_order(codes, np.random.default_rng(seed)) for seed in range(40)]
    assert not np.array_equal(orders[0], orders[1])
    places = [int(np.flatnonzero(order == 50)[0]) for order in orders]
    assert min(places) < 15 and max(places) > 35
