"""Answers by the words that question and context share, without vectors: what extractive answering is measured against.

Richardson, Burges & Renshaw (2013), MCTest, §4.1, and Rajpurkar et al. (2016), SQuAD, §4.1: an answer is near the words
of the question, and rare words tell more. Where they choose among given answers or the phrases of a parser, this chooses
among runs of words that are neither the question's nor common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from emb_pipeline.embeddings.retrieval.options import SlidingWindowOptions
from emb_pipeline.text.spans import compute_document_shares


@dataclass(frozen=True)
class SlidingWindow:
    """The run of uncommon words that the question's words are nearest to."""

    options: SlidingWindowOptions = field(default_factory=SlidingWindowOptions)

    def answer(self, questions: Sequence[Sequence[str]], contexts: Sequence[Sequence[str]]) -> np.ndarray:
        """The best span of each question's context.

        Each word of the context weighs ``Σ idf(w) / (1 + distance to the nearest w)`` over the words w of the question; a
        run weighs as much as its heaviest word. Of equal runs the first is taken.

        Parameters
        ----------
        questions, contexts : sequence of sequences of str
            Words; one context, which has a word, for each question. How common words are is counted in the contexts.

        Returns
        -------
        ndarray of shape (n_questions, 2), int64
            First and last word of the answer.
        """
        shares = compute_document_shares(list({tuple(words): words for words in contexts}.values()))
        pairs = zip(questions, contexts, strict=True)
        return np.array([self._best(question, context, shares) for question, context in pairs]).reshape(-1, 2)

    def _best(self, question: Sequence[str], context: Sequence[str], shares: dict[str, float]) -> tuple[int, int]:
        asked = {word.casefold() for word in question if _is_word(word)}
        folded = [word.casefold() for word in context]
        places = np.arange(len(folded))
        weights = np.zeros(len(folded))
        for word in sorted(asked.intersection(folded)):
            at = np.array([place for place, other in enumerate(folded) if other == word])
            distance = np.abs(places[:, None] - at).min(axis=1)
            weights += np.log(1 / shares[word]) / (1 + distance)
        allowed = [_is_word(word) and word not in asked and shares[word] <= self.options.common_share for word in folded]
        runs = [part for run in _runs(allowed) for part in _cut(*run, self.options.max_words)]
        if not runs:
            return 0, min(len(folded), self.options.max_words) - 1
        return max(runs, key=lambda run: float(weights[run[0] : run[1] + 1].max()))


def _is_word(word: str) -> bool:
    return any(map(str.isalnum, word))


def _runs(allowed: Sequence[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for place, is_allowed in enumerate([*allowed, False]):
        if is_allowed and start is None:
            start = place
        elif not is_allowed and start is not None:
            yield start, place - 1
            start = None


def _cut(first: int, last: int, longest: int) -> Iterator[tuple[int, int]]:
    for start in range(first, last + 1, longest):
        yield start, min(start + longest - 1, last)
