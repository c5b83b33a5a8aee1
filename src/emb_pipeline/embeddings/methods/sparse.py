"""Methods that count the words or characters of a task's training texts."""

from __future__ import annotations

from emb_pipeline.embeddings.method import Method
from emb_pipeline.embeddings.methods.supports import BOTH, TEXTS, TOKENS
from emb_pipeline.embeddings.sparse.options import (
    CharTfidfOptions,
    LsaOptions,
    OneHotOptions,
    TfidfOptions,
    TokenFeaturesOptions,
    WordCharTfidfOptions,
)

_WORD_COUNTS = "sparse.word_counts:BagEncoder"
LINES = (
    Method(
        "one_hot",
        "one-hot",
        OneHotOptions,
        "task",
        BOTH,
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
        TEXTS,
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
        TEXTS,
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
        TEXTS,
        "sparse.char_tfidf:WordCharTfidf",
        has_dim=False,
        sparse=True,
        export="sparse.char_tfidf:WordCharEncoder",
    ),
    Method("lsa", "LSA", LsaOptions, "task", TEXTS, "sparse.word_counts:Lsa", export="sparse.word_counts:LsaEncoder"),
    Method(
        "token_features",
        "token features",
        TokenFeaturesOptions,
        "task",
        TOKENS,
        "sparse.token_features:TokenFeatures",
        has_dim=False,
        sparse=True,
    ),
)
