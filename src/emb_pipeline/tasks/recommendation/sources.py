"""Sources of interactions of users with items."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emb_pipeline.readers.options import Columns, LenientSource, PlacedSource, TableFormat
from emb_pipeline.readers.registry import TABLE_FORMATS, Reader, by_name


class Attribute(BaseModel):
    """Attribute of users or items: each of them has one value of it, several, or none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | None = Field(default=None, min_length=1, description="its column; the same as the attribute's name")
    separator: str | None = Field(default=None, min_length=1, description="what stands between several values in one field")
    flags: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="columns of 0 and 1, each of which is a value, in place of one column"
    )
    edges: tuple[float, ...] | None = Field(
        default=None,
        min_length=1,
        description="for a column of numbers: where each group but the lowest begins",
    )
    groups: int | None = Field(
        default=None, ge=2, le=20, description="for a column of numbers: groups to cut them into, of about the same size"
    )

    @model_validator(mode="after")
    def _is_one_thing(self) -> Attribute:
        given = [name for name in ("separator", "flags", "edges", "groups") if getattr(self, name) is not None]
        if len(given) > 1 or (self.flags and self.column):
            both = " and ".join(f"'{name}'" for name in (given if len(given) > 1 else ("column", "flags")))
            raise ValueError(f"{both} do not go together: give one of them")
        if self.edges and list(self.edges) != sorted(set(self.edges)):
            raise ValueError("'edges' must rise")
        return self

    @property
    def holds_numbers(self) -> bool:
        """Tell whether its column holds numbers, which are cut into groups."""
        return self.edges is not None or self.groups is not None

    def list_columns(self, name: str) -> tuple[str, ...]:
        """List the columns of the attribute of this name."""
        return self.flags or (self.column or name,)


class AttributedFile(BaseModel):
    """File of users or items with their attributes, one row for each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(min_length=1, description="a glob inside the download or package, or a path relative to the project")
    id: str | None = Field(default=None, description="column with the id; the same as 'user' or 'item'")
    attributes: dict[str, Attribute] = Field(default_factory=dict, description="by name; {} for a column of that name")
    columns: tuple[str, ...] | None = Field(default=None, description="column names, for a file without a header line")
    encoding: str = Field(default="utf-8", description="encoding of the file")
    format: TableFormat | None = Field(default=None, description="format of the file; by default its suffix says it")
    delimiter: str | None = Field(default=None, min_length=1, description="what stands between two fields")


class InteractionsSource(LenientSource, PlacedSource):
    """Recommendation: who took what and when (csv, tsv, jsonl, parquet, sql by suffix), and a file of the items' texts."""

    takes_queries: ClassVar[bool] = True

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
    users: AttributedFile | None = Field(
        default=None, description="file of the users with their attributes: {file, id, attributes, columns, …}"
    )
    items: str | AttributedFile | None = Field(
        default=None,
        description="file of the items: a glob inside the download or package, or a path relative to the project; with "
        "attributes, or in another format: {file, id, attributes, columns, …}",
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
    split: Literal["leave_last", "time", "leave_random", "new_users"] = Field(
        "leave_last",
        description="leave_last: each user's last interaction is tested, the one before it validates; "
        "time: one point in time for all, and nothing that is learnt from is later than what is tested; "
        "leave_random: for interactions without a time; one of each user, drawn by hash, is tested, and another validates; "
        "new_users: some users, drawn by hash, are tested, and nothing is learnt of them: their attributes alone are known",
    )
    test_share: float = Field(
        default=0.2, gt=0, lt=1, description="split 'time': share of the interactions, the latest; 'new_users': of the users"
    )
    validation_share: float = Field(
        default=0.1, gt=0, lt=1, description="split 'time': share that lies right before them; 'new_users': of the users"
    )

    @property
    def item_file(self) -> AttributedFile | None:
        """The file of the items, with how it is read."""
        if not isinstance(self.items, str):
            return self.items
        return AttributedFile(
            file=self.items,
            id=self.item_id,
            columns=self.item_columns,
            encoding=self.encoding,
            format=self.format,
            delimiter=self.delimiter,
        )

    @property
    def has_times(self) -> bool:
        """Tell whether the split looks at the time of an interaction."""
        return self.split in ("leave_last", "time")

    @property
    def has_attributes(self) -> bool:
        """Tell whether users or items have attributes."""
        return any(each is not None and each.attributes for each in (self.users, self.item_file))

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files of the interactions, of the items and of the users."""
        from emb_pipeline.readers.files.named_files import list_existing_files

        others = [PlacedSource(path=each.file) for each in self._described] if self.path else []
        listed = (list_existing_files(each, raw, project, (None,), self.takes_queries) for each in others)
        return [*super().find_files(raw, project), *(file for files in listed for file in files)]

    @property
    def _described(self) -> list[AttributedFile]:
        return [each for each in (self.item_file, self.users) if each is not None]

    def _globs(self) -> tuple[str | None, ...]:
        return (self.files, *(each.file for each in self._described if not self.path))

    @model_validator(mode="after")
    def _rating_has_a_line(self) -> InteractionsSource:
        if bool(self.rating) != (self.min_rating is not None):
            raise ValueError("'rating' (a column) and 'min_rating' (from where on a rating counts) go together")
        if isinstance(self.items, AttributedFile) and self.model_fields_set & {"item_id", "item_columns"}:
            raise ValueError("'item_id' and 'item_columns' are 'id' and 'columns' inside 'items: {file: …}'")
        if self.users is not None and not self.users.attributes:
            raise ValueError("'users' says nothing of them: name their 'attributes', or leave 'users' out")
        if not self.has_times and "timestamp" in self.model_fields_set:
            raise ValueError(f"'split: {self.split}' looks at no time: leave 'timestamp' out, or choose another split")
        if self.split not in ("time", "new_users") and self.model_fields_set & {"test_share", "validation_share"}:
            raise ValueError("'test_share' and 'validation_share' are for 'split: time' and 'split: new_users'")
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
