"""Sources of pairs of texts with a score."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from emb_pipeline.readers.docstrings.options import DocstringLinksSource
from emb_pipeline.readers.formats.delimited import CsvSource, TsvSource
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.formats.parquet import ParquetSource
from emb_pipeline.readers.hf_dataset.source import HfDatasetSource
from emb_pipeline.readers.mteb.source import MtebSource
from emb_pipeline.readers.options import refuse_options
from emb_pipeline.readers.registry import Reader, by_name
from emb_pipeline.readers.sql.source import SqlSource
from emb_pipeline.tasks.pairs.sources import PairedTexts

_OF_LABELED_TEXTS = (
    "text", "id", "label", "labels", "merge_labels", "label_names", "min_examples", "features", "splits", "sample",
)  # fmt: skip


class _ScoredPairs(PairedTexts):
    score: str = Field(default="score", description="column with the similarity that people gave")
    unscored: Literal["refuse", "leave_out"] = Field("refuse", description="what to do with a row whose score is empty")

    @model_validator(mode="after")
    def _names_what_pairs_have(self) -> Self:
        columns = ("split",) if getattr(self, "split_column", None) else ()
        refuse_options(self, (*_OF_LABELED_TEXTS, *columns), "is for texts with a label: pairs have two texts and a score")
        return self


class ScoredCsvSource(_ScoredPairs, CsvSource):
    """Similarity: pairs of texts with a score, comma-separated."""


class ScoredTsvSource(_ScoredPairs, TsvSource):
    """The same, tab-separated."""


class ScoredJsonlSource(_ScoredPairs, JsonlSource):
    """The same, one JSON object per line."""


class ScoredParquetSource(_ScoredPairs, ParquetSource):
    """The same, Parquet files."""


class ScoredSqlSource(_ScoredPairs, SqlSource):
    """The same, rows that a query gives."""


class ScoredHfSource(_ScoredPairs, HfDatasetSource):
    """The same, a data set of Hugging Face."""


class ScoredMtebSource(_ScoredPairs, MtebSource):
    """The same, a task of MTEB."""

    types: ClassVar[tuple[str, ...]] = ("STS",)
    label: str | None = Field(default=None, description="leave it out: pairs have a score")


READERS = by_name(
    *(
        Reader(
            name,
            options,
            examples="tasks.similarity.reader:read_scored_rows",
            first_rows="tasks.similarity.reader:check_scored_rows",
        )
        for name, options in (
            ("csv", ScoredCsvSource),
            ("tsv", ScoredTsvSource),
            ("jsonl", ScoredJsonlSource),
            ("parquet", ScoredParquetSource),
            ("sql", ScoredSqlSource),
            ("hf_dataset", ScoredHfSource),
            ("mteb", ScoredMtebSource),
        )
    ),
    Reader("docstring_links", DocstringLinksSource, examples="tasks.similarity.reader:read_linked_summaries"),
)
