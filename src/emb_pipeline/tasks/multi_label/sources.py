"""Sources of texts with any number of labels each."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from emb_pipeline.readers.formats.delimited import CsvSource, TsvSource
from emb_pipeline.readers.formats.hallmarks import HallmarksSource
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.formats.parquet import ParquetSource
from emb_pipeline.readers.formats.reuters import ReutersSource
from emb_pipeline.readers.hf_dataset.source import HfDatasetSource
from emb_pipeline.readers.mteb.source import MtebSource
from emb_pipeline.readers.options import Source, SplitName, TabularSource
from emb_pipeline.readers.registry import Reader, by_name
from emb_pipeline.readers.sql.source import SqlSource

_TRAIN_AND_TEST: dict[SplitName, str] = {"train": "train", "test": "test"}


class _LabelSets(Source):
    both_parts: bool = Field(
        default=False,
        description="leave out labels that no training text or no test text has; the texts stay (the 90 topics of ModApte)",
    )


class _LabelColumns(_LabelSets):
    separator: str | None = Field(
        default=None,
        min_length=1,
        description="what is between two labels of a text, ';' say; without it 'label' is a column of lists",
    )
    label_columns: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="in place of 'label': a column of 0 and 1 for each label"
    )

    @model_validator(mode="after")
    def _one_place_of_labels(self) -> Self:
        source = self
        assert isinstance(source, TabularSource)
        if (source.label is None) == (self.label_columns is None):
            raise ValueError("name either 'label' (a column with the labels of a text) or 'label_columns' (one for each)")
        if self.label_columns is not None and (self.separator is not None or source.label_names is not None):
            raise ValueError("'separator' and 'label_names' are for 'label': leave them out next to 'label_columns'")
        if source.features is not None:
            raise ValueError("'features' are for classification: leave them out")
        return self


class LabelSetsCsvSource(_LabelColumns, CsvSource):
    """Multi-label classification: comma-separated values."""


class LabelSetsTsvSource(_LabelColumns, TsvSource):
    """The same, tab-separated."""


class LabelSetsJsonlSource(_LabelColumns, JsonlSource):
    """The same, one JSON object per line."""


class LabelSetsParquetSource(_LabelColumns, ParquetSource):
    """The same, Parquet files."""


class LabelSetsSqlSource(_LabelColumns, SqlSource):
    """The same, rows that a query gives."""


class LabelSetsHfSource(_LabelColumns, HfDatasetSource):
    """The same, a data set of Hugging Face."""


class LabelSetsMtebSource(_LabelColumns, MtebSource):
    """The same, a task of MTEB."""

    types: ClassVar[tuple[str, ...]] = ("MultilabelClassification",)

    splits: dict[SplitName, str] | None = Field(default=_TRAIN_AND_TEST, description="its splits: train, and test")


class ReutersTopicsSource(_LabelSets, ReutersSource):
    """The topics of Reuters-21578's articles, with the split of ModApte."""


class HallmarksLabelsSource(_LabelSets, HallmarksSource):
    """The hallmarks of cancer that each sentence of an abstract tells of; sentences of one abstract are a group."""


_ROWS = "tasks.multi_label.formats:read_rows"
READERS = by_name(
    Reader("csv", LabelSetsCsvSource, examples=_ROWS),
    Reader("tsv", LabelSetsTsvSource, examples=_ROWS),
    Reader("jsonl", LabelSetsJsonlSource, examples=_ROWS),
    Reader("parquet", LabelSetsParquetSource, examples=_ROWS),
    Reader("sql", LabelSetsSqlSource, examples=_ROWS),
    Reader("hf_dataset", LabelSetsHfSource, examples=_ROWS),
    Reader("mteb", LabelSetsMtebSource, examples=_ROWS),
    Reader("reuters", ReutersTopicsSource, examples="tasks.multi_label.formats:read_reuters"),
    Reader("hallmarks", HallmarksLabelsSource, examples="tasks.multi_label.formats:read_hallmarks"),
)
