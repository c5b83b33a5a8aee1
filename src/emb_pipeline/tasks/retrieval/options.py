"""Options of retrieval."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emb_pipeline.tasks.options import EvaluationOptions


class RetrievalOptions(EvaluationOptions):
    """Exact search by the embedding's own measure; nDCG and MRR are cut at rank 10, but for rankings of judged passages."""

    rank: Literal["all", "judged"] = Field(
        default="all",
        description="what is ranked for a query: all passages, those without a judgment counting as irrelevant, or those "
        "that were judged for it (answer sentence selection)",
    )
    recall_cutoff: int = Field(default=100, ge=10, le=10_000, description="rank that recall is cut at")
    block_megabytes: int = Field(default=256, ge=1, le=65_536, description="megabytes of scores held at a time")
