"""A grid of a thousand embeddings: what happens before the first node grows with their number, and no faster."""

from __future__ import annotations

import gc
import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

from emb_pipeline.config.active import load_active_parameters
from emb_pipeline.pipeline_registry import register_pipelines
from emb_pipeline.provenance.manifest import Manifest
from emb_pipeline.provenance.node_fingerprints import fingerprint_results
from emb_pipeline.provenance.package_code import build_code_graph
from tests.conftest import SUMMARIES

METHODS = ("word2vec", "fasttext", "glove")
TASKS = ("one", "two", "three", "four")
FEWER, MANY = 200, 1_000
MOST_ANNOUNCEMENT_SECONDS = 5.0
MOST_GROWTH = 12.0
"""Of what a graph of five times as many embeddings takes: 6 on a quiet machine; with the square it would be 25."""


@dataclass(frozen=True)
class Built:
    """Processor seconds of a graph and of its announcement, with its size."""

    n_nodes: int
    n_noted: int
    graph: float
    announcement: float


def write_use_case(project: Path, name: str, n_embeddings: int) -> None:
    dims = list(range(2, 2 + n_embeddings // (2 * len(METHODS))))
    grid = {
        "corpora": ["domain", "generic"],
        "methods": dict.fromkeys(METHODS, dims),
        "baselines": ["one_hot", "tfidf"],
        "controls": ["random_8"],
        "pretrained": {},
        "tasks": list(TASKS),
    }
    source = {"reader": "csv", "path": "data/01_raw/tiny/labels.csv", "label": "label"}
    conf = project / "conf" / name
    conf.mkdir()
    (conf / "globals.yml").write_text(json.dumps({"use_case": name, "grid": grid}))
    parameters = (project / "conf/tiny/parameters_tiny.yml").read_text()
    tasks = {task: {"kind": "classification", "source": source} for task in TASKS}
    corpora, _, rest = parameters.partition("task_definitions:")
    (conf / "parameters_large.yml").write_text(
        f"{corpora}\ntask_definitions: {json.dumps(tasks)}\nevaluation:{rest.partition('evaluation:')[2]}"
    )


def build(project: Path, name: str) -> Built:
    with KedroSession.create(project_path=project, env=name) as session:
        session.load_context()
        parameters = load_active_parameters()
        gc.disable()  # a process of many tests has much to look through
        try:
            started = time.process_time()
            whole = register_pipelines()["__default__"]
            graph = time.process_time() - started
        finally:
            gc.enable()
        fingerprints = fingerprint_results(whole, parameters, code=build_code_graph(store=project / SUMMARIES))
        manifest = Manifest.open(Path(parameters["folders"]["models"]))
        started = time.process_time()
        manifest.announce({output: fingerprints[output] for output in whole.all_outputs()})
        announcement = time.process_time() - started
        assert len(list(manifest.folder.iterdir())) == 1
        return Built(len(whole.nodes), len(fingerprints), graph, announcement)


@pytest.mark.slow
def test_the_graph_of_a_thousand_embeddings_is_built_and_announced_in_seconds(project: Path) -> None:
    configure_project("emb_pipeline")
    for number in (FEWER, MANY):
        write_use_case(project, f"of_{number}", number)
    fewer, many = build(project, f"of_{FEWER}"), build(project, f"of_{MANY}")
    assert many.n_nodes > 6 * MANY * 0.9 and many.n_noted > 4 * len(TASKS) * MANY * 0.9
    assert many.announcement < MOST_ANNOUNCEMENT_SECONDS
    assert many.graph < MOST_GROWTH * fewer.graph
