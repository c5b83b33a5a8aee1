"""Methods that are built on other embeddings."""

from __future__ import annotations

from emb_pipeline.embeddings.columns.options import JoinedOptions, ValueTextsOptions
from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.few_shot.options import SetFitOptions
from emb_pipeline.embeddings.method import Bases, Derivation, Method
from emb_pipeline.embeddings.methods.supports import COLUMNS, INTERACTIONS, SEARCH, TEXTS, WORD_VECTORS
from emb_pipeline.embeddings.recommenders.options import HybridOptions
from emb_pipeline.embeddings.remote.options import RerankOptions
from emb_pipeline.embeddings.retrieval.options import ChunkedOptions, FusionOptions, RerankerOptions
from emb_pipeline.embeddings.static.options import CounterFittedOptions, RetrofittedOptions

_TEXT_BASE = Bases(TEXTS, "embedding of texts", "embeddings of texts")
_RETRIEVERS = TEXTS | SEARCH
_RETRIEVER = Bases(_RETRIEVERS, "retriever", "retrievers")
_RERANKING = Derivation("reranking", "Reranked: against the retriever alone")
_SIZES = (("dims", "dims"), ("by", "by"), ("precision", "precision"))
_REPAIR = Derivation("repair", "Repaired with synonyms and antonyms")
LINES = (
    Method(
        "reduced",
        "reduced",
        ReducedOptions,
        "embedding",
        TEXTS,
        "compress.reduced:Reduced",
        has_dim=False,
        export="compress.reduced:ReducedEncoder",
        derivation=Derivation("reduction", "Fewer numbers, or fewer bits for each", resizes=True, axes=_SIZES),
        bases=_TEXT_BASE,
    ),
    Method(
        "counter_fitted",
        "counter-fitted",
        CounterFittedOptions,
        "vectors",
        train="static.counter_fitting:counter_fit_vectors",
        has_dim=False,
        derivation=_REPAIR,
        **WORD_VECTORS,
        made="counter-fitted",
    ),
    Method(
        "retrofitted",
        "retrofitted",
        RetrofittedOptions,
        "vectors",
        train="static.counter_fitting:retrofit_vectors",
        has_dim=False,
        derivation=_REPAIR,
        **WORD_VECTORS,
        made="retrofitted",
    ),
    Method(
        "setfit",
        "SetFit",
        SetFitOptions,
        "embedding",
        frozenset({"labeled_texts"}),
        "few_shot.setfit:SetFit",
        has_dim=False,
        export="contextual.contextual_encoder:ContextualEncoder",
        derivation=Derivation("few_shot_tuning", "Tuned on the labels that the probe has: against the encoder as it is"),
        bases=Bases(TEXTS, "transformer", "transformers", artifact="encoder"),
        made="tuned on pairs (SetFit)",
    ),
    Method(
        "value_texts",
        "names of values",
        ValueTextsOptions,
        "embedding",
        COLUMNS,
        "columns.value_texts:ValueTexts",
        has_dim=False,
        export="columns.value_texts:ValueTextsEncoder",
        derivation=Derivation("value_texts", "Of the names of values: against the row written out"),
        bases=_TEXT_BASE,
        made="of values",
    ),
    Method(
        "joined",
        "joined",
        JoinedOptions,
        "embedding",
        TEXTS | COLUMNS,
        "columns.joined:Joined",
        has_dim=False,
        export="columns.joined:JoinedEncoder",
        derivation=Derivation("joining", "Joined with others: against each of its parts"),
        bases=Bases(TEXTS | COLUMNS, "embedding of texts or columns", "embeddings of texts or columns", fewest=2, most=6),
        made="joined",
    ),
    Method(
        "hybrid",
        "hybrid",
        HybridOptions,
        "embedding",
        INTERACTIONS,
        "recommenders.hybrid:Hybrid",
        has_dim=False,
        derivation=Derivation("hybrid", "Mixed with a recommender that learns from interactions"),
        bases=_TEXT_BASE,
        made="mixed with interactions",
    ),
    Method(
        "fusion",
        "fusion",
        FusionOptions,
        "embedding",
        SEARCH,
        "retrieval.fusion:Fusion",
        has_dim=False,
        export="retrieval.fusion:FusedIndex",
        derivation=Derivation("fusion", "Fused with other retrievers: against each of its parts"),
        bases=Bases(_RETRIEVERS, "retriever", "retrievers", fewest=2, most=3),
        made="fused",
    ),
    Method(
        "reranker",
        "reranker",
        RerankerOptions,
        "embedding",
        SEARCH,
        "retrieval.reranker:build_reranker",
        "retrieval.cross_encoder:load",
        "cross_encoder",
        has_dim=False,
        requirements="retrieval.cross_encoder:require",
        export="retrieval.reranker:RerankedIndex",
        derivation=_RERANKING,
        bases=_RETRIEVER,
        made="reranked",
    ),
    Method(
        "api_reranker",
        "API reranker",
        RerankOptions,
        "embedding",
        SEARCH,
        "remote.rerank:build_api_reranker",
        has_dim=False,
        requirements="remote.api_encoder:require",
        export="retrieval.reranker:RerankedIndex",
        derivation=_RERANKING,
        is_paid=True,
        bases=_RETRIEVER,
        made="reranked by an API",
    ),
    Method(
        "chunked",
        "chunks",
        ChunkedOptions,
        "embedding",
        SEARCH,
        "retrieval.chunked:Chunked",
        has_dim=False,
        export="retrieval.chunked:ChunkedIndex",
        derivation=Derivation(
            "chunking", "Passages found by their best chunk: against whole passages", axes=(("chunk", "size"),)
        ),
        bases=_RETRIEVER,
        made="in chunks",
    ),
)
