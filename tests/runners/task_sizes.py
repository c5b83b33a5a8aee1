"""Sizes of the tasks of a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from emb_pipeline.runners.tasks import NodeTask, cut_catalog


def print_sizes() -> None:
    """Print the bytes of each task of the project in the working directory."""
    bootstrap_project(Path.cwd())
    with KedroSession.create(Path.cwd(), env="tiny") as session:
        catalog, pipeline = session.load_context().catalog, pipelines["__default__"]
        for name in pipeline.datasets():
            catalog.get(name, fallback_to_runtime_pattern=True)
        sizes = {node.name: len(NodeTask(node, cut_catalog(catalog, node), "run").pack()) for node in pipeline.nodes}
    sys.stdout.write(json.dumps(sizes) + "\n")
