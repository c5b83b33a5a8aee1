"""A stage by itself: the table of what its trainings cost, and the names of what it takes of earlier trainings."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.efficiency.footprint import Footprint
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.experiment.training import build_training_record
from emb_pipeline.pipelines import evaluate, train
from emb_pipeline.pipelines.stage_alone import TRAININGS, collect_trainings, gather_artifacts
from emb_pipeline.storage.failures import Failed

SPEC = {"origin": "domain", "method": "word2vec", "options": {}}
SMALL, LARGE = (EmbeddingSpec.model_validate({**SPEC, "key": f"word2vec_{dim}", "dim": dim}) for dim in (2, 4))
GRID = Experiment(use_case="tiny", corpora=("domain",), cells=(SMALL, LARGE), tasks={"topic": "classification"})


def test_the_table_of_trainings_says_what_each_cost_and_why_one_failed() -> None:
    vectors = WordVectors(["sea", "wood"], np.array([3, 2]), np.ones((2, 2), np.float32))
    with Footprint() as footprint:
        pass
    parts = {
        f"cell_{SMALL.key}": SMALL,
        f"vectors_{SMALL.key}": vectors,
        f"training_{SMALL.key}": build_training_record(SMALL, vectors, footprint, 5, losses=[0.9, 0.4]),
        f"cell_{LARGE.key}": LARGE,
        f"vectors_{LARGE.key}": Failed(LARGE.name, "too little memory"),
        f"training_{LARGE.key}": Failed(LARGE.name, "too little memory"),
    }
    table = collect_trainings(**parts)
    assert table.schema.equals(TRAININGS)
    small, large = table.to_pylist()
    assert (small["embedding"], small["dim"], small["vocabulary"], small["corpus_tokens"]) == (SMALL.name, 2, 2, 5)
    assert (small["bytes"], small["final_loss"], small["failed"]) == (16, 0.4, None)
    assert small["train_seconds"] == pytest.approx(footprint.seconds)
    assert (large["embedding"], large["failed"], large["train_seconds"]) == (LARGE.name, "too little memory", None)


def test_a_stage_by_itself_takes_and_leaves_one_dataset_for_an_origin() -> None:
    trained = gather_artifacts("train", train.create_pipeline(experiment=GRID), GRID)
    evaluated = gather_artifacts("evaluate", evaluate.create_pipeline(experiment=GRID), GRID)
    assert trained.outputs() == {"domain.trainings@all"}
    assert {name for name in evaluated.inputs() if not name.startswith("params:")} == {
        "examples@topic",
        "domain.diagnosis",
        *(f"domain.trainings@word2vec_{dim}.{artifact}" for dim in (2, 4) for artifact in ("vectors", "training")),
    }


def test_stages_that_are_asked_for_together_train_before_they_evaluate() -> None:
    both = gather_artifacts("train", train.create_pipeline(experiment=GRID), GRID) + gather_artifacts(
        "evaluate", evaluate.create_pipeline(experiment=GRID), GRID
    )
    order = [node.name for node in both.nodes]
    trainings = [order.index(name) for name in order if name.endswith((".train_word2vec", ".collect_trainings"))]
    evaluations = [order.index(name) for name in order if name.endswith(".evaluate_classification")]
    assert len(trainings) == 3 and len(evaluations) == 2 and max(trainings) < min(evaluations)
