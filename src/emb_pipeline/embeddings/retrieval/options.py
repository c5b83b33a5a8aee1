"""Options of what searches or answers without vectors: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emb_pipeline.embeddings.options import Options


class Bm25Options(Options):
    """BM25 (Robertson et al. 1994), Lucene's variant. What is left open is chosen on queries that are not scored with it."""

    k1: Annotated[
        float | None, Field(ge=0, le=10, description="how soon repeated words stop adding to the score; null: chosen")
    ] = None
    b: Annotated[float | None, Field(ge=0, le=1, description="how much long passages are held back; null: chosen")] = None


class FusionOptions(Options):
    """Several retrievers as one. Weights that are left open are chosen on queries that are not scored with them."""

    rule: Annotated[
        Literal["rrf", "weighted"],
        Field(description="rrf: reciprocal ranks are added up (Cormack et al. 2009); weighted: normalized scores are"),
    ] = "rrf"
    k: Annotated[float, Field(ge=0, le=10_000, description="rrf: a rank counts 1 / (k + rank)")] = 60.0
    normalize: Annotated[
        Literal["min_max", "z"],
        Field(description="weighted: a list's scores from 0 to 1, or with mean 0 and variance 1, for each query"),
    ] = "min_max"
    weights: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...] | None,
        Field(description="weighted: one for each retriever, in their order; null: chosen"),
    ] = None
    weight_steps: Annotated[
        int, Field(ge=1, le=20, description="weighted: weights are tried in steps of one over this number")
    ] = 10
    depth: Annotated[int, Field(ge=1, le=10_000, description="places of each list that count")] = 100

    @model_validator(mode="after")
    def _options_belong_to_the_rule(self) -> Self:
        others = {"rrf": ("normalize", "weights", "weight_steps"), "weighted": ("k",)}[self.rule]
        for name in others:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"'{name}' means nothing to rule {self.rule}: leave it out, or take the other rule")
        if self.weights is not None and self.weight_steps != type(self).model_fields["weight_steps"].default:
            raise ValueError("'weight_steps' means nothing where 'weights' are given: leave one of the two out")
        if self.weights is not None and not sum(self.weights):
            raise ValueError("all 'weights' are 0: give at least one that is not")
        return self

    def check_bases(self, n_bases: int) -> None:
        """Refuse weights of another number of retrievers."""
        if self.weights is not None and len(self.weights) != n_bases:
            raise ValueError(f"{len(self.weights)} weights for {n_bases} retrievers: give one for each, or none")


class SlidingWindowOptions(Options):
    """Answers by lexical overlap: the run of uncommon words nearest to the question's words."""

    common_share: Annotated[
        float, Field(gt=0, le=1, description="share of the contexts above which a word is too common to be in an answer")
    ] = 0.2
    max_words: Annotated[int, Field(ge=1, le=100, description="words of an answer at most")] = 8
