"""Options of the agreement between two tasks."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AgreementOptions(BaseModel):
    """Two retrieval tasks over the same passages: one with made queries, one with real ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    made: str = Field(description="task with made queries, or titles")
    real: str = Field(description="task with real queries over the same passages")
    real_queries: Literal["found", "written_for_drawn_passages"] = Field(
        default="found",
        description="written_for_drawn_passages: each real query was written for a passage that was drawn at random; "
        "differences are corrected then. found: they came from users, say, who ask of some passages more than of others",
    )
