"""Learned sparse vectors serve tasks without search, too: a probe separates classes by them, and they compare pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.learned.options import LearnedSparseOptions
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.similarity.evaluate import evaluate_similarity
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.text.texts import Texts
from tests.embeddings.learned.tiny_models import save_splade

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("splade")
    options = LearnedSparseOptions(path=save_splade(root))
    artifact = factory.load_encoder("learned_sparse", options, root / "encoder")
    return factory.build_encoder("learned_sparse", options, artifact=artifact)


def test_a_probe_on_them_separates_classes(encoder: Any) -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["cat", "dog"] * 30)
    texts = Texts(
        [f"{label} {' '.join(rng.choice(['the', 'on', 'a', 'mat'], 3))} {row}" for row, label in enumerate(labels)]
    )
    task = ClassificationTask("animals", np.array([f"e{row}" for row in range(60)]), texts, labels)
    options = ClassificationOptions(label_draws=0, latency_requests=0, folds=3)
    assert evaluate_classification(task, encoder, options, seed=0).metrics["accuracy"] > 0.9


def test_pairs_are_compared_by_their_products(encoder: Any) -> None:
    texts = ["a cat sat", "the cat sat", "a dog", "on the mat"]
    first, second, scores = np.array([0, 0, 1, 2]), np.array([1, 2, 3, 3]), np.array([4.0, 1.0, 3.0, 2.0])
    task = SimilarityTask("alike", np.array(list("abcd")), Texts(texts), first, second, scores)
    vectors = encoder.encode(texts).toarray()
    products = (vectors[first] * vectors[second]).sum(axis=1)
    found = evaluate_similarity(task, encoder, EvaluationOptions(), seed=0).metrics["spearman"]
    assert found == pytest.approx(spearmanr(products, scores).statistic)
