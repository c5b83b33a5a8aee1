"""What all kinds with a probe for each fold do alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.regression.evaluate import evaluate_regression
from emb_pipeline.tasks.regression.options import RegressionOptions
from emb_pipeline.tasks.regression.task import RegressionTask
from emb_pipeline.text.texts import Texts

IDS = np.arange(60).astype(str)
TEXTS = Texts([f"{('sea', 'wood')[row % 2]} {row}" for row in range(60)])


class FromLabels(Tfidf):
    """An embedding that is fitted on labels, too."""

    learns_from_labels = True

    def fit_encode(self, texts: Texts, labels: np.ndarray) -> tuple[Any, Any]:
        fitted = self.fit(texts)
        return fitted, fitted.encode(texts)


def classify(encoder: Any) -> Evaluation:
    task = ClassificationTask("places", IDS, TEXTS, np.array(["sea", "wood"] * 30))
    return evaluate_classification(task, encoder, ClassificationOptions(folds=2, label_draws=0, training_draws=3), seed=0)


def predict(encoder: Any) -> Evaluation:
    task = RegressionTask("numbers", IDS, TEXTS, np.arange(60.0) % 2 + np.arange(60) / 100)
    return evaluate_regression(task, encoder, RegressionOptions(folds=2, label_draws=0, training_draws=3), seed=0)


@pytest.mark.parametrize("evaluate", [classify, predict])
def test_resamples_of_the_labels_are_drawn_but_for_an_embedding_that_would_learn_from_each(evaluate: Any) -> None:
    assert evaluate(Tfidf()).details["training_draws"]["n"] == 3
    assert "training_draws" not in evaluate(FromLabels()).details
