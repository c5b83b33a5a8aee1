"""The options that sources of text have in common: where they are, how they are split, which rows are left out.

A source names a *reader* and a place. The place is one of

* ``path``: a file, a folder or a glob, relative to the project (your own data);
* ``download``: a public data set of `emb_pipeline.readers.public_data.public_sources`, fetched once;
* ``package``: an installed Python package that ships the file (nothing of it is imported);

and ``files``, a glob, narrows it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from emb_pipeline.text.hashing import hash_text
from emb_pipeline.text.tokenizer import TOKENIZER, Tokenizer

if TYPE_CHECKING:
    from emb_pipeline.readers.files.named_files import NamedFile

SplitName = Literal["train", "validation", "test"]
TableFormat = Literal["csv", "tsv", "jsonl", "parquet"]
Columns = str | tuple[str, ...]
Places = Mapping[str, str]
"""Options that say where a source is, with a word on each."""
MISSING = ("NaN", "nan", "None", "NaT", "<NA>")
"""Words that pandas writes for a missing value."""
TIME_OF_ROWS = (
    "column with a date or time of the row (of a task): scores are shown by period; 2024-05-31, 2024-05-31T18:30:00+02:00, "
    "2024-05, 2024, or seconds since 1970; it may be empty"
)


class Source(BaseModel):
    """The base of all sources: they are read-only, and a misspelt option is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    takes_queries: ClassVar[bool] = False
    """Whether a file that ends in ``.sql`` is a table of the rows that its query gives."""

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files that will be read and whose content may change; a file that is missing is left out.

        Files of a download and of a package that is parsed are known by ``download_names`` and ``list_package_names``. A
        source with a place of its own says so here; without that, each value that names a file of the project counts.
        """
        from emb_pipeline.readers.files.named_files import list_existing_files

        texts = [value for value in self.model_dump().values() if isinstance(value, str)]
        values = [value for value in texts if "/" in value or (project / value).is_file()]
        places = (PlacedSource(path=value) for value in values)
        return [file for each in places for file in list_existing_files(each, raw, project, (None,), self.takes_queries)]

    @property
    def origin(self) -> str:
        """The name of the place that is read, in messages and in ids of documents."""
        raise NotImplementedError


class PlacedSource(Source):
    """A source of files: exactly one of ``places`` says where they are."""

    places: ClassVar[Places] = {"path": "own files", "download": "a public data set", "package": "an installed package"}

    path: str | None = Field(default=None, min_length=1, description="file, folder or glob, relative to the project")
    download: str | None = Field(default=None, min_length=1, description="name of a public source in sources.json")
    package: str | None = Field(default=None, min_length=1, description="installed Python package that ships the files")
    files: str | None = Field(default=None, min_length=1, description="glob inside the folder, download or package: '*.csv'")
    tokenizer: Tokenizer = Field(default="default", description=TOKENIZER)

    @field_validator("files")
    @classmethod
    def _inside(cls, files: str | None) -> str | None:
        if files is not None and (files.startswith("/") or ".." in PurePosixPath(files).parts):
            raise ValueError("must stay inside the folder it starts from: no leading '/' and no '..'")
        return files

    @model_validator(mode="after")
    def _one_place(self) -> PlacedSource:
        given = [name for name in {**PlacedSource.places, **self.places} if getattr(self, name) is not None]
        if len(given) != 1 or given[0] not in self.places:
            *others, last = (f"'{name}' ({what})" for name, what in self.places.items())
            raise ValueError(f"name exactly one of {', '.join(others)} and {last}")
        return self

    @property
    def origin(self) -> str:
        """The download, path or package."""
        return str(next(value for name in self.places if (value := getattr(self, name)) is not None))

    def make_files(self, raw: Path, project: Path, glob: str | None) -> list[NamedFile] | None:
        """Make the files of a place that holds none by itself; None where it does."""
        return None

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files that will be read; nothing is fetched."""
        from emb_pipeline.readers.files.named_files import list_existing_files

        return list_existing_files(self, raw, project, self._globs(), self.takes_queries)

    def _globs(self) -> tuple[str | None, ...]:
        """List what is read inside the place: the files of each split, or those that ``files`` names; None: all."""
        splits = getattr(self, "splits", None)
        return tuple(splits.values()) if splits else (self.files,)


class HashRange(Source):
    """A part of the rows (or files), drawn by hash: the same on every machine, and disjoint from any other range."""

    by: str | None = Field(
        default=None, description="column whose equal values draw alike; without one each row, or file, draws for itself"
    )
    low: float = Field(default=0.0, ge=0, lt=1, description="draws are spread evenly over 0 to 1; those from here on")
    high: float = Field(default=1.0, gt=0, le=1, description="and below this are in")

    @model_validator(mode="after")
    def _holds_something(self) -> HashRange:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self

    def draws(self, value: str) -> bool:
        """Say whether the part has what this value stands for: equal values, equal choice, on every machine."""
        # Another salt than a split's, or a sample of half the rows would hold the test half alone.
        return self.low <= hash_text(f"sample {value}") / 2**64 < self.high


def without_columns(sample: HashRange | None, what: str) -> HashRange | None:
    """Refuse a part of what has no columns that is drawn by one."""
    if sample is not None and sample.by is not None:
        raise ValueError(f"{what} have no columns: leave 'by' out")
    return sample


