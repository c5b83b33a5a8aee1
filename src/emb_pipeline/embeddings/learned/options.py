"""Options of learned sparse vectors and of late interaction: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emb_pipeline.embeddings.contextual.options import ModelPlace, ReadingOptions


class SparseVectorOptions(ReadingOptions):
    """Options by which a model gives weights to the words of a vocabulary."""

    similarity: Annotated[
        Literal["model", "dot", "cosine"],
        Field(description="measure that compares two vectors: as the model was saved with (else dot), dot or cosine"),
    ] = "model"
    max_active_dims: Annotated[
        int | None,
        Field(ge=1, description="the largest weights of a text that are kept; null: as the model was saved with"),
    ] = None


class LearnedSparseOptions(SparseVectorOptions, ModelPlace):
    """A model that gives weights to words, those of the text and others (SPLADE, inference-free): Formal et al. 2021."""


class LateInteractionOptions(ReadingOptions, ModelPlace):
    """A model that gives a vector to each token; a passage scores by the nearest token of each of the query's (ColBERT)."""

    precision: Annotated[
        Literal["float32", "float16"], Field(description="of the vectors of passages and queries, in memory and on disk")
    ] = "float32"
    block_megabytes: Annotated[
        int, Field(ge=1, le=65_536, description="memory for the products of tokens that are computed at a time")
    ] = 256

    @model_validator(mode="after")
    def _texts_are_queries_or_passages(self) -> Self:
        if self.text_prompt is not None:
            raise ValueError("'text_prompt' means nothing to late interaction, which searches alone: leave it out")
        return self
