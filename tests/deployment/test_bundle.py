"""A chosen embedding as a folder that answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.export import TextClassifier
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.export.vectors import TextVectors
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.retrieval.export import TextSearch
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.text.texts import Texts

WORDS = {"shore": "sand tide gull shell".split(), "wood": "moss bark fern owl".split()}
VECTORS = WordVectors(
    [word for group in WORDS.values() for word in group],
    np.ones(8, dtype=np.int64),
    np.random.default_rng(2).normal(size=(8, 40)).astype(np.float32),
)
OPTIONS = ClassificationOptions(label_draws=0, latency_requests=0)
EMBEDDINGS = {"dense": lambda: PooledEncoder(VECTORS, "mean"), "sparse": lambda: Tfidf(TfidfOptions())}


@pytest.fixture
def places() -> ClassificationTask:
    rng = np.random.default_rng(1)
    labels = np.array(["shore", "wood"] * 30)
    texts = Texts(" ".join(rng.choice(WORDS[label], size=3)) for label in labels)
    split = np.array(["train", "train", "train", "test"])[np.arange(60) // 2 % 4]
    return ClassificationTask("places", np.array([f"p{row}" for row in range(60)]), texts, labels, split)


def _moved(bundle: Bundle, folder: Path) -> Bundle:
    bundle.write(folder / "written")
    shutil.move(folder / "written", folder / "elsewhere")
    return Bundle.read(folder / "elsewhere")


@pytest.mark.parametrize("kind", EMBEDDINGS)
def test_a_classifier_that_is_read_says_what_the_evaluated_probe_said(
    kind: str, places: ClassificationTask, tmp_path: Path
) -> None:
    model = TextClassifier.fit(places, EMBEDDINGS[kind](), OPTIONS, seed=0)
    read = _moved(Bundle(model, {"task": "places"}, "# Card\n"), tmp_path)
    assert isinstance(read.model, TextClassifier) and read.facts == {"task": "places"} and read.card == "# Card\n"
    tested = np.flatnonzero(places.split == "test")
    answers = read.model.answer([places.texts[row] for row in tested])
    scores = evaluate_classification(places, EMBEDDINGS[kind](), OPTIONS, seed=0).item_scores.to_pandas()
    predicted = scores[scores["metric"] == "prediction"]["value"].astype(int)
    assert answers["label"].tolist() == places.classes[predicted].tolist()
    loss = scores[scores["metric"] == "log_loss"]["value"].to_numpy()
    right = answers["label"].to_numpy() == places.labels[tested]
    np.testing.assert_allclose(-np.log(answers["probability"].to_numpy()[right]), loss[right], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", EMBEDDINGS)
def test_a_search_brings_its_passages_along(kind: str, tmp_path: Path) -> None:
    passages = Texts(["sand tide shell", "moss bark", "fern owl moss"])
    qrels = sp.csr_array(np.array([[1.0, 0, 0]], dtype=np.float32))
    task = RetrievalTask("find", np.array(["q"]), Texts(["gull sand"]), np.array(["a", "b", "c"]), passages, qrels)
    model = TextSearch.fit(task, EMBEDDINGS[kind](), RetrievalOptions(), seed=0)
    read = _moved(Bundle(model), tmp_path).model
    assert isinstance(read, TextSearch)
    expected, found = (each.answer(["tide shell", "fern"], k=2) for each in (model, read))  # type: ignore[union-attr]
    assert found["rank"].tolist() == [1, 2, 1, 2] and found["query"].tolist() == [0, 0, 1, 1]
    assert found["passage_id"].tolist() == expected["passage_id"].tolist()
    assert found["passage_id"][0] == "a" and found["passage_id"][2] == "c"
    np.testing.assert_allclose(found["cosine"], expected["cosine"], atol=1e-6)
    assert (np.diff(found["cosine"][:2]) <= 0).all()


def test_of_a_similarity_task_the_vectors_are_handed_over(tmp_path: Path) -> None:
    columns = (
        np.array(["1", "2"]),
        Texts(["sand", "moss", "owl"]),
        np.array([0, 1]),
        np.array([1, 2]),
        np.array([0.1, 0.9]),
    )
    model = TextVectors.fit(SimilarityTask("alike", *columns), EMBEDDINGS["dense"](), EvaluationOptions(), seed=0)
    read = _moved(Bundle(model), tmp_path).model
    assert isinstance(read, TextVectors)
    np.testing.assert_array_equal(np.stack(read.answer(["sand"])["vector"]), VECTORS.vectors[:1])


def test_a_bundle_that_was_not_finished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bundle\.json: is missing; export it again: kedro run --pipelines deploy"):
        Bundle.read(tmp_path)
