"""Sources of sentences with a tag for each token."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import Field

from emb_pipeline.readers.docstrings.options import DocstringMentionsSource
from emb_pipeline.readers.formats.iob import IobSource
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.formats.parquet import ParquetSource
from emb_pipeline.readers.options import Source
from emb_pipeline.readers.registry import Reader, by_name


class _Tagged(Source):
    tokens: str = Field(default="tokens", description="column with the list of tokens")
    tags: str = Field(default="tags", description="column with the list of their tags")


class TaggedJsonlSource(_Tagged, JsonlSource):
    """Sequence labeling: a list of tokens and a list of tags per JSON object."""


class TaggedParquetSource(_Tagged, ParquetSource):
    """The same, from list columns of Parquet files."""


TaggedSource: TypeAlias = TaggedJsonlSource | TaggedParquetSource

READERS = by_name(
    Reader(
        "iob",
        IobSource,
        examples="tasks.sequence_labeling.reader:read_iob",
        first_rows="tasks.sequence_labeling.reader:check_iob",
    ),
    Reader(
        "jsonl",
        TaggedJsonlSource,
        examples="tasks.sequence_labeling.reader:read_tagged_rows",
        first_rows="tasks.sequence_labeling.reader:check_tagged_rows",
    ),
    Reader(
        "parquet",
        TaggedParquetSource,
        examples="tasks.sequence_labeling.reader:read_tagged_rows",
        first_rows="tasks.sequence_labeling.reader:check_tagged_rows",
    ),
    Reader("docstring_mentions", DocstringMentionsSource, examples="tasks.sequence_labeling.reader:read_docstrings"),
)
