"""Scores of a few embeddings on one small task, as the steps of the evaluate stage make and gather them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.datasets.tables import TablePartDataset, TablesDataset
from emb_pipeline.experiment.model import EmbeddingSpec, Folders, TaskDefinition
from emb_pipeline.pipelines.evaluate.nodes import collect_embeddings, collect_tasks, evaluate_untrained
from emb_pipeline.pipelines.measure.nodes import describe_embeddings

WORDS = {"sea": ["sand", "tide", "gull", "wave"], "wood": ["moss", "bark", "owl", "fern"]}
DEFINITION = {
    "name": "topic",
    "kind": "classification",
    "source": {"reader": "csv", "path": "x.csv", "label": "l"},
    "evaluation": {"folds": 3, "label_draws": 0, "latency_requests": 2},
}
SPECS: dict[str, dict[str, dict[str, Any]]] = {
    "task": {
        "tfidf": {"origin": "task", "key": "tfidf", "method": "tfidf", "options": {}},
        "one_hot": {"origin": "task", "key": "one_hot", "method": "one_hot", "options": {}},
    },
    "control": {
        "shuffled_tfidf": {
            "origin": "control",
            "key": "shuffled_tfidf",
            "method": "tfidf",
            "shuffle_labels": True,
            "options": {},
        }
    },
}


NO_FOLDERS = Folders(**dict.fromkeys(Folders.model_fields, Path()))
"""For cells that store nothing."""


@pytest.fixture(scope="session")
def topic() -> dict[str, pa.Table]:
    """Sixty texts of two classes that their words tell apart."""
    rng = np.random.default_rng(2)
    labels = np.array(["sea", "wood"] * 30)
    texts = [" ".join(["the", *rng.choice(WORDS[label], size=3)]) for label in labels]
    ids = [str(row) for row in range(len(labels))]
    return {"examples": pa.table({"example_id": ids, "text": texts, "label": labels.tolist()})}


def evaluate(name: str, topic: dict[str, pa.Table]) -> dict[str, Any]:
    """Leaves of a cell, by name."""
    origin, _, key = name.partition(".")
    cell = EmbeddingSpec.model_validate(SPECS[origin][key])
    leaves = evaluate_untrained(topic, cell, TaskDefinition.model_validate(DEFINITION), NO_FOLDERS)
    return dict(zip(("item_scores", "metrics", "predicted", "training_draws"), leaves, strict=True))


@pytest.fixture(scope="session")
def cells(topic: dict[str, pa.Table]) -> dict[str, dict[str, Any]]:
    """Leaves of each cell."""
    return {f"{origin}.{key}": evaluate(f"{origin}.{key}", topic) for origin, keys in SPECS.items() for key in keys}


@pytest.fixture(scope="session")
def scores(cells: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Inputs ``scores_<origin>`` of later stages: through datasets, as a run has them."""
    root = tmp_path_factory.mktemp("scores")
    found = {}
    for origin, keys in SPECS.items():
        cards = {}
        for key in keys:
            name = f"{origin}.{key}"
            spec = EmbeddingSpec.model_validate(SPECS[origin][key])
            cards[key] = collect_tasks(spec, **store_leaves(cells[name], root / origin / key / "topic"))
        stored = TablesDataset(
            filepath=str(root / origin / "scores"), dictionaries={"item_scores": ["task", "embedding", "metric", "unit_id"]}
        )
        stored.save(collect_embeddings(**cards))
        found[f"scores_{origin}"] = stored.load()
    return found


def store_leaves(leaves: dict[str, Any], folder: Path, task: str = "topic") -> dict[str, Any]:
    """Inputs of `collect_tasks`, of one task: item scores and draws are stored, and referred to."""
    inputs = {f"{task}_{name}": leaf for name, leaf in leaves.items()}
    for name in ("item_scores", "training_draws"):
        dataset = TablePartDataset(filepath=str(folder / f"{name}.parquet"))
        dataset.save(leaves[name])
        inputs[f"{task}_{name}"] = dataset.load()
    return inputs


@pytest.fixture(scope="session")
def facts() -> pa.Table:
    """The table of these embeddings."""
    return as_table(describe_embeddings(SPECS))


def as_table(frame: pd.DataFrame) -> pa.Table:
    """A table as the next step loads it."""
    return pa.Table.from_pandas(frame, preserve_index=False)
