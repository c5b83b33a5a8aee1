"""Options that all methods have in common; a method's own are in the ``options`` of its family."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """Options of a method: immutable, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    untrained: ClassVar[frozenset[str]] = frozenset()
    """Options that its training does not depend on: embeddings that differ in these alone share one training."""

    def check_bases(self, n_bases: int) -> None:
        """Refuse options that do not suit the number of embeddings that the method builds on, by a ValueError."""

    def check_start(self, *, is_given: bool) -> None:
        """Refuse options that do not suit a training that starts from another embedding, or from none, by a ValueError."""

    @property
    def has_effect(self) -> bool:
        """False where a derived embedding would be the one that it is made from."""
        return True

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files that the method reads besides its corpus: those that its paths name, if they are there."""
        paths = [value for value in self.__dict__.values() if isinstance(value, Path)]
        return [file for path in paths for file in (list_files(path) if path.is_dir() else [path]) if file.is_file()]


def list_files(folder: Path) -> list[Path]:
    """List all files of a folder but hidden ones and compiled modules."""
    return sorted(
        file
        for file in folder.rglob("*")
        if not any(part.startswith((".", "__pycache__")) for part in file.relative_to(folder).parts)
    )


class TuningOptions(Options):
    """Training on a task's labels, stopped where a held-out part of the training data says so."""

    epochs: Annotated[int, Field(ge=1, le=1000, description="passes over the training examples at most")] = 3
    batch_size: Annotated[int, Field(ge=1, le=8192, description="examples per step")] = 16
    patience: Annotated[
        int, Field(ge=1, le=100, description="passes without a lower held-out loss before it stops; the best one is kept")
    ] = 2
    validation_share: Annotated[
        float,
        Field(gt=0, lt=1, description="share of the training examples that is held out, where no split 'validation' is"),
    ] = 0.1
    class_weights: Annotated[
        Literal["none", "balanced"], Field(description="balanced: an example counts inversely to the size of its class")
    ] = "none"
