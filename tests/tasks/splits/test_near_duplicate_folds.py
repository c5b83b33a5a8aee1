"""Near-duplicates stay in one fold, so that labels without a pattern score like a coin."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.splits.example_folds import find_example_groups, find_fold_groups
from emb_pipeline.text.seen import add_near_groups
from emb_pipeline.text.texts import tokenize_tables
from tests.tasks.planted import as_examples, changed, random_texts


@pytest.mark.slow
@pytest.mark.parametrize(("near", "low", "high"), [("together", 0.4, 0.6), ("apart", 0.8, 1.0)])
def test_texts_with_coin_flip_labels_and_their_variants(near: Literal["together", "apart"], low: float, high: float) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for number, text in enumerate(random_texts(150, 12, rng)):
        label = "ab"[rng.integers(2)]
        rows += [(f"{number}", " ".join(text), label, None), (f"{number}v", " ".join(changed(text, 1, rng)), label, None)]
    task = ClassificationTask.from_tables(add_near_groups(tokenize_tables({"examples": as_examples(rows)})), "coins")
    options = ClassificationOptions(label_draws=0, near_duplicates=near, latency_requests=0)
    assert low <= evaluate_classification(task, Tfidf(), options, seed=0).metrics["accuracy"] <= high
    groups = find_fold_groups(task, options)
    assert len(np.unique(groups)) == (150 if near == "together" else 300)
    assert len(np.unique(find_example_groups(task))) == 300  # they are resampled one by one


def test_a_group_and_its_near_duplicates_are_one() -> None:
    text, other, third = (" ".join(words) for words in random_texts(3, 12, np.random.default_rng(0)))
    rows = [("1", text, "a", None), ("2", f"{text} more", "a", None), ("3", other, "b", None), ("4", third, "b", None)]
    tables = add_near_groups({"examples": as_examples(rows)})
    task = ClassificationTask.from_tables(tables, "four")
    assert task.near_groups is not None and task.near_groups.tolist() == ["1", "1", "3", "4"]
    grouped = replace(task, groups=np.array(["p", "q", "q", "r"]))
    assert find_fold_groups(grouped, ClassificationOptions()).tolist() == [0, 0, 0, 3]
