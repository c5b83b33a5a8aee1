"""Sources of sentences with a tag for each token."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import Field

from emb_pipeline.readers.docstrings.options import DocstringMentionsSource
from emb_pipeline.readers.formats.iob import IobSource
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.formats.parquet import ParquetSource
from emb_pipeline.readers.hf_dataset.source import HfDatasetSource
from emb_pipeline.readers.options import Source
from emb_pipeline.readers.registry import Reader, by_name
from emb_pipeline.readers.sql.source import SqlSource


class DrawnSource(Source):
    """A source of sentences that may be split by a draw."""

    test_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the sentences to test on, where there are no splits: drawn by hash, documents as one",
    )


class TaggedIobSource(DrawnSource, IobSource):
    """Sequence labeling: a token and its tag per line, a blank line between sentences."""


class _Tagged(DrawnSource):
    tokens: str = Field(default="tokens", description="column with the list of tokens")
    tags: str = Field(default="tags", description="column with the list of their tags")


class TaggedJsonlSource(_Tagged, JsonlSource):
    """Sequence labeling: a list of tokens and a list of tags per JSON object."""


class TaggedParquetSource(_Tagged, ParquetSource):
    """The same, from list columns of Parquet files."""


class TaggedSqlSource(_Tagged, SqlSource):
    """The same, rows that a query gives."""


class TaggedHfSource(_Tagged, HfDatasetSource):
    """The same, a data set of Hugging Face."""


TaggedSource: TypeAlias = TaggedJsonlSource | TaggedParquetSource | TaggedSqlSource | TaggedHfSource

TAGGED_ROWS: tuple[tuple[str, type[TaggedSource]], ...] = (
    ("jsonl", TaggedJsonlSource),
    ("parquet", TaggedParquetSource),
    ("sql", TaggedSqlSource),
    ("hf_dataset", TaggedHfSource),
)
"""Readers of rows with a list of tokens and a list of tags."""
READERS = by_name(
    Reader(
        "iob",
        TaggedIobSource,
        examples="tasks.sequence_labeling.reader:read_iob",
        first_rows="tasks.sequence_labeling.reader:check_iob",
    ),
    *(
        Reader(
            name,
            options,
            examples="tasks.sequence_labeling.reader:read_tagged_rows",
            first_rows="tasks.sequence_labeling.reader:check_tagged_rows",
        )
        for name, options in TAGGED_ROWS
    ),
    Reader("docstring_mentions", DocstringMentionsSource, examples="tasks.sequence_labeling.reader:read_docstrings"),
)
