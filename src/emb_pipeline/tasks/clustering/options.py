"""Options of clustering."""

from __future__ import annotations

from pydantic import Field

from emb_pipeline.tasks.options import EvaluationOptions


class ClusteringOptions(EvaluationOptions):
    """Options of k-means, with as many clusters as there are classes."""

    restarts: int = Field(
        default=10, ge=1, le=1000, description="times that k-means starts from other centers; scores are means"
    )
    max_iterations: int = Field(default=100, ge=1, le=10_000, description="iterations of one start at most")
