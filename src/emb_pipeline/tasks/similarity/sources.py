"""Sources of pairs of texts with a score."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from emb_pipeline.readers.docstrings.options import DocstringLinksSource
from emb_pipeline.readers.formats.delimited import CsvSource, TsvSource
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.formats.parquet import ParquetSource
from emb_pipeline.readers.options import Source, refuse_options
from emb_pipeline.readers.registry import Reader, by_name

_OF_LABELED_TEXTS = (
    "text", "id", "label", "labels", "merge_labels", "label_names", "min_examples", "features", "split", "splits", "sample",
)  # fmt: skip


class _ScoredPairs(Source):
    text_a: str = Field(default="text_a", description="column with one text of the pair")
    text_b: str = Field(default="text_b", description="column with the other")
    score: str = Field(default="score", description="column with the similarity that people gave")
    unscored: Literal["refuse", "leave_out"] = Field("refuse", description="what to do with a row whose score is empty")

    @model_validator(mode="after")
    def _names_what_pairs_have(self) -> Self:
        refuse_options(self, _OF_LABELED_TEXTS, "is for texts with a label: pairs have text_a, text_b and score")
        return self


class ScoredCsvSource(_ScoredPairs, CsvSource):
    """Similarity: pairs of texts with a score, comma-separated."""


class ScoredTsvSource(_ScoredPairs, TsvSource):
    """The same, tab-separated."""


class ScoredJsonlSource(_ScoredPairs, JsonlSource):
    """The same, one JSON object per line."""


class ScoredParquetSource(_ScoredPairs, ParquetSource):
    """The same, Parquet files."""


READERS = by_name(
    Reader(
        "csv",
        ScoredCsvSource,
        examples="tasks.similarity.reader:read_scored_rows",
        first_rows="tasks.similarity.reader:check_scored_rows",
    ),
    Reader(
        "tsv",
        ScoredTsvSource,
        examples="tasks.similarity.reader:read_scored_rows",
        first_rows="tasks.similarity.reader:check_scored_rows",
    ),
    Reader(
        "jsonl",
        ScoredJsonlSource,
        examples="tasks.similarity.reader:read_scored_rows",
        first_rows="tasks.similarity.reader:check_scored_rows",
    ),
    Reader(
        "parquet",
        ScoredParquetSource,
        examples="tasks.similarity.reader:read_scored_rows",
        first_rows="tasks.similarity.reader:check_scored_rows",
    ),
    Reader("docstring_links", DocstringLinksSource, examples="tasks.similarity.reader:read_linked_summaries"),
)
