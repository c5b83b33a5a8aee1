"""Options of a function of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from emb_pipeline.embeddings.options import Options


class FunctionOptions(Options):
    """A function of yours, from a list of texts to an array."""

    path: Annotated[
        Path | None, Field(description="Python file that holds it; a change of this file makes its results stale")
    ] = None
    function: Annotated[
        str, Field(min_length=1, description="its name in that file: it takes a list of texts, and gives an array")
    ] = "encode"
    similarity: Annotated[
        Literal["cosine", "dot", "euclidean"], Field(description="the measure that its vectors are compared by")
    ] = "cosine"
