"""Sources of texts with a number."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from emb_pipeline.readers.formats.delimited import CsvSource, TsvSource
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.formats.parquet import ParquetSource
from emb_pipeline.readers.hf_dataset.source import HfDatasetSource
from emb_pipeline.readers.options import Source, refuse_options
from emb_pipeline.readers.registry import Reader, by_name
from emb_pipeline.readers.sql.source import SqlSource

_OF_CLASSES = ("label", "labels", "label_names", "merge_labels", "min_examples")


class _Numbers(Source):
    target: str = Field(default="target", min_length=1, description="column with the number that is predicted")

    @model_validator(mode="after")
    def _target_is_no_feature(self) -> Self:
        features = getattr(self, "features", None)
        if features is not None and self.target in features.names:
            raise ValueError(f"features: '{self.target}' is the target column: it would give the answer away")
        return self

    @model_validator(mode="after")
    def _classes_are_elsewhere(self) -> Self:
        refuse_options(self, _OF_CLASSES, "is for classes: name the column of the numbers under 'target'")
        return self


class NumbersCsvSource(_Numbers, CsvSource):
    """Regression: texts with a number, comma-separated."""


class NumbersTsvSource(_Numbers, TsvSource):
    """The same, tab-separated."""


class NumbersJsonlSource(_Numbers, JsonlSource):
    """The same, one JSON object per line."""


class NumbersParquetSource(_Numbers, ParquetSource):
    """The same, Parquet files."""


class NumbersSqlSource(_Numbers, SqlSource):
    """The same, rows that a query gives."""


class NumbersHfSource(_Numbers, HfDatasetSource):
    """The same, a data set of Hugging Face."""


READERS = by_name(
    *(
        Reader(
            name,
            options,
            examples="tasks.regression.reader:read_numbered_texts",
            first_rows="tasks.regression.reader:check_numbered_texts",
        )
        for name, options in (
            ("csv", NumbersCsvSource),
            ("tsv", NumbersTsvSource),
            ("jsonl", NumbersJsonlSource),
            ("parquet", NumbersParquetSource),
            ("sql", NumbersSqlSource),
            ("hf_dataset", NumbersHfSource),
        )
    )
)
