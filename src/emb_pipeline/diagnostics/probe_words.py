"""Words whose neighbors are worth a look where nobody has named any: those that a use case's own text is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from emb_pipeline.text.tokens import TokenCorpus
from emb_pipeline.text.words import tokenize

_SENTENCES = 50_000
"""Sentences that are counted, where there is no other text to hold a corpus against."""
_MOST_SENTENCES = 0.05
"""Words of more sentences than this share are taken for those that any text has."""


def find_typical_words(corpora: Sequence[TokenCorpus], texts: Iterable[str] = (), n: int = 10) -> list[str]:
    """Find the words that a use case's text is about.

    Parameters
    ----------
    corpora : sequence of TokenCorpus
        The first is the one that is asked about. Where there are others, its words are those that it has most
        significantly more often than they (the log-likelihood ratio of [1]_); where it is the only one, its most frequent
        words, without those that more than 5 % of its sentences have.
    texts : iterable of str
        Asked about in place of a corpus, where there is none.
    n : int
        Words at most.

    Returns
    -------
    list of str
        Of three letters or more (two where they are not ASCII), the most typical first.

    References
    ----------
    .. [1] Dunning (1993), Accurate methods for the statistics of surprise and coincidence, Computational Linguistics 19(1).
    """
    if len(corpora) > 1:
        own, others = Counter(corpora[0].counts), Counter[str]()
        for other in corpora[1:]:
            others.update(other.counts)
        return _select_more_frequent(own, others, n)
    sentences = corpora[0] if corpora else map(tokenize, texts)
    return _select_frequent(islice(sentences, _SENTENCES), n)


def _select_more_frequent(own: Counter[str], others: Counter[str], n: int) -> list[str]:
    words = [word for word in own if _is_content(word)]
    here = np.array([own[word] for word in words], dtype=np.float64)
    there = np.array([others[word] for word in words], dtype=np.float64)
    share = own.total() / max(own.total() + others.total(), 1)
    expected_here, expected_there = share * (here + there), (1 - share) * (here + there)
    ratio = here * np.log(here / expected_here)
    ratio += there * np.log(np.divide(there, expected_there, out=np.ones_like(there), where=there > 0))
    ratio[here <= expected_here] = 0.0
    order = sorted(range(len(words)), key=lambda row: (-ratio[row], -here[row], words[row]))
    return [words[row] for row in order[:n]]


def _select_frequent(sentences: Iterable[Sequence[str]], n: int) -> list[str]:
    counts, spread, n_sentences = Counter[str](), Counter[str](), 0
    for tokens in sentences:
        counts.update(tokens)
        spread.update(set(tokens))
        n_sentences += 1
    ranked = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if _is_content(word)]
    rare = [word for word in ranked if spread[word] <= _MOST_SENTENCES * n_sentences]
    return (rare or ranked)[:n]


def _is_content(word: str) -> bool:
    return word.isalpha() and len(word) >= (3 if word.isascii() else 2)
