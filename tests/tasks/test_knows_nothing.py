"""An embedding that knows no word of a task: all its vectors are zeros. It scores like guessing, and ends nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.registry import KINDS
from tests.tasks.extractive_qa.test_evaluate import behind_the_key
from tests.tasks.recommendation.test_evaluate import camps
from tests.tasks.retrieval.test_evaluate import _task as a_search
from tests.tasks.sequence_labeling.test_evaluate import _task as drugs_and_pains
from tests.tasks.similarity.test_evaluate import task as alike  # noqa: F401


class Nothing:
    """Zeros for whatever is asked."""

    dim = 8

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.zeros((len(texts), 8), dtype=np.float32)

    def encode_words(self, words: Sequence[str]) -> np.ndarray:
        return np.zeros((len(words), 8), dtype=np.float32)


def _evaluated(kind: str, task: object, **options: object) -> Evaluation:
    found = KINDS[kind].evaluate_embedding(task, Nothing(), KINDS[kind].options(**options), seed=0)
    assert np.isfinite(found.item_scores["value"].to_numpy()).all()
    return found


def test_it_finds_no_entity() -> None:
    assert _evaluated("sequence_labeling", drugs_and_pains()).metrics["f1"] == 0.0


def test_it_predicts_the_commonest_class(topics: ClassificationTask) -> None:
    uneven = ClassificationTask("uneven", topics.example_ids, topics.texts, np.array(["a"] * 60 + ["b"] * 30))
    found = _evaluated("classification", uneven, latency_requests=0, label_draws=0)
    assert found.metrics["accuracy"] == pytest.approx(60 / 90)


def test_it_correlates_with_nothing(alike: object) -> None:  # noqa: F811
    assert _evaluated("similarity", alike).metrics["spearman"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("kind", "task"),
    [
        ("retrieval", a_search([[1, 0, 0], [0, 1, 0]])),
        ("recommendation", camps()),
        ("extractive_qa", behind_the_key(24)),
    ],
)
def test_it_is_scored_where_things_are_ranked_or_marked(kind: str, task: object) -> None:
    found = _evaluated(kind, task)
    assert 0.0 <= found.metrics[KINDS[kind].primary_metric] <= 1.0
