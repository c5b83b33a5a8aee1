"""Steps of the stage `evaluate` as plain functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.facts import find_derivation
from emb_pipeline.experiment.model import EmbeddingSpec, TaskDefinition
from emb_pipeline.pipelines.evaluate.nodes import collect_embeddings, collect_tasks, evaluate_trained, evaluate_untrained
from emb_pipeline.pipelines.namespaces import find_group
from emb_pipeline.storage.failures import Failed
from emb_pipeline.tasks.scores import ITEM_SCORES
from tests.pipelines.conftest import DEFINITION, NO_FOLDERS, SPECS, store_leaves

TFIDF = EmbeddingSpec.model_validate(SPECS["task"]["tfidf"])
WORD2VEC = EmbeddingSpec.model_validate(
    {"origin": "domain", "key": "word2vec_2", "method": "word2vec", "dim": 2, "options": {}}
)


def test_a_cell_gives_scores_of_its_units_a_record_and_its_predictions(cells: dict[str, dict[str, Any]]) -> None:
    leaves = cells["task.tfidf"]
    assert leaves["item_scores"].schema.equals(ITEM_SCORES)
    assert set(leaves["item_scores"]["embedding"].to_pylist()) == {"task.tfidf"}
    accuracies = leaves["item_scores"].to_pandas().query("metric == 'accuracy'")["value"]
    assert len(accuracies) == leaves["predicted"].num_rows == 60
    assert leaves["metrics"]["metrics"]["accuracy"] == accuracies.mean() == 1.0
    assert leaves["metrics"]["params"] | {"origin": "task", "tuned": False} == leaves["metrics"]["params"]


def test_a_tuned_copy_of_corrupted_vectors_is_in_the_group_that_its_tables_name() -> None:
    corrupted = {"changed_text": {"kind": "typos", "level": 0.5, "of": "domain.word2vec_2"}}
    copy = EmbeddingSpec.model_validate(
        {**WORD2VEC.model_dump(), **corrupted, "starts_from": "domain.x", "tuned_on": "topic"}
    )
    assert (find_derivation(copy), find_group(copy)) == ("corruption", "corrupted")
    assert (find_derivation(WORD2VEC), find_group(WORD2VEC)) == (None, None)


def test_an_evaluation_that_raises_gives_its_reason_for_every_leaf(topic: dict[str, pa.Table]) -> None:
    definition = TaskDefinition.model_validate({**DEFINITION, "name": "topic"})
    nothing = {name: table.slice(0, 0) for name, table in topic.items()}
    leaves = evaluate_untrained(nothing, TFIDF, definition, NO_FOLDERS)
    assert len(leaves) == 4 and all(isinstance(leaf, Failed) for leaf in leaves)
    assert leaves[0].place == "task.tfidf on topic" and leaves[0].cell["kind"] == "classification"


def test_a_cell_whose_training_failed_is_not_evaluated(topic: dict[str, pa.Table]) -> None:
    failed = Failed(
        "domain.word2vec_2", "no word is frequent enough", {"embedding": "domain.word2vec_2"}, "domain.word2vec_2"
    )
    leaves = evaluate_trained(topic, failed, WORD2VEC, TaskDefinition.model_validate(DEFINITION))
    assert leaves[0].reason == "its training failed: no word is frequent enough"


def test_an_embeddings_tables_refer_to_its_scores_and_leave_out_the_cells_that_failed(
    cells: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    failed = Failed("task.tfidf on other", "too little memory", {"embedding": "task.tfidf", "task": "other"})
    others = {f"other_{name}": failed for name in ("item_scores", "metrics", "predicted", "training_draws")}
    card = collect_tasks(TFIDF, **others, **store_leaves(cells["task.tfidf"], tmp_path))
    assert [file.path for file in card["item_scores"].files] == [tmp_path / "item_scores.parquet"]
    assert card["item_scores"].read().equals(cells["task.tfidf"]["item_scores"])
    assert card["cells"]["task"].unique().to_pylist() == ["topic"]
    assert card["failures"].select(["embedding", "task", "reason"]).to_pylist() == [
        {"embedding": "task.tfidf", "task": "other", "reason": "too little memory"}
    ]
    assert card["class_results"]["class"].to_pylist() == ["sea", "wood"]


def test_the_scores_of_an_origin_are_those_of_its_embeddings_in_their_order(
    cells: dict[str, dict[str, Any]], scores: dict[str, dict[str, Any]]
) -> None:
    of_task = scores["scores_task"]
    whole = pa.concat_tables([cells[name]["item_scores"] for name in ("task.tfidf", "task.one_hot")])
    read = of_task["item_scores"].read()
    assert read.to_pylist() == whole.to_pylist()
    assert [field.name for field in read.schema if pa.types.is_dictionary(field.type)] == [
        "task",
        "unit_id",
        "metric",
        "embedding",
    ]
    assert of_task["cells"]["embedding"].unique().to_pylist() == ["task.tfidf", "task.one_hot"]


def test_word_vectors_come_with_the_scores_by_reference_and_are_loaded_when_they_are_asked_for(tmp_path: Path) -> None:
    WordVectors(["sand", "moss"], np.array([2, 1]), np.eye(2, dtype=np.float32)).write(tmp_path / "vectors.arrow")
    card = collect_tasks(WORD2VEC, vectors=WordVectors.read(tmp_path / "vectors.arrow"), training=None)
    stored = collect_embeddings(word2vec_2=card)["encoders"].by_name()["domain.word2vec_2"]
    assert stored.vectors == tmp_path / "vectors.arrow"
    words = stored.load(tmp_path / "encodings").encode_words(["sand", "moss"])
    np.testing.assert_array_equal(words, np.eye(2))
