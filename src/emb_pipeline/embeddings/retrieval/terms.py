"""Terms of texts: the project's own tokens, without stop words, cut to their stems."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import TypeAlias

from emb_pipeline.embeddings.extras import require_packages
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.words import tokenize

Analyzer: TypeAlias = Callable[[Sequence[str]], list[list[str]]]
"""Takes texts and gives the terms of each; `Texts` bring their tokens along."""

_CACHED = 1 << 17


def build_analyzer(options: Bm25Options) -> Analyzer:
    """Build what turns texts into terms: stop words are dropped first, and what is left is stemmed."""
    if options.stem == "none" and options.stop_words == "none":
        return lambda texts: _keep_tokens(texts).tokens
    find_term = _build_term_finder(options)

    def analyze(texts: Sequence[str]) -> list[list[str]]:
        return [[term for token in tokens if (term := find_term(token))] for tokens in _keep_tokens(texts).tokens]

    return analyze


def require(options: Bm25Options) -> None:
    """Refuse a stemmer that is not installed.

    Raises
    ------
    DataError
        Names the extra that brings it.
    """
    if options.stem != "none":
        require_packages("methods.bm25.stem", "snowballstemmer")


def list_stop_words(options: Bm25Options) -> frozenset[str]:
    """List the tokens that are dropped; words of a library's list that are several tokens cannot be among them."""
    if not isinstance(options.stop_words, str):
        return frozenset(options.stop_words)
    if options.stop_words == "none":
        return frozenset()
    suffix = {"english": "EN", "english_plus": "EN_PLUS"}.get(options.stop_words, options.stop_words.upper())
    words = getattr(import_module("bm25s.stopwords"), f"STOPWORDS_{suffix}")
    return frozenset(tokens[0] for tokens in map(tokenize, words) if len(tokens) == 1)


def _build_term_finder(options: Bm25Options) -> Callable[[str], str | None]:
    """Build what finds the term of a token, None for a stop word."""
    dropped = list_stop_words(options)
    if options.stem == "none":
        return lambda token: None if token in dropped else token
    require(options)
    stemmer = import_module("snowballstemmer").stemmer(options.stem)
    lock = threading.Lock()  # a stemmer keeps the word that it is at

    @lru_cache(maxsize=_CACHED)
    def find_term(token: str) -> str | None:
        if token in dropped:
            return None
        with lock:
            return str(stemmer.stemWord(token))

    return find_term


def _keep_tokens(texts: Sequence[str]) -> Texts:
    return texts if isinstance(texts, Texts) else Texts(texts)
