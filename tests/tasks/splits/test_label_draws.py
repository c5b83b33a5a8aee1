"""Fewer labels: how many, and which."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.options import LearningCurveOptions
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.splits.label_draws import LabelDraws, label_counts, nested_order


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


def test_tagging_starts_with_more_labels_unless_others_are_wanted() -> None:
    assert label_counts(2_310, 5, fewest=100) == [100, 300, 1000]
    assert label_counts(2_310, 5, [30, 300], fewest=100) == [30, 300]


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


def test_parts_of_a_draw_hold_the_smaller_ones_and_other_draws_have_others() -> None:
    drawn = LabelDraws.plan("f1", n_labels=60, n_classes=2, n_units=5, n_draws=2, wanted=(10, 20, 40))
    parts = {place: set(part.tolist()) for place, part in drawn.parts(np.arange(60) % 2, 0)}
    assert set(parts) == {(row, draw) for row in range(3) for draw in range(2)}
    for draw in range(2):
        smallest, middle, largest = (parts[row, draw] for row in range(3))
        assert smallest < middle < largest and [len(smallest), len(middle), len(largest)] == [10, 20, 40]
    assert parts[1, 0] != parts[1, 1]


def test_item_scores_are_means_over_draws_by_hand() -> None:
    drawn = LabelDraws.plan("f1", n_labels=40, n_classes=1, n_units=3, n_draws=2, wanted=(10,))
    drawn.scores[0][:] = [[1.0, 0.0, 0.5], [0.0, 0.0, 1.0]]
    (table,) = drawn.item_scores(np.array(["a", "b", "c"]), np.array(["a", "b", "a"]))
    assert table["value"].to_pylist() == [0.5, 0.0, 0.75] and table["group_id"].to_pylist() == ["a", "b", "a"]
    assert set(table["label_fraction"].to_pylist()) == {0.25} and set(table["metric"].to_pylist()) == {"f1"}
    assert drawn.draws() == [
        {"n_labels": 10, "label_fraction": 0.25, "class_share": 0.25, "folds": 1, "draw": 0, "value": 0.5},
        {"n_labels": 10, "label_fraction": 0.25, "class_share": 0.25, "folds": 1, "draw": 1, "value": pytest.approx(1 / 3)},
    ]


def test_balanced_parts_have_as_many_of_each_class_and_hold_the_smaller_ones() -> None:
    codes = np.repeat([0, 1, 2], [50, 30, 10])
    sizes = np.array([50.0, 30, 10])
    drawn = LabelDraws.plan_balanced("f1", (8, 2), n_labels=90, class_sizes=sizes, n_units=4, n_draws=2)
    assert drawn.counts == [6, 24]
    parts = dict(drawn.parts(codes))
    for (row, draw), part in parts.items():
        assert np.bincount(codes[part]).tolist() == [[2, 2, 2], [8, 8, 8]][row]
        assert set(parts[0, draw]) <= set(part)
    assert drawn.draws()[0]["class_share"] == pytest.approx((2 / 50 + 2 / 30 + 2 / 10) / 3)
    assert drawn.draws()[0]["label_fraction"] == pytest.approx(6 / 90)


def test_without_draws_there_is_nothing_to_fit() -> None:
    drawn = LabelDraws.plan("f1", n_labels=4000, n_classes=1, n_units=3, n_draws=0)
    assert not list(drawn.parts(np.zeros(4000, dtype=int), 0)) and not drawn.draws()
    assert not drawn.item_scores(np.array(["a", "b", "c"]), np.array(["a", "b", "c"]))


@pytest.mark.parametrize(
    ("options", "values", "message"),
    [
        (SequenceLabelingOptions, {"label_counts": [100]}, "label_counts are given, but label_draws is 0: set it to 3"),
        (ClassificationOptions, {"label_counts": [100], "label_draws": 0}, "label_counts are given, but label_draws is 0"),
        (ClassificationOptions, {"labels_per_class": [8], "label_draws": 0}, "labels_per_class are given, but label_draws"),
        (
            ClassificationOptions,
            {"labels_per_class": [8], "label_counts": [30]},
            "label_counts and labels_per_class are given",
        ),
        (ClassificationOptions, {"label_counts": [1, 30]}, "label_counts.0\n.*greater than or equal to 2"),
        (ClassificationOptions, {"label_counts": []}, "label_counts\n.*at least 1 item"),
        (SequenceLabelingOptions, {"label_draws": -1}, "label_draws\n.*greater than or equal to 0"),
    ],
)
def test_counts_that_give_no_curve_are_refused(
    options: type[LearningCurveOptions], values: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        options.model_validate(values)


def test_tagging_has_no_curve_unless_it_is_asked_for() -> None:
    assert SequenceLabelingOptions().label_draws == 0 and ClassificationOptions().label_draws is None


def test_few_labels_are_drawn_more_often_unless_a_number_is_given() -> None:
    sizes = {"n_labels": 10_000, "n_classes": 3, "n_units": 4}
    drawn = LabelDraws.plan("accuracy", n_draws=None, **sizes)
    assert {count: len(scores) for count, scores in zip(drawn.counts, drawn.scores, strict=True)} == {
        30: 10,
        100: 10,
        300: 10,
        1_000: 5,
        3_000: 3,
    }
    places = [place for place, _ in drawn.parts(np.arange(10_000) % 3)]
    assert len(places) == len(set(places)) == 38 == len(drawn.draws())
    assert {len(scores) for scores in LabelDraws.plan("accuracy", n_draws=4, **sizes).scores} == {4}
