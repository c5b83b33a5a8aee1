"""Steps of the stage `fine_tune` as plain functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import EmbeddingSpec, Folders, TaskDefinition
from emb_pipeline.pipelines.fine_tune import nodes
from emb_pipeline.storage.failures import Failed
from emb_pipeline.tasks.retrieval.reader import RetrievalReader
from emb_pipeline.tasks.tuned_predictions import COSTS, PREDICTIONS
from emb_pipeline.text.held_out import HELD_OUT
from tests.pipelines.conftest import DEFINITION, WORDS

TOPIC = TaskDefinition.model_validate(DEFINITION)
SEARCH = TaskDefinition.model_validate(
    {
        "name": "search",
        "kind": "retrieval",
        "source": {"reader": "tables", "queries": "q.csv", "passages": "p.csv", "qrels": "r.csv", "split": "part"},
        "evaluation": {},
    }
)
VOCABULARY = ["the", *WORDS["sea"], *WORDS["wood"]]
TUNED = {
    "origin": "domain",
    "key": "word2vec_4_tuned_topic",
    "method": "word2vec",
    "dim": 4,
    "starts_from": "domain.word2vec_4",
    "tuned_on": "topic",
    "options": {"pooling": "mean"},
    "tuning": {"learning_rates": [1e-2], "epochs": 8},
}
CELL = EmbeddingSpec.model_validate(TUNED)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(**dict.fromkeys(Folders.model_fields, tmp_path))


@pytest.fixture(scope="module")
def base() -> WordVectors:
    """Random vectors of the words of the task."""
    drawn = np.random.default_rng(0).normal(size=(len(VOCABULARY), 4)).astype(np.float32)
    return WordVectors(VOCABULARY, np.full(len(VOCABULARY), 5), drawn)


def hold_out(*texts: str) -> dict[str, pa.Table]:
    """Another task, as far as this stage looks at it."""
    return {HELD_OUT: pa.table({"text": pa.array(texts, pa.string())})}


def test_every_example_of_the_task_is_predicted_and_the_losses_fall(
    topic: dict[str, pa.Table], base: WordVectors, folders: Folders
) -> None:
    vectors, record, predictions = nodes.fine_tune_and_predict(topic, base, CELL, TOPIC, folders)
    assert vectors.tokens == base.tokens and vectors.vectors.shape == (9, 4)
    assert predictions["predictions"].schema.equals(PREDICTIONS) and predictions["costs"].schema.equals(COSTS)
    assert sorted(predictions["predictions"]["unit_id"].to_pylist()) == sorted(topic["examples"]["example_id"].to_pylist())
    assert record["params"]["tuned"] and record["params"]["dim"] == 4 and record["params"]["corpus_tokens"] is None
    assert record["metrics"]["training_examples"] == 60 and record["metrics"]["left_out_examples"] == 0
    losses = record["series"]["loss"]
    assert min(losses) < losses[0]


def test_examples_that_another_task_is_tested_on_are_left_out(
    topic: dict[str, pa.Table], base: WordVectors, folders: Folders
) -> None:
    texts = topic["examples"]["text"].to_pylist()
    tested = set(texts[:6])
    _, record, _ = nodes.fine_tune_and_predict(topic, base, CELL, TOPIC, folders, hold_out(*tested), hold_out("an elk"))
    assert record["metrics"]["left_out_examples"] == sum(text in tested for text in texts) >= 6
    assert record["metrics"]["training_examples"] + record["metrics"]["left_out_examples"] == 60


def test_nothing_left_to_learn_from_fails_alone_and_says_what_to_do(
    topic: dict[str, pa.Table], base: WordVectors, folders: Folders
) -> None:
    others = hold_out(*topic["examples"]["text"].to_pylist())
    results = nodes.fine_tune_and_predict(topic, base, CELL, TOPIC, folders, others)
    assert len(results) == 3 and all(each is results[0] for each in results)
    assert isinstance(results[0], Failed) and results[0].place == "domain.word2vec_4_tuned_topic"
    assert "name under evaluate_on:" in results[0].reason
    assert results[0].cell["tuned"] and "task" not in results[0].cell


def test_what_is_tuned_from_a_failed_embedding_says_where_it_began(topic: dict[str, pa.Table], folders: Folders) -> None:
    failed = Failed("domain.word2vec_4", "no word is frequent enough", {}, "domain.word2vec_4")
    results = nodes.fine_tune_and_predict(topic, failed, CELL, TOPIC, folders)
    assert results[0].reason == "its base domain.word2vec_4 failed: no word is frequent enough"


def test_an_embedding_without_options_of_fine_tuning_fails_alone(
    topic: dict[str, pa.Table], base: WordVectors, folders: Folders
) -> None:
    bare = EmbeddingSpec.model_validate({**TUNED, "tuning": None})
    artifact, _, _ = nodes.fine_tune_and_predict(topic, base, bare, TOPIC, folders)
    assert isinstance(artifact, Failed) and artifact.reason.endswith("has no options of fine-tuning")


def write_search(folder: Path, test_queries: int) -> dict[str, Any]:
    """A task of twelve passages with a query each, of which the last ones are tested."""
    rng = np.random.default_rng(1)
    queries, passages, judgments = ["query_id,text,part"], ["passage_id,text"], ["query_id,passage_id,relevance"]
    for number in range(12):
        words = rng.choice(WORDS["sea" if number % 2 else "wood"], size=3).tolist()
        part = "train" if number < 12 - test_queries else "test"
        queries.append(f"q{number},{' '.join(words[:2])},{part}")
        passages.append(f"p{number},the {' '.join(words)} {number}")
        judgments.append(f"q{number},p{number},1")
    for name, lines in (("q", queries), ("p", passages), ("r", judgments)):
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return RetrievalReader().read(SEARCH.source, folder, folder, "search")


SEARCHED = {**TUNED, "key": "small_16_tuned_search", "method": "sentence_transformer", "tuned_on": "search"}


@pytest.mark.slow
def test_a_task_that_is_scored_by_the_vectors_alone_gets_an_encoder_and_no_predictions(
    tiny_transformer: Path, folders: Folders
) -> None:
    task = write_search(folders.project, test_queries=4)
    base = EncoderFolder.write(
        folders.scratch / "base", format="transformers", dim=16, vocabulary=16, model=tiny_transformer
    )
    tuning = {"options": {"path": str(tiny_transformer)}, "tuning": {"epochs": 1, "batch_size": 4}}
    encoder, record = nodes.fine_tune(task, base, EmbeddingSpec.model_validate(SEARCHED | tuning), SEARCH, folders)
    assert encoder.dim == 16 and encoder.fingerprint != base.fingerprint
    assert record["metrics"]["training_examples"] == 8 and len(record["series"]["loss"]) == 2


def test_a_base_that_the_task_cannot_tune_fails_alone(base: WordVectors, folders: Folders) -> None:
    task = write_search(folders.project, test_queries=4)
    cell = EmbeddingSpec.model_validate({**TUNED, "key": "word2vec_4_tuned_search", "tuned_on": "search"})
    vectors, record = nodes.fine_tune(task, base, cell, SEARCH, folders)
    assert isinstance(vectors, Failed) and record is vectors and vectors.place == "domain.word2vec_4_tuned_search"
    assert "take an encoder as base" in vectors.reason
