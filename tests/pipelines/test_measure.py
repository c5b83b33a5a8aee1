"""Steps of the stage `measure` as plain functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from emb_pipeline.efficiency.latency import LatencyOptions
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.static.options import Word2VecOptions
from emb_pipeline.embeddings.stored_encoders import StoredEncoder, StoredEncoders
from emb_pipeline.experiment.model import Folders
from emb_pipeline.pipelines.measure.nodes import time_requests
from emb_pipeline.tasks.cell_tables import CELLS

DEFINITION = {"name": "topic", "kind": "classification", "source": {"reader": "csv", "path": "x.csv", "label": "l"}}


def test_one_embedding_that_cannot_be_timed_leaves_the_others_alone(tmp_path: Path) -> None:
    texts, labels = ["sand tide", "moss bark", "tide gull", "owl fern"] * 5, ["sea", "wood"] * 10
    ids = [str(row) for row in range(20)]
    task = {"examples": pa.table({"example_id": ids, "text": texts, "label": labels})}
    good = StoredEncoder("task.tfidf", "tfidf", TfidfOptions())
    lost = StoredEncoder("domain.word2vec_8", "word2vec", Word2VecOptions(), 8, vectors=tmp_path / "gone.arrow")
    cells = [
        {"embedding": cell.name, "family": cell.name, "task": "topic", "metric": "accuracy", "value": 0.5}
        for cell in (lost, good)
    ]
    table = time_requests(
        LatencyOptions(seconds=0.05),
        Folders(**dict.fromkeys(("raw", "scratch", "project", "encodings", "models"), tmp_path)),
        scores_task={"cells": pa.Table.from_pylist(cells, schema=CELLS), "encoders": StoredEncoders((good, lost))},
        task_topic=task,
        definition_topic=DEFINITION,
    ).set_index("embedding")
    assert table.loc["task.tfidf", "latency_ms_p50"] > 0 and table.loc["task.tfidf", "n_requests"] > 0
    assert np.isnan(table.loc["domain.word2vec_8", "latency_ms_p50"]) and not table.loc["domain.word2vec_8", "steady"]
    assert table.loc["domain.word2vec_8", "note"].startswith("could not be timed: ")
