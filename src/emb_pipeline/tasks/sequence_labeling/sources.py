"""Sources of sentences with a tag for each token."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import Field

from emb_pipeline.readers.docstrings.options import DocstringMentionsReading
from emb_pipeline.readers.formats.iob import IobReading
from emb_pipeline.readers.formats.json_lines import JsonlReading
from emb_pipeline.readers.formats.parquet import ParquetReading
from emb_pipeline.readers.options import Reading
from emb_pipeline.readers.registry import Reader, by_name


class _Tagged(Reading):
    tokens: str = Field(default="tokens", description="column with the list of tokens")
    tags: str = Field(default="tags", description="column with the list of their tags")


class TaggedJsonlReading(_Tagged, JsonlReading):
    """Sequence labelling: a list of tokens and a list of tags per JSON object."""


class TaggedParquetReading(_Tagged, ParquetReading):
    """The same, from list columns of Parquet files."""


TaggedReading: TypeAlias = TaggedJsonlReading | TaggedParquetReading

READERS = by_name(
    Reader(
        "iob",
        IobReading,
        examples="tasks.sequence_labeling.reader:read_iob",
        first_rows="tasks.sequence_labeling.reader:check_iob",
    ),
    Reader(
        "jsonl",
        TaggedJsonlReading,
        examples="tasks.sequence_labeling.reader:read_tagged_rows",
        first_rows="tasks.sequence_labeling.reader:check_tagged_rows",
    ),
    Reader(
        "parquet",
        TaggedParquetReading,
        examples="tasks.sequence_labeling.reader:read_tagged_rows",
        first_rows="tasks.sequence_labeling.reader:check_tagged_rows",
    ),
    Reader("docstring_mentions", DocstringMentionsReading, examples="tasks.sequence_labeling.reader:read_docstrings"),
)
