"""Sources of questions, contexts and the spans that answer them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emb_pipeline.readers.options import PlacedSource, SplitName
from emb_pipeline.readers.registry import Reader, by_name


class SquadAnswersSource(PlacedSource):
    """Extractive answering: questions, paragraphs and answers of SQuAD's JSON."""

    reader: Literal["squad"] = "squad"
    encoding: str = Field(default="utf-8", description="encoding of the files")
    splits: dict[SplitName, str] | None = Field(
        default=None,
        description="glob of each split's own files: {train: train-v1.1.json, test: dev-v1.1.json}; without it, articles "
        "are drawn for each",
    )
    test_share: float = Field(default=0.35, gt=0, lt=1, description="share of the articles that is tested on")
    validation_share: float = Field(default=0.15, gt=0, lt=1, description="share of the articles that tunes the probe")
    max_questions: int | None = Field(default=None, ge=10, description="questions in all, sampled by hash; all by default")


READERS = by_name(
    Reader(
        "squad",
        SquadAnswersSource,
        examples="tasks.extractive_qa.questions:read_squad",
        first_rows="tasks.extractive_qa.questions:check_squad",
    ),
)
