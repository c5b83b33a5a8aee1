"""Training texts whose neighbors are looked at."""

from __future__ import annotations

import numpy as np

from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.splits.training_texts import choose_training_texts
from emb_pipeline.text.texts import Texts


def make_task(split: list[str] | None) -> ClassificationTask:
    """Forty texts in twenty pairs of copies."""
    texts = [f"text {row // 2}" for row in range(40)]
    ids = np.array([str(row) for row in range(40)])
    parts = None if split is None else np.array(split)
    return ClassificationTask("topic", ids, Texts(texts), np.array(["a", "b"] * 20), parts)


def test_with_a_split_training_texts_alone_are_chosen_and_no_test_unit_is_used() -> None:
    task = make_task(["train", "train", "test", "validation"] * 10)
    found = choose_training_texts(task, ClassificationOptions())
    assert len(found.texts) == len(found.fitted_on) == 30 and not len(found.tested)


def test_with_folds_half_of_the_groups_are_chosen_whole() -> None:
    found = choose_training_texts(make_task(None), ClassificationOptions())
    assert len(found.tested) == 20 == len(found.texts) == len(found.fitted_on)
    assert (np.unique(found.groups, return_counts=True)[1] == 2).all()


def test_no_more_texts_are_chosen_than_asked_for_and_the_draw_is_the_same_again() -> None:
    one, other = (
        choose_training_texts(make_task(["train", "test"] * 20), ClassificationOptions(), most=7) for _ in range(2)
    )
    assert len(one.texts) == 7 and list(one.texts) == list(other.texts) and len(one.fitted_on) == 20
