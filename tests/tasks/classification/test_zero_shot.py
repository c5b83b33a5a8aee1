"""Classification without labels: the class whose description is nearest."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text.texts import Texts

DESCRIBED = {"sea": "tide and sand", "wood": "moss and owl"}


def make_task() -> ClassificationTask:
    words = [["sand tide shell", "moss bark owl"][number % 2] + f" item{number}" for number in range(40)]
    return ClassificationTask("places", np.arange(40).astype(str), Texts(words), np.array(["sea", "wood"] * 20))


def evaluate(descriptions: dict[str, str], shuffle_labels: bool = False) -> dict[str, float]:
    options = ClassificationOptions(class_descriptions=descriptions, label_draws=0, training_draws=0)
    return evaluate_classification(make_task(), Tfidf(), options, seed=0, shuffle_labels=shuffle_labels).metrics


def test_texts_get_the_class_whose_description_is_nearest_and_labels_play_no_part() -> None:
    assert evaluate(DESCRIBED)["accuracy_zero_shot"] == 1
    assert evaluate({"sea": DESCRIBED["wood"], "wood": DESCRIBED["sea"]})["accuracy_zero_shot"] == 0
    assert "accuracy_zero_shot" not in evaluate(DESCRIBED, shuffle_labels=True) and "accuracy_zero_shot" not in evaluate({})


def test_a_text_as_close_to_all_classes_counts_as_wrong() -> None:
    assert evaluate({"sea": "unknown", "wood": "neither"})["accuracy_zero_shot"] == 0


def test_each_test_text_has_a_score_so_that_intervals_and_tests_follow() -> None:
    options = ClassificationOptions(class_descriptions=DESCRIBED, label_draws=0, training_draws=0)
    scores = evaluate_classification(make_task(), Tfidf(), options, seed=0).item_scores.to_pandas()
    assert len(scores[scores["metric"] == "accuracy_zero_shot"]) == 40


def test_descriptions_that_do_not_fit_the_classes_are_refused_and_the_remedy_works() -> None:
    with pytest.raises(DataError, match=r"places, class_descriptions: 'see' is no class of the task; .*sea"):
        evaluate({"see": "tide", "wood": "moss"})
    with pytest.raises(DataError, match="the class 'wood' has no description; add 'wood: …'"):
        evaluate({"sea": "tide"})
    assert evaluate({"sea": "tide", "wood": "moss"})["accuracy_zero_shot"] == 1
    with pytest.raises(ValidationError, match="the description of 'sea' is empty"):
        ClassificationOptions(class_descriptions={"sea": " "})


def test_a_task_is_not_judged_by_it() -> None:
    with pytest.raises(ValidationError, match="tasks are judged by what probes learn"):
        KINDS["classification"].read_options({}, "accuracy_zero_shot")
