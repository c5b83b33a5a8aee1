"""Classification without labels: the class whose description is nearest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import f1_score
from sklearn.metrics.pairwise import cosine_similarity

from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.text.texts import Texts

DESCRIBED = {"sea": "tide and sand", "wood": "moss and owl"}


def make_task() -> ClassificationTask:
    words = [["sand tide shell", "moss bark owl"][number % 2] + f" item{number}" for number in range(40)]
    return ClassificationTask("places", np.arange(40).astype(str), Texts(words), np.array(["sea", "wood"] * 20))


def evaluate(
    descriptions: dict[str, str] | str, *, shuffle_labels: bool = False, encoder: Any = None, **options: Any
) -> dict[str, float]:
    """Scores of the texts without labels, by their names."""
    given = ClassificationOptions(class_descriptions=descriptions, label_draws=0, training_draws=0, **options)
    found = evaluate_classification(make_task(), encoder or Tfidf(), given, seed=0, shuffle_labels=shuffle_labels)
    rows = found.item_scores.to_pandas()
    rows = rows[rows["label_fraction"] == 0]
    assert set(rows["metric"]) <= {given.primary_metric or "accuracy"}
    return dict(zip(rows["unit_id"], rows["value"], strict=True))


def test_texts_get_the_class_whose_description_is_nearest_and_labels_play_no_part() -> None:
    assert set(evaluate(DESCRIBED).values()) == {1} and len(evaluate(DESCRIBED)) == 40
    assert set(evaluate({"sea": DESCRIBED["wood"], "wood": DESCRIBED["sea"]}).values()) == {0}


def test_shuffled_labels_and_no_descriptions_have_no_point_without_labels() -> None:
    assert not evaluate(DESCRIBED, shuffle_labels=True) and not evaluate({})


def test_an_embedding_that_is_fitted_on_labels_has_none_either() -> None:
    class FromLabels(Tfidf):
        learns_from_labels = True

        def fit_encode(self, texts: Texts, labels: np.ndarray) -> tuple[Any, Any]:
            fitted = self.fit(texts)
            return fitted, fitted.encode(texts)

    assert not evaluate(DESCRIBED, encoder=FromLabels())


def test_names_of_classes_may_be_their_descriptions() -> None:
    labels = np.array(["sand_tide", "moss"] * 20)
    task = ClassificationTask("places", np.arange(40).astype(str), make_task().texts, labels)
    options = ClassificationOptions(class_descriptions="names", label_draws=0, training_draws=0)
    found = evaluate_classification(task, Tfidf(), options, seed=0).item_scores.to_pandas()
    assert found[found["label_fraction"] == 0]["value"].mean() == 1


def test_it_agrees_with_scikit_learn_on_random_vectors() -> None:
    rng = np.random.default_rng(9)
    vector_of: dict[str, np.ndarray] = {}

    class RandomVectors:
        dim = 6

        def encode(self, texts: Sequence[str]) -> np.ndarray:
            return np.stack([vector_of.setdefault(text, rng.standard_normal(6).astype(np.float32)) for text in texts])

    labels = np.array(["a", "b", "c"])[rng.integers(3, size=90)]
    texts = Texts([f"text {number}" for number in range(90)])
    task = ClassificationTask("t", np.arange(90).astype(str), texts, labels, np.repeat(["train", "test"], 45))
    described = {"a": "first words", "b": "second words", "c": "third words"}
    options = ClassificationOptions(class_descriptions=described, label_draws=0, training_draws=0, primary_metric="macro_f1")
    found = evaluate_classification(task, RandomVectors(), options, seed=0).item_scores.to_pandas()
    close = cosine_similarity(
        [vector_of[f"text {n}"] for n in range(45, 90)], [vector_of[each] for each in described.values()]
    )
    expected = f1_score(labels[45:], np.array(list("abc"))[close.argmax(axis=1)], average="macro")
    assert found[found["label_fraction"] == 0]["value"].mean() == pytest.approx(expected)


def test_a_text_as_close_to_all_classes_counts_as_wrong() -> None:
    assert set(evaluate({"sea": "unknown", "wood": "neither"}).values()) == {0}


@pytest.mark.parametrize("metric", ["macro_f1", "mcc", "auroc"])
def test_the_metric_is_the_one_that_the_task_is_judged_by(metric: str) -> None:
    assert np.mean(list(evaluate(DESCRIBED, primary_metric=metric).values())) == pytest.approx(1)


def test_descriptions_that_do_not_fit_the_classes_are_refused_and_the_remedy_works() -> None:
    with pytest.raises(DataError, match=r"places, class_descriptions: 'see' is no class of the task; .*sea"):
        evaluate({"see": "tide", "wood": "moss"})
    with pytest.raises(DataError, match="the class 'wood' has no description; add 'wood: …'"):
        evaluate({"sea": "tide"})
    assert set(evaluate({"sea": "tide", "wood": "moss"}).values()) == {1}
    with pytest.raises(ValidationError, match="the description of 'sea' is empty"):
        ClassificationOptions(class_descriptions={"sea": " "})
