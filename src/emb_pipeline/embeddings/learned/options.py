"""Options of learned sparse vectors and of late interaction: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from emb_pipeline.embeddings.contextual.options import ModelPlace, ReadingOptions
from emb_pipeline.embeddings.retrieval.options import RankingTuningOptions


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

    may_start_elsewhere: ClassVar[bool] = True
    model_word: ClassVar[str] = "sparse encoder"

    expands: Annotated[
        bool,
        Field(
            description="with start_from: weigh words that a text does not hold, too (a language model of an hour's "
            "training cannot name them); else weights start at the rarity of the text's own sub-words"
        ),
    ] = False

    @model_validator(mode="after")
    def _a_trained_model_expands_as_it_was_trained(self) -> Self:
        if self.n_places and self.expands:
            raise ValueError("'expands' is of a model that starts from an encoder of the grid: leave it out")
        return self


class TokenVectorOptions(ReadingOptions):
    """Options by which a model gives vectors to the tokens of queries and passages."""

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


class LateInteractionOptions(TokenVectorOptions, ModelPlace):
    """A model that gives a vector to each token; a passage scores by the nearest token of each of the query's (ColBERT)."""

    may_start_elsewhere: ClassVar[bool] = True
    model_word: ClassVar[str] = "model of token vectors"


class ContrastOptions(RankingTuningOptions):
    """A model trained to find a query's passage among those of all queries of a batch, and their negatives."""

    negatives: Annotated[
        int, Field(ge=1, le=100, description="passages that each pair adds to a batch: half of BM25's first, half at random")
    ] = 1
    scale: Annotated[
        float, Field(gt=0, le=1000, description="factor of the scores before the softmax over the passages")
    ] = 1.0


class SparseTuningOptions(ContrastOptions):
    """Weights of words, trained to give a query the largest product with its relevant passage, and to be few.

    Formal et al. (2021), SPLADE v2, arXiv:2109.10086, §3; the weights of the two sides: Lassance & Clinchant (2022), An
    Efficiency Study for SPLADE Models, SIGIR.
    """

    regularizer: Annotated[
        Literal["flops", "l1"],
        Field(
            description="what is added to the loss, so that few weights are not 0. flops: sum over the words of the squared "
            "mean weight (Paria et al. 2020); l1: mean over the texts of the sum of weights"
        ),
    ] = "flops"
    query_weight: Annotated[float, Field(ge=0, le=10, description="how much that of the queries counts")] = 3e-4
    passage_weight: Annotated[float, Field(ge=0, le=10, description="how much that of the passages counts")] = 1e-4


class TokenTuningOptions(ContrastOptions):
    """Vectors of tokens, trained to give a query the largest MaxSim with its relevant passage.

    Khattab & Zaharia (2020), ColBERT, SIGIR, §3.3; with all passages of the batch: Santhanam et al. (2022), ColBERTv2.
    """
