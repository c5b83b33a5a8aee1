"""The options that sources of pairs of texts have in common."""

from __future__ import annotations

from pydantic import Field

from emb_pipeline.readers.options import Source


class PairedTexts(Source):
    """A source of rows with two texts."""

    text_a: str = Field(default="text_a", description="column with one text of the pair")
    text_b: str = Field(default="text_b", description="column with the other")
