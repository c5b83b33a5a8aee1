"""Options of what searches or answers without vectors: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from emb_pipeline.embeddings.options import Options


class Bm25Options(Options):
    """BM25 (Robertson et al. 1994), Lucene's variant. What is left open is chosen on queries that are not scored with it."""

    k1: Annotated[
        float | None, Field(ge=0, le=10, description="how soon repeated words stop adding to the score; null: chosen")
    ] = None
    b: Annotated[float | None, Field(ge=0, le=1, description="how much long passages are held back; null: chosen")] = None


class SlidingWindowOptions(Options):
    """Answers by lexical overlap: the run of uncommon words nearest to the question's words."""

    common_share: Annotated[
        float, Field(gt=0, le=1, description="share of the contexts above which a word is too common to be in an answer")
    ] = 0.2
    max_words: Annotated[int, Field(ge=1, le=100, description="words of an answer at most")] = 8
