"""All methods there are. To add one: a file in its family, a line in METHODS, a line of YAML with its options.

Importing this module loads no library: an implementation is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from emb_pipeline.embeddings.columns.options import (
    ColumnOptions,
    CooccurrenceOptions,
    EntityOptions,
    JoinedOptions,
    OneHotColumnsOptions,
    TargetOptions,
    ValueTextsOptions,
)
from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.contextual.options import BertOptions, DistilledOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.learned.options import LateInteractionOptions, LearnedSparseOptions
from emb_pipeline.embeddings.method import Bases, Derivation, Method, Support
from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.own.options import FunctionOptions
from emb_pipeline.embeddings.recommenders.options import (
    AlsOptions,
    AttributeEaseOptions,
    BprOptions,
    EaseOptions,
    HybridOptions,
    Item2VecOptions,
    ItemKnnOptions,
    UserAttributesOptions,
)
from emb_pipeline.embeddings.remote.options import ApiOptions, RerankOptions
from emb_pipeline.embeddings.retrieval.options import (
    Bm25Options,
    ChunkedOptions,
    FusionOptions,
    RerankerOptions,
    SlidingWindowOptions,
)
from emb_pipeline.embeddings.sparse.options import (
    CharTfidfOptions,
    LsaOptions,
    OneHotOptions,
    TfidfOptions,
    TokenFeaturesOptions,
    WordCharTfidfOptions,
)
from emb_pipeline.embeddings.static.options import (
    CounterFittedOptions,
    FastTextOptions,
    GloveOptions,
    RandomOptions,
    RetrofittedOptions,
    StaticFileOptions,
    Word2VecOptions,
)

_TEXTS: frozenset[Support] = frozenset({"texts"})
_COLUMNS: frozenset[Support] = frozenset({"columns"})
_TOKENS: frozenset[Support] = frozenset({"tokens"})
_SEARCH: frozenset[Support] = frozenset({"search"})
_ANSWERS: frozenset[Support] = frozenset({"answers"})
_USER_ATTRIBUTES: frozenset[Support] = frozenset({"user_attributes"})
_ITEM_ATTRIBUTES: frozenset[Support] = frozenset({"item_attributes"})
_INTERACTIONS: frozenset[Support] = frozenset({"interactions"})
_BOTH = _TEXTS | _TOKENS
_WORD_VECTORS: dict[str, Any] = {
    "supports": _BOTH,
    "build": "static.pooling:build_pooled_encoder",
    "artifact": "vectors",
    "export": "static.pooling:PooledEncoder",
}
_TRANSFORMER: dict[str, Any] = {
    "supports": _BOTH,
    "build": "contextual.open_encoder:build_stored_encoder",
    "artifact": "encoder",
    "export": "contextual.contextual_encoder:ContextualEncoder",
}
_TEXT_BASE = Bases(_TEXTS, "embedding of texts", "embeddings of texts")
_RETRIEVERS = _TEXTS | _SEARCH
_RETRIEVER = Bases(_RETRIEVERS, "retriever", "retrievers")
_RERANKING = Derivation("reranking", "Reranked: against the retriever alone")
_WORD_COUNTS = "sparse.word_counts:BagEncoder"
_SIZES = (("dims", "dims"), ("by", "by"), ("precision", "precision"))
_REPAIR = Derivation("repair", "Repaired with synonyms and antonyms")
_LINES = (
    Method("word2vec", "Word2Vec", Word2VecOptions, "corpus", train="static.word2vec:train", **_WORD_VECTORS),
    Method("fasttext", "FastText", FastTextOptions, "corpus", train="static.fasttext:train", **_WORD_VECTORS),
    Method("glove", "GloVe", GloveOptions, "corpus", train="static.glove:train", **_WORD_VECTORS),
    Method(
        "bert",
        "BERT",
        BertOptions,
        "corpus",
        train="contextual.bert:train",
        requirements="contextual.bert:require",
        derivation=Derivation("further_training", "Trained further on another corpus"),
        **_TRANSFORMER,
        made="trained further",
    ),
    Method(
        "static_file",
        "word vectors from a file",
        StaticFileOptions,
        "pretrained",
        train="static.static_files:load",
        has_dim=False,
        **_WORD_VECTORS,
    ),
    Method(
        "sentence_transformer",
        "Sentence Transformer",
        SentenceTransformerOptions,
        "pretrained",
        train="contextual.sentence_transformer:load",
        has_dim=False,
        requirements="contextual.sentence_transformer:require",
        **_TRANSFORMER,
    ),
    Method(
        "learned_sparse",
        "learned sparse",
        LearnedSparseOptions,
        "pretrained",
        _TEXTS,
        "learned.learned_sparse:build_sparse_encoder",
        "learned.learned_sparse:load",
        "encoder",
        has_dim=False,
        requirements="learned.learned_sparse:require",
        sparse=True,
        export="learned.learned_sparse:LearnedSparseEncoder",
        trains_on=False,
        tuned_as="sparse_encoder",
    ),
    Method(
        "late_interaction",
        "late interaction",
        LateInteractionOptions,
        "pretrained",
        _SEARCH,
        "learned.late_interaction:build_late_interaction",
        "learned.token_encoder:load",
        "encoder",
        has_dim=False,
        requirements="learned.token_encoder:require",
        export="learned.late_interaction:LateInteractionIndex",
        trains_on=False,
        tuned_as="token_encoder",
    ),
    Method(
        "api",
        "API",
        ApiOptions,
        "pretrained",
        _TEXTS,
        "remote.api_encoder:build_api_encoder",
        has_dim=False,
        requirements="remote.api_encoder:require",
        export="remote.api_encoder:ApiEncoder",
        is_paid=True,
    ),
    Method(
        "function",
        "own function",
        FunctionOptions,
        "pretrained",
        _TEXTS,
        "own.function:build_function_encoder",
        has_dim=False,
        requirements="own.function:require",
    ),
    Method(
        "distilled",
        "Model2Vec",
        DistilledOptions,
        "encoder",
        _BOTH,
        "contextual.distilled:build_static_encoder",
        "contextual.distilled:distil",
        "encoder",
        has_dim=False,
        requirements="contextual.distilled:require",
        export="contextual.distilled:StaticEncoder",
        derivation=Derivation("distillation", "Distilled into static vectors"),
        made="distilled",
    ),
    Method("random", "random vectors", RandomOptions, "control", _BOTH, "static.random_vectors:build_random_encoder"),
    Method(
        "one_hot",
        "one-hot",
        OneHotOptions,
        "task",
        _BOTH,
        "sparse.word_counts:OneHot",
        has_dim=False,
        sparse=True,
        export=_WORD_COUNTS,
    ),
    Method(
        "tfidf",
        "TF-IDF",
        TfidfOptions,
        "task",
        _TEXTS,
        "sparse.word_counts:Tfidf",
        has_dim=False,
        sparse=True,
        export=_WORD_COUNTS,
    ),
    Method(
        "char_tfidf",
        "TF-IDF of characters",
        CharTfidfOptions,
        "task",
        _TEXTS,
        "sparse.char_tfidf:CharTfidf",
        has_dim=False,
        sparse=True,
        export="sparse.char_tfidf:CharTfidfEncoder",
    ),
    Method(
        "word_char_tfidf",
        "TF-IDF of words and characters",
        WordCharTfidfOptions,
        "task",
        _TEXTS,
        "sparse.char_tfidf:WordCharTfidf",
        has_dim=False,
        sparse=True,
        export="sparse.char_tfidf:WordCharEncoder",
    ),
    Method("lsa", "LSA", LsaOptions, "task", _TEXTS, "sparse.word_counts:Lsa", export="sparse.word_counts:LsaEncoder"),
    Method(
        "token_features",
        "token features",
        TokenFeaturesOptions,
        "task",
        _TOKENS,
        "sparse.token_features:TokenFeatures",
        has_dim=False,
        sparse=True,
    ),
    Method(
        "one_hot_columns",
        "one-hot columns",
        OneHotColumnsOptions,
        "task",
        _COLUMNS,
        "columns.sparse:OneHotColumns",
        has_dim=False,
        sparse=True,
    ),
    Method("hashed_columns", "hashed columns", ColumnOptions, "task", _COLUMNS, "columns.sparse:HashedColumns", sparse=True),
    Method(
        "ordinal_columns",
        "ordinal columns",
        ColumnOptions,
        "task",
        _COLUMNS,
        "columns.target:OrdinalColumns",
        has_dim=False,
    ),
    Method(
        "target_columns",
        "target encoding",
        TargetOptions,
        "task",
        _COLUMNS,
        "columns.target:TargetColumns",
        has_dim=False,
    ),
    Method(
        "entity_columns",
        "entity embeddings",
        EntityOptions,
        "task",
        _COLUMNS,
        "columns.entity:EntityColumns",
        has_dim=False,
    ),
    Method(
        "cooccurrence_columns",
        "co-occurring values",
        CooccurrenceOptions,
        "task",
        _COLUMNS,
        "columns.cooccurrence:CooccurrenceColumns",
        has_dim=False,
    ),
    Method(
        "bm25",
        "BM25",
        Bm25Options,
        "task",
        _SEARCH,
        "retrieval.bm25:Bm25",
        has_dim=False,
        requirements="retrieval.terms:require",
        sparse=True,
        export="retrieval.bm25:Bm25Index",
    ),
    Method(
        "sliding_window",
        "sliding window",
        SlidingWindowOptions,
        "task",
        _ANSWERS,
        "retrieval.sliding_window:SlidingWindow",
        has_dim=False,
        sparse=True,
    ),
    Method(
        "popularity",
        "popularity",
        Options,
        "task",
        _INTERACTIONS,
        "recommenders.popularity:Popularity",
        has_dim=False,
        sparse=True,
    ),
    Method(
        "item_knn",
        "item kNN",
        ItemKnnOptions,
        "task",
        _INTERACTIONS,
        "recommenders.item_knn:ItemKnn",
        has_dim=False,
        sparse=True,
    ),
    Method("ease", "EASE", EaseOptions, "task", _INTERACTIONS, "recommenders.ease:Ease", has_dim=False),
    Method(
        "ease_attributes",
        "EASE with attributes",
        AttributeEaseOptions,
        "task",
        _ITEM_ATTRIBUTES,
        "recommenders.attribute_ease:AttributeEase",
        has_dim=False,
    ),
    Method(
        "user_attributes",
        "attributes of users",
        UserAttributesOptions,
        "task",
        _USER_ATTRIBUTES,
        "recommenders.user_attributes:UserAttributes",
        has_dim=False,
    ),
    Method("item2vec", "Item2Vec", Item2VecOptions, "task", _INTERACTIONS, "recommenders.item2vec:Item2Vec"),
    Method(
        "als",
        "ALS",
        AlsOptions,
        "task",
        _INTERACTIONS,
        "recommenders.als:Als",
        requirements="recommenders.factors:require_implicit",
    ),
    Method(
        "bpr",
        "BPR",
        BprOptions,
        "task",
        _INTERACTIONS,
        "recommenders.bpr:Bpr",
        requirements="recommenders.factors:require_implicit",
    ),
    Method(
        "reduced",
        "reduced",
        ReducedOptions,
        "embedding",
        _TEXTS,
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
        **_WORD_VECTORS,
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
        **_WORD_VECTORS,
        made="retrofitted",
    ),
    Method(
        "value_texts",
        "names of values",
        ValueTextsOptions,
        "embedding",
        _COLUMNS,
        "columns.value_texts:ValueTexts",
        has_dim=False,
        derivation=Derivation("value_texts", "Of the names of values: against the row written out"),
        bases=_TEXT_BASE,
        made="of values",
    ),
    Method(
        "joined",
        "joined",
        JoinedOptions,
        "embedding",
        _TEXTS | _COLUMNS,
        "columns.joined:Joined",
        has_dim=False,
        derivation=Derivation("joining", "Joined with others: against each of its parts"),
        bases=Bases(_TEXTS | _COLUMNS, "embedding of texts or columns", "embeddings of texts or columns", fewest=2, most=6),
        made="joined",
    ),
    Method(
        "hybrid",
        "hybrid",
        HybridOptions,
        "embedding",
        _INTERACTIONS,
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
        _SEARCH,
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
        _SEARCH,
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
        _SEARCH,
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
        _SEARCH,
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
METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _LINES})


def method_named(name: str) -> Method:
    """Find the method of this name.

    Raises
    ------
    ValueError
        There is none; the message lists those there are.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; known: {', '.join(METHODS)}")
    return METHODS[name]
