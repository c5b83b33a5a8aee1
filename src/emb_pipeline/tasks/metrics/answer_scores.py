"""SQuAD's measures of an answer: exact match and F1 of its words."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def exact_match(answer: str, gold: Sequence[str]) -> float:
    """Give 1 where the answer equals a gold answer but for case, articles, punctuation and white space, else 0."""
    return float(normalize_answer(answer) in map(normalize_answer, gold))


def answer_f1(answer: str, gold: Sequence[str]) -> float:
    """Compute the best F1 of the answer's words against those of a gold answer.

    ``F1 = 2 · common / (words of the answer + words of the gold answer)``, with words counted as often as they occur in
    both, after `normalize_answer` [1]_. Without a common word it is 0, also where both are nothing but an article.

    References
    ----------
    .. [1] Rajpurkar et al. (2016), SQuAD: 100,000+ Questions for Machine Comprehension of Text, §6.1; evaluate-v1.1.py.
    """
    return max(_compute_f1(normalize_answer(answer).split(), normalize_answer(each).split()) for each in gold)


def normalize_answer(answer: str) -> str:
    """Write an answer in lower case, without ASCII punctuation, English articles and surplus white space, in this order."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def _compute_f1(answer: Sequence[str], gold: Sequence[str]) -> float:
    common = sum((Counter(answer) & Counter(gold)).values())
    return 2 * common / (len(answer) + len(gold)) if common else 0.0