class LenientSource(Source):
    """A source that can leave out rows that are empty or cannot be used."""

    empty: Literal["refuse", "leave_out"] = Field(
        default="refuse",
        description="what to do with a row whose text, label or tags are empty; the audit counts those left out",
    )
    on_error: Literal["refuse", "skip"] = Field(
        default="refuse",
        description="what to do with a row that cannot be read or used: refuse lists up to 20; skip leaves them out, and "
        "the audit (of a corpus, the log) counts them",
    )


class FeatureColumns(Source):
    """Columns that a task's label is predicted from, next to its text or without one."""

    categorical: tuple[str, ...] = Field(
        default=(), description="columns whose values are names; a missing value is one of its own"
    )
    numeric: tuple[str, ...] = Field(default=(), description="columns whose values are numbers; they may be missing")

    @model_validator(mode="after")
    def _each_once(self) -> FeatureColumns:
        if not self.names:
            raise ValueError("name at least one column, under 'categorical' or 'numeric'")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' is named twice: a column is categorical or numeric")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, the categorical ones first."""
        return (*self.categorical, *self.numeric)


class TabularSource(LenientSource, PlacedSource):
    """A source of rows with named columns: csv, tsv, jsonl, parquet."""

    reader: str
    text: Columns = Field(
        default="text",
        description="column with the text, or several: joined by a line break, empty ones left out; where 'features' are "
        "named and no text is, a row is its own text: 'column: value' on a line for each feature",
    )
    features: FeatureColumns | None = Field(
        default=None,
        description="categorical and numeric columns that the label is predicted from, too (classification): "
        "{categorical: [brand, colour], numeric: [price]}",
    )
    id: str | None = Field(default=None, description="column with a unique id; the row number where none is named")
    label: str | None = Field(default=None, description="column with the label (classification)")
    split: str | Literal[False] | None = Field(
        default=None,
        description="column that says train, validation or test (classification, tagging); false: a column of the name "
        "'split' says something else",
    )
    splits: dict[SplitName, str] | None = Field(
        default=None, description="glob of each split's own files: {train: train.csv, test: test.csv}"
    )
    labels: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="the labels that may occur; any other is refused"
    )
    group: str | None = Field(
        default=None,
        description="column whose equal values are one group: they stay in one fold, and count together in intervals and "
        "tests (an author, a product, a document)",
    )
    time: str | None = Field(default=None, min_length=1, description=TIME_OF_ROWS)
    min_examples: int | None = Field(
        default=None, ge=2, description="leave out classes with fewer examples (classification); by default one is an error"
    )
    merge_labels: dict[str, str] | None = Field(
        default=None,
        min_length=1,
        description="labels that are another one, written otherwise: {'>50K.': '>50K'} (classification)",
    )
    label_names: tuple[str, ...] | None = Field(
        default=None,
        min_length=2,
        description="names of labels (or tags) that are whole numbers from 0 on; Parquet from Hugging Face brings its own",
    )
    missing: tuple[str, ...] = Field(
        default=MISSING,
        description="values that mean 'missing', as an empty one does; [] where one of them is a word of yours",
    )
    sample: HashRange | None = Field(default=None, description="rows to take, by hash; all by default")

    @model_validator(mode="before")
    @classmethod
    def _features_need_no_text(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("features") is not None and "text" not in values:
            return {**values, "text": ()}
        return values

    @model_validator(mode="after")
    def _some_column(self) -> TabularSource:
        if not self.text and self.features is None:
            raise ValueError("text: name at least one column, or some under 'features'")
        for name in self.features.names if self.features else ():
            used = next((use for use in ("label", "id", "split", "group") if getattr(self, use) == name), None)
            if used in ("label", "split"):
                raise ValueError(f"features: '{name}' is the {used} column: it would give the answer away")
            if name in self.text_columns:
                raise ValueError(f"features: '{name}' is the text already: leave it out of one of them")
        if not self.text and self.tokenizer != "default":
            raise ValueError("tokenizer: there is no text to cut into words, leave it out")
        return self

    @model_validator(mode="after")
    def _one_kind_of_split(self) -> TabularSource:
        if self.split and self.splits is not None:
            raise ValueError("name either 'split' (a column) or 'splits' (files), not both")
        return self

    @property
    def split_column(self) -> str | None:
        """The column that says train, validation or test."""
        return self.split or None

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that make up the text."""
        return (self.text,) if isinstance(self.text, str) else self.text


def refuse_options(source: Source, names: Iterable[str], reason: str) -> None:
    """Refuse options that somebody wrote and that would be without effect, by a ValueError."""
    for name in names:
        if name in source.model_fields_set and getattr(source, name) not in (None, False):
            raise ValueError(f"'{name}' {reason}")


def download_names(*sources: Source) -> list[str]:
    """List the names of the public data sets that some sources need, each once."""
    return list(dict.fromkeys(name for source in sources if (name := getattr(source, "download", None))))


def list_package_names(*sources: Source) -> list[str]:
    """List the names of the installed packages that some sources parse as a whole, each once."""
    return list(dict.fromkeys(name for source in sources for name in getattr(source, "packages", None) or ()))
