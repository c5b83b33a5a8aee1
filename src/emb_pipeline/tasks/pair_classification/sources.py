"""Sources of pairs of texts with a label."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from emb_pipeline.readers.formats.delimited import CsvSource, TsvSource
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.formats.parquet import ParquetSource
from emb_pipeline.readers.hf_dataset.source import HfDatasetSource
from emb_pipeline.readers.mteb.source import MtebSource
from emb_pipeline.readers.options import refuse_options
from emb_pipeline.readers.registry import Reader, by_name
from emb_pipeline.readers.sql.source import SqlSource
from emb_pipeline.tasks.pairs.sources import PairedTexts

_OF_SINGLE_TEXTS = ("text", "labels", "merge_labels", "min_examples", "features", "sample")


class _LabeledPairs(PairedTexts):
    label: str | None = Field(default="label", description="column that says whether the pair is a positive one")
    positive: str = Field(
        default="1", description="label of the positive pairs (duplicates, paraphrases); pairs of the other are negative"
    )

    @model_validator(mode="after")
    def _names_what_pairs_have(self) -> Self:
        refuse_options(self, _OF_SINGLE_TEXTS, "is for single texts with a label: leave it out")
        return self


class LabeledPairsCsvSource(_LabeledPairs, CsvSource):
    """Pair classification: two texts and one of two labels, comma-separated."""


class LabeledPairsTsvSource(_LabeledPairs, TsvSource):
    """The same, tab-separated."""


class LabeledPairsJsonlSource(_LabeledPairs, JsonlSource):
    """The same, one JSON object per line."""


class LabeledPairsParquetSource(_LabeledPairs, ParquetSource):
    """The same, Parquet files."""


class LabeledPairsSqlSource(_LabeledPairs, SqlSource):
    """The same, rows that a query gives."""


class LabeledPairsHfSource(_LabeledPairs, HfDatasetSource):
    """The same, a data set of Hugging Face."""


class LabeledPairsMtebSource(_LabeledPairs, MtebSource):
    """The same, a task of MTEB."""

    types: ClassVar[tuple[str, ...]] = ("PairClassification",)


READERS = by_name(
    *(
        Reader(
            name,
            options,
            examples="tasks.pair_classification.reader:read_labeled_pairs",
            first_rows="tasks.pair_classification.reader:check_labeled_pairs",
        )
        for name, options in (
            ("csv", LabeledPairsCsvSource),
            ("tsv", LabeledPairsTsvSource),
            ("jsonl", LabeledPairsJsonlSource),
            ("parquet", LabeledPairsParquetSource),
            ("sql", LabeledPairsSqlSource),
            ("hf_dataset", LabeledPairsHfSource),
            ("mteb", LabeledPairsMtebSource),
        )
    )
)
