"""Options of recommendation."""

from __future__ import annotations

from pydantic import Field

from emb_pipeline.embeddings.recommenders.options import HALF_LIVES, HalfLives
from emb_pipeline.tasks.options import EvaluationOptions, LatencyRequests


class RecommendationOptions(EvaluationOptions):
    """Full ranking of all items that a user has not taken; lists are cut at rank 10, recall at rank 20."""

    half_lives: HalfLives = HALF_LIVES
    latency_requests: LatencyRequests = 200
    block_megabytes: int = Field(default=256, ge=1, le=65_536, description="megabytes of scores held at a time")
    most_tuned_users: int = Field(
        default=20_000, ge=10, description="validation users that settings are chosen by at most, drawn by hash"
    )
