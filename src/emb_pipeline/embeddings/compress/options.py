"""Options of what makes vectors smaller: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from emb_pipeline.embeddings.options import Options

Precision = Literal["float32", "float16", "int8", "binary"]


class ReducedOptions(Options):
    """Another embedding with fewer numbers, or fewer bits for each."""

    dims: Annotated[int | None, Field(ge=1, le=4096, description="numbers that are kept; null: all of them")] = None
    by: Annotated[
        Literal["pca", "prefix"],
        Field(description="which are kept: along the principal axes of the training texts, or the first ones (Matryoshka)"),
    ] = "pca"
    precision: Annotated[Precision, Field(description="how each number is stored; queries keep all their bits")] = "float32"

    @property
    def has_effect(self) -> bool:
        """True where numbers or bits are left out."""
        return self.dims is not None or self.precision != "float32"
