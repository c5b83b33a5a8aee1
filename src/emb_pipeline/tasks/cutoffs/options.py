"""Options of cut-offs: the promise, and where unanswerable requests come from."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emb_pipeline.readers.registry import CorpusSource


class UnanswerableOptions(BaseModel):
    """Where the requests of one task that cannot be answered come from: a file, or another task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: CorpusSource | None = Field(
        default=None, description="where such requests are, with a reader of documents: {reader: csv, path: questions.csv}"
    )
    task: str | None = Field(default=None, description="another task of the grid: its queries or texts cannot be answered")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.source is None) == (self.task is None):
            raise ValueError("name exactly one of 'source' (texts of your own) and 'task' (another task of the grid)")
        return self


class CutoffOptions(BaseModel):
    """From which best score on a request is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: float = Field(
        default=0.05, gt=0, lt=0.5, description="share of new unanswerable requests that may get an answer, at most"
    )
    embeddings: int = Field(
        default=3,
        ge=0,
        le=1000,
        description="embeddings of each task whose cut-off is measured: the chosen one, then the best; 0: none",
    )
    queries: int = Field(
        default=500, ge=20, le=1_000_000, description="requests of each sort at most, drawn by chance where there are more"
    )
    unanswerable: dict[str, UnanswerableOptions] = Field(
        default_factory=dict,
        description="requests that cannot be answered, by task; a retrieval task without any takes its own queries, without "
        "the passages that are relevant to them",
    )
