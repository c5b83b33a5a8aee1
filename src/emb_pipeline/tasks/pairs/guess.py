"""The look at a file for the two columns of a pair of texts."""

from __future__ import annotations

from emb_pipeline.readers.description.columns import Column
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.proposal import Named, rank_columns

_TEXTS = ("sentence1", "sentence2", "text_a", "text_b", "sentence", "text", "string", "question1", "question2", "question")
_SAME_LENGTH = 2.0


def choose_pair(table: Described, named: Named) -> list[Column]:
    """Choose the columns that are named, or those that look like a pair; not two of them where there is none.

    Raises
    ------
    DataError
        A column that is named does not exist.
    """
    return [table.find_column(name) for name in named.text] or _find_pair(table)


def _find_pair(table: Described) -> list[Column]:
    """Find the two columns of texts that are alike in length and in name; none where it is not clear."""
    texts = [column for column in table.columns if column.words >= 2 and column.numeric < 0.5 and not column.is_list]
    texts = rank_columns(texts, _TEXTS, lambda column: column.words) if len(texts) > 2 else texts
    if len(texts) < 2:
        return []
    one, other = sorted(texts[:2], key=lambda column: [each.name for each in table.columns].index(column.name))
    longer, shorter = max(one.words, other.words), min(one.words, other.words)
    is_alike = _strip(one.name) == _strip(other.name)
    return [one, other] if is_alike and longer < _SAME_LENGTH * shorter else []


def _strip(name: str) -> str:
    """Leave out what tells the two of a pair apart: sentence1 and sentence2, text_a and text_b, #1 String."""
    return "".join(letter for letter in name.casefold().removesuffix("a").removesuffix("b") if letter.isalpha())
