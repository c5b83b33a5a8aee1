"""The options of a data set of Hugging Face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from emb_pipeline.readers.options import Places, TabularSource, refuse_options

if TYPE_CHECKING:
    from emb_pipeline.readers.files.named_files import NamedFile


class HfDatasetSource(TabularSource):
    """A data set of Hugging Face: a folder that ``save_to_disk`` or the hub has written, or one of the hub by its name.

    Its code is never run: a data set that is a script is refused. Labels that are numbers come by the names that the data
    set has for them.
    """

    places: ClassVar[Places] = {"path": "a local copy", "name": "a data set of the hub"}

    reader: Literal["hf_dataset"] = "hf_dataset"
    name: str | None = Field(default=None, min_length=1, description="in place of 'path': its name on the hub, 'owner/name'")
    revision: str | None = Field(
        default=None, description="for 'name': the commit to read, 40 characters, so that the data stay what they are"
    )
    config: str | None = Field(default=None, min_length=1, description="its configuration (subset), where it has several")
    split: str | None = Field(
        default=None, min_length=1, description="the data set's split to read, where no split for tests is wanted: train"
    )

    @field_validator("revision")
    @classmethod
    def _is_a_commit(cls, revision: str | None) -> str | None:
        if revision is not None and (len(revision) != 40 or set(revision) - set("0123456789abcdef")):
            raise ValueError("must be a commit: 40 characters, 0-9 and a-f; the history of the data set on the hub has it")
        return revision

    @model_validator(mode="after")
    def _the_hub_needs_a_commit(self) -> HfDatasetSource:
        refuse_options(self, ("files", "download", "package"), "is for files: leave it out")
        if self.name is not None and self.revision is None:
            raise ValueError("'name' needs a 'revision', the commit to read: data on the hub change")
        if self.path is not None and self.revision is not None:
            raise ValueError("'revision' is for 'name': a local copy is what it is")
        return self

    @property
    def split_column(self) -> str | None:
        """No column: its splits are apart."""
        return None

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files of a local copy; a commit of the hub does not change."""
        if self.path is None:
            return []
        from emb_pipeline.readers.files.named_files import iter_files

        folder = project / self.path
        return [folder] if folder.is_file() else list(iter_files(folder)) if folder.is_dir() else []

    def make_files(self, raw: Path, project: Path, glob: str | None) -> list[NamedFile]:
        """Store the split as Parquet; ``glob`` is the name of one, or None for the source's own."""
        from emb_pipeline.readers.hf_dataset.stored import store_split

        return store_split(self, raw, project, glob or self.split)
