"""Options of cut-offs: the promise, and where unanswerable requests come from."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emb_pipeline.readers.registry import CorpusSource


class UnanswerableOptions(BaseModel):
    """Where the requests of one task that cannot be answered come from: a file, another task, or the task itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: CorpusSource | None = Field(
        default=None, description="where such requests are, with a reader of documents: {reader: csv, path: questions.csv}"
    )
    task: str | None = Field(default=None, description="another task of the grid: its queries or texts cannot be answered")

    leave_out: Literal["class", "passages"] | None = Field(
        default=None,
        description="what is left out of the task itself: class: of a classification, each class in turn, and its texts "
        "cannot be answered; passages: of a retrieval task, those that are relevant to a query (its default)",
    )
    classes: tuple[str, ...] = Field(
        default=(), description="with leave_out: class, the classes that stand for what cannot be answered; by default all"
    )
    most_classes: int = Field(
        default=10,
        ge=3,
        le=1000,
        description="with leave_out: class and no names, classes that are left out at most, drawn by chance where there are "
        "more: a probe is fitted without each",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(each is not None for each in (self.source, self.task, self.leave_out)) != 1:
            raise ValueError(
                "name exactly one of 'source' (texts of your own), 'task' (another task of the grid) and 'leave_out' (class "
                "or passages of the task itself)"
            )
        if self.leave_out != "class" and {"classes", "most_classes"} & self.model_fields_set:
            raise ValueError("'classes' and 'most_classes' need leave_out: class")
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
