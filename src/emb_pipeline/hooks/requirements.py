"""The hook that checks models and devices before training."""

from __future__ import annotations

import logging
from typing import Any

from kedro.framework.hooks import hook_impl

from emb_pipeline.config.active import build_active_experiment, load_active_parameters

LOGGER = logging.getLogger(__name__)


class Requirements:
    """Refuses what cannot work on this machine before anything is trained: a broken model, a GPU that is not there."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Check every embedding that this run trains or loads, and what it reads that is made elsewhere."""
        from emb_pipeline.embeddings.factory import require
        from emb_pipeline.experiment.build import find_unused_embeddings
        from emb_pipeline.experiment.model import EmbeddingSpec

        embeddings = load_active_parameters()["embeddings"]
        names = {name for node in pipeline.nodes for name in node.inputs if name.startswith("params:embeddings.")}
        for name in sorted(names):
            _, origin, key = name.split(".", 2)
            cell = EmbeddingSpec.model_validate(embeddings[origin][key])
            require(cell.method, cell.options)
        for cell in find_unused_embeddings(build_active_experiment()):
            LOGGER.warning("%s is evaluated on no task of the grid: none of them can use it", cell.name)
        for name in sorted({name for node in pipeline.nodes for name in node.inputs if "@" in name}):
            check = getattr(catalog.get(name), "require", None)
            if check is not None:
                check()
