"""Sources of interactions of users with items."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from emb_pipeline.readers.options import Columns, LenientSource, PlacedSource, TableFormat
from emb_pipeline.readers.registry import TABLE_FORMATS, Reader, by_name


class InteractionsSource(LenientSource, PlacedSource):
    """Recommendation: who took what and when (csv, tsv, jsonl, parquet by suffix), and a file of the items' texts."""

    reader: Literal["interactions"] = "interactions"
    user: str = Field(default="user", description="column with the user's id")
    item: str = Field(default="item", description="column with the item's id")
    timestamp: str = Field(
        default="timestamp", description="column with the time: a number, or a date as ISO 8601 writes it"
    )
    rating: str | Literal[False] | None = Field(
        default=None,
        description="column with the rating, where there is one; false: every row is a like, although a column looks like a "
        "rating",
    )
    min_rating: float | None = Field(
        default=None, description="rating from which an interaction says that the user liked the item; others are left out"
    )
    weight: str | None = Field(
        default=None,
        min_length=1,
        description="column that says how much an interaction counts, above 0 (plays, minutes, quantity): als, ease and "
        "item_knn learn from it",
    )
    weight_scale: Literal["log", "linear"] = Field(
        default="log",
        description="log: the weight is log2(1 + value), so that one play weighs 1 and a thousand 10; linear: the value",
    )
    items: str | None = Field(
        default=None,
        min_length=1,
        description="file of the items: a glob inside the download or package, or a path relative to the project",
    )
    item_id: str | None = Field(default=None, description="column with the item's id in that file; the same as 'item'")
    text: Columns = Field(
        default="text", description="column with the item's text, or several: joined by a line break, empty ones left out"
    )
    encoding: str = Field(default="utf-8", description="encoding of csv, tsv and jsonl files")
    format: TableFormat | None = Field(
        default=None, description="format of the files, those of the items among them; by default the suffix of each says it"
    )
    delimiter: str | None = Field(
        default=None, min_length=1, description="what stands between two fields of csv (by default ',') and tsv (a tab)"
    )
    columns: tuple[str, ...] | None = Field(
        default=None, description="column names of the interactions, for csv and tsv files without a header line"
    )
    item_columns: tuple[str, ...] | None = Field(default=None, description="the same for the file of the items")
    core: int = Field(
        default=5,
        ge=2,
        description="interactions before the test that a user and an item need, in those of each other, to be learnt from",
    )
    split: Literal["leave_last", "time", "leave_random"] = Field(
        "leave_last",
        description="leave_last: each user's last interaction is tested, the one before it validates; "
        "time: one point in time for all, and nothing that is learnt from is later than what is tested; "
        "leave_random: for interactions without a time; one of each user, drawn by hash, is tested, and another validates",
    )
    test_share: float = Field(default=0.2, gt=0, lt=1, description="split 'time': share of the interactions, the latest")
    validation_share: float = Field(default=0.1, gt=0, lt=1, description="split 'time': share that lies right before them")

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files of the interactions and of the items."""
        items = PlacedSource(path=self.items).find_files(raw, project) if self.items and self.path else []
        return [*super().find_files(raw, project), *items]

    def _list_globs(self) -> tuple[str | None, ...]:
        return (self.files, self.items) if self.items and not self.path else (self.files,)

    @model_validator(mode="after")
    def _rating_has_a_line(self) -> InteractionsSource:
        if bool(self.rating) != (self.min_rating is not None):
            raise ValueError("'rating' (a column) and 'min_rating' (from where on a rating counts) go together")
        if self.split == "leave_random" and "timestamp" in self.model_fields_set:
            raise ValueError("'split: leave_random' looks at no time: leave 'timestamp' out, or choose another split")
        if self.split != "time" and self.model_fields_set & {"test_share", "validation_share"}:
            raise ValueError("'test_share' and 'validation_share' are for 'split: time'")
        if self.weight is None and "weight_scale" in self.model_fields_set:
            raise ValueError("'weight_scale' needs a 'weight' (a column)")
        if self.test_share + self.validation_share >= 1:
            raise ValueError("test_share and validation_share leave nothing to train on")
        return self


READERS = by_name(
    Reader(
        "interactions",
        InteractionsSource,
        examples="tasks.recommendation.interactions:read_interactions",
        first_rows="tasks.recommendation.interactions:check_interactions",
        reads=TABLE_FORMATS,
    ),
)
