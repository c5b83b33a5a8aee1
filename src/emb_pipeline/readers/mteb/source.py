"""The options of a task of MTEB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emb_pipeline.readers.options import Places, TabularSource, refuse_options

if TYPE_CHECKING:
    from emb_pipeline.readers.files.named_files import NamedFile


class MtebTask(BaseModel):
    """The name of a task of MTEB, and the place of its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    types: ClassVar[tuple[str, ...]] = ()
    """Types of MTEB's tasks that can be read."""

    task: str = Field(min_length=1, description="name of the task in the package mteb: Banking77Classification")
    path: str | None = Field(
        default=None,
        min_length=1,
        description="folder with a copy of its data set as the hub has it; without one it is downloaded, at mteb's revision",
    )
    subset: str | None = Field(default=None, min_length=1, description="its subset (a language), where it has several")
    eval_split: str | None = Field(
        default=None, min_length=1, description="split to test on, where it is evaluated on several; the first by default"
    )

    @property
    def origin(self) -> str:
        """The name of the task."""
        return self.task

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files of the copy."""
        if self.path is None:
            return []
        from emb_pipeline.readers.files.named_files import iter_files

        return list(iter_files(project / self.path)) if (project / self.path).is_dir() else []


class MtebSource(MtebTask, TabularSource):
    """A task of MTEB, with its splits; text and labels are in the columns ``text`` and ``label``.

    The scores are those of this project's protocol: see [tasks of MTEB](other-sources.md#tasks-of-mteb).
    """

    places: ClassVar[Places] = {"task": "a task of MTEB"}
    types: ClassVar[tuple[str, ...]] = ("Classification", "Clustering")

    reader: Literal["mteb"] = "mteb"
    label: str | None = Field(default="label", description="column with the label")

    @model_validator(mode="after")
    def _one_place(self) -> MtebSource:
        refuse_options(self, ("download", "package", "files", "split"), "is for files: leave it out")
        return self

    def make_files(self, raw: Path, project: Path, glob: str | None) -> list[NamedFile]:
        """Store the task's tables, and name that of a split: test by default."""
        from emb_pipeline.readers.mteb.stored import list_split_files

        return list_split_files(self, raw, project, glob or "test")
