"""Sources of pairs of texts with a score."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emb_pipeline.readers.docstrings.options import DocstringLinksReading
from emb_pipeline.readers.formats.delimited import CsvReading, TsvReading
from emb_pipeline.readers.formats.json_lines import JsonlReading
from emb_pipeline.readers.formats.parquet import ParquetReading
from emb_pipeline.readers.options import Reading
from emb_pipeline.readers.registry import Reader, by_name


class _ScoredPairs(Reading):
    text_a: str = Field(default="text_a", description="column with one text of the pair")
    text_b: str = Field(default="text_b", description="column with the other")
    score: str = Field(default="score", description="column with the similarity that people gave")
    unscored: Literal["refuse", "leave_out"] = Field("refuse", description="what to do with a row whose score is empty")


class ScoredCsvReading(_ScoredPairs, CsvReading):
    """Similarity: pairs of texts with a score, comma-separated."""


class ScoredTsvReading(_ScoredPairs, TsvReading):
    """The same, tab-separated."""


class ScoredJsonlReading(_ScoredPairs, JsonlReading):
    """The same, one JSON object per line."""


class ScoredParquetReading(_ScoredPairs, ParquetReading):
    """The same, Parquet files."""


READERS = by_name(
    Reader(
        "csv",
        ScoredCsvReading,
        examples="tasks.similarity.reader:read_scored_rows",
        first_rows="tasks.similarity.reader:check_scored_rows",
    ),
    Reader(
        "tsv",
        ScoredTsvReading,
        examples="tasks.similarity.reader:read_scored_rows",
        first_rows="tasks.similarity.reader:check_scored_rows",
    ),
    Reader(
        "jsonl",
        ScoredJsonlReading,
        examples="tasks.similarity.reader:read_scored_rows",
        first_rows="tasks.similarity.reader:check_scored_rows",
    ),
    Reader(
        "parquet",
        ScoredParquetReading,
        examples="tasks.similarity.reader:read_scored_rows",
        first_rows="tasks.similarity.reader:check_scored_rows",
    ),
    Reader("docstring_links", DocstringLinksReading, examples="tasks.similarity.reader:read_linked_summaries"),
)
