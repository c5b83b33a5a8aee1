"""Texts with their tokens, found once when a task is read and shared by every embedding of the task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import overload

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.text.columns import Columns, find_columns
from emb_pipeline.text.tokenizer import Tokenizer
from emb_pipeline.text.words import mark_words, tokenize

TOKEN_IDS = "_token_ids"
"""Suffix of a text column's name in the name of the column of its tokens."""
WORDS = "words"
"""The table that token ids point into."""


@dataclass(frozen=True)
class DocumentTerms:
    """Term counts of some texts.

    Attributes
    ----------
    counts : csr_array of shape (n_texts, n_terms), float32
        How often each term occurs in each text.
    vocabulary : list of str
        The term of each column.
    """

    counts: sp.csr_array
    vocabulary: list[str]

    def take(self, indices: np.ndarray) -> DocumentTerms:
        """Take the same columns for some of the texts."""
        return DocumentTerms(self.counts[indices], self.vocabulary)


@dataclass(frozen=True, eq=False)
class TokenIds:
    """The tokens of some texts, as numbers.

    Attributes
    ----------
    ids : ndarray of shape (n_tokens,), int32
        All tokens, one text after the other.
    starts : ndarray of shape (n_texts + 1,), int64
        Where each text starts; the last entry is ``n_tokens``.
    words : list of str
        The token of each id.
    """

    ids: np.ndarray
    starts: np.ndarray
    words: list[str]

    @classmethod
    def of(cls, texts: Iterable[str], id_of: dict[str, int] | None = None) -> TokenIds:
        """Number the tokens of these texts; new words are added to ``id_of``."""
        id_of = {} if id_of is None else id_of
        ids: list[int] = []
        starts = [0]
        for text in texts:
            ids.extend([id_of.setdefault(token, len(id_of)) for token in tokenize(text)])
            starts.append(len(ids))
        return cls(np.asarray(ids, dtype=np.int32), np.asarray(starts, dtype=np.int64), list(id_of))

    def count_words(self) -> sp.csr_array:
        """Counts of each word in each text: shape (n_texts, n_words), float32."""
        return _count_words(self.ids, self.starts, len(self.words))

    def take(self, indices: np.ndarray) -> TokenIds:
        """Take the tokens of some of the texts."""
        lengths = np.diff(self.starts)[indices]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[:-1][indices] - starts[:-1], lengths)
        return TokenIds(self.ids[places], starts, self.words)


class Texts(Sequence[str]):
    """A sequence of texts that remembers its tokens and their counts.

    Word-vector pooling and the sparse baselines all start from the same counts, so they are made once for a task
    and sliced for its folds.

    Parameters
    ----------
    texts : sequence of str
        The texts.
    token_ids : TokenIds, optional
        Their tokens, where they are known already.
    columns : Columns, optional
        Categorical and numeric values of the rows that the texts are of, where a task has them.
    """

    def __init__(self, texts: Iterable[str], token_ids: TokenIds | None = None, columns: Columns | None = None) -> None:
        self._texts = list(texts)
        self.columns = columns
        if columns is not None and len(columns) != len(self._texts):
            raise ValueError(f"{len(self._texts)} texts and {len(columns)} rows of columns")
        if token_ids is not None:
            if len(token_ids.starts) != len(self._texts) + 1:
                raise ValueError(f"{len(self._texts)} texts and tokens of {len(token_ids.starts) - 1}")
            self.__dict__["token_ids"] = token_ids

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Texts: ...
    def __getitem__(self, index: int | slice) -> str | Texts:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self._texts[index]

    def __len__(self) -> int:
        return len(self._texts)

    def take(self, indices: np.ndarray) -> Texts:
        """Some of the texts; what was counted already is sliced, not counted again."""
        rows = None if self.columns is None else self.columns.take(indices)
        part = Texts((self._texts[i] for i in indices), columns=rows)
        for name in ("token_ids", "terms", "ngrams"):
            if name in self.__dict__:
                part.__dict__[name] = self.__dict__[name].take(indices)
        return part

    def list_single(self) -> list[str | Texts]:
        """List the texts one by one: each with its columns, as `Texts` of length 1, where there are some."""
        return list(self._texts) if self.columns is None else [self.take(np.array([row])) for row in range(len(self))]

    @cached_property
    def token_ids(self) -> TokenIds:
        """The tokens of all texts, as numbers."""
        return TokenIds.of(self._texts)

    @cached_property
    def tokens(self) -> list[list[str]]:
        """The tokens of each text."""
        found = self.token_ids
        flat = [found.words[i] for i in found.ids.tolist()]
        borders = found.starts.tolist()
        return [flat[start:end] for start, end in pairwise(borders)]

    @cached_property
    def terms(self) -> DocumentTerms:
        """Counts of single tokens."""
        found = self.token_ids
        occurring = np.flatnonzero(np.bincount(found.ids, minlength=len(found.words)))
        column_of = np.zeros(len(found.words), dtype=np.int64)
        column_of[occurring] = np.arange(len(occurring))
        columns = column_of[found.ids]
        return DocumentTerms(
            _count_words(columns, found.starts, len(occurring)), [found.words[i] for i in occurring.tolist()]
        )

    @cached_property
    def ngrams(self) -> DocumentTerms:
        """Counts of tokens and of pairs of adjacent tokens (``"new york"``)."""
        found, single = self.token_ids, self.terms
        followed = np.ones(len(found.ids), dtype=bool)  # by another token of the same text
        followed[found.starts[1:][np.diff(found.starts) > 0] - 1] = False
        first = np.flatnonzero(followed)
        n_words = len(found.words)
        codes, columns = np.unique(found.ids[first].astype(np.int64) * n_words + found.ids[first + 1], return_inverse=True)
        pairs = [f"{found.words[code // n_words]} {found.words[code % n_words]}" for code in codes.tolist()]
        counts = _count_words(columns, np.searchsorted(first, found.starts), len(codes))
        return DocumentTerms(sp.hstack([single.counts, counts], format="csr"), [*single.vocabulary, *pairs])


def tokenize_tables(tables: Mapping[str, pa.Table], tokenizer: Tokenizer = "default") -> dict[str, pa.Table]:
    """Add the tokens of each text column to the tables of a task.

    Parameters
    ----------
    tables : mapping of str to Table
        Columns named ``text`` or ``text_…`` hold text.
    tokenizer : {"default", "whitespace"}
        whitespace: the texts get the mark of words that are cut already, so that whatever reads them cuts them alike.

    Returns
    -------
    dict of str to Table
        The tables, each text column followed by one of token ids (large_list of int32), and the table ``words``
        (token: string) that the ids are rows of.
    """
    id_of: dict[str, int] = {}
    made = dict(tables)
    for name, table in tables.items():
        for column in table.column_names:
            if column == "text" or column.startswith("text_"):
                texts = table[column].to_pylist()
                if tokenizer == "whitespace":
                    texts = [mark_words(text) for text in texts]
                    place = table.column_names.index(column)
                    table = table.set_column(place, table.schema.field(place), pa.array(texts, pa.string()))
                found = TokenIds.of(texts, id_of)
                table = table.append_column(column + TOKEN_IDS, pa.LargeListArray.from_arrays(found.starts, found.ids))
        made[name] = table
    return {**made, WORDS: pa.table({"token": pa.array(list(id_of), pa.string())})}


def sample_texts(tables: Mapping[str, pa.Table], n: int = 200) -> list[str]:
    """Take some texts of a task from all over its tables; sentences that came as words are joined."""
    found: list[str] = []
    for table in tables.values():
        columns = [name for name in table.column_names if name in ("text", "context", "tokens") or name.startswith("text_")]
        rows = np.unique(np.linspace(0, len(table) - 1, min(n, len(table))).astype(np.int64))
        for column in columns:
            if column.endswith(TOKEN_IDS):
                continue
            values = table[column].take(pa.array(rows)).to_pylist()
            found.extend(" ".join(value) if isinstance(value, list) else str(value) for value in values if value)
    return found


def take_texts(tables: Mapping[str, pa.Table], name: str, column: str = "text") -> Texts:
    """Take the texts of a table, with its columns, and their tokens where `tokenize_tables` has put them there."""
    table = tables[name]
    texts, columns = table[column].to_pylist(), find_columns(table)
    if WORDS not in tables or column + TOKEN_IDS not in table.column_names:
        return Texts(texts, columns=columns)
    found = table[column + TOKEN_IDS].combine_chunks()
    starts = np.concatenate([[0], np.cumsum(found.value_lengths().to_numpy(zero_copy_only=False))]).astype(np.int64)
    return Texts(texts, TokenIds(found.flatten().to_numpy(), starts, tables[WORDS]["token"].to_pylist()), columns)


def join_token_ids(parts: Sequence[TokenIds]) -> TokenIds:
    """Join the tokens of several texts in a row."""
    first = parts[0].words
    if any(part.words != first for part in parts):
        id_of: dict[str, int] = {}
        for part in parts:
            for word in part.words:
                id_of.setdefault(word, len(id_of))
        words = list(id_of)
        ids = [np.array([id_of[word] for word in part.words], dtype=np.int32)[part.ids] for part in parts]
    else:
        words, ids = first, [part.ids for part in parts]
    lengths = np.concatenate([np.diff(part.starts) for part in parts])
    return TokenIds(np.concatenate(ids), np.concatenate([[0], np.cumsum(lengths)]), words)


def _count_words(columns: np.ndarray, starts: np.ndarray, n_columns: int) -> sp.csr_array:
    entries = (np.ones(len(columns), dtype=np.float32), columns.astype(np.int32), starts.copy())  # changed in place below
    counts = sp.csr_array(entries, shape=(len(starts) - 1, n_columns))
    counts.sum_duplicates()
    return counts


def take_pairs(tables: Mapping[str, pa.Table], name: str, columns: Sequence[str]) -> tuple[Texts, np.ndarray, np.ndarray]:
    """Take the distinct texts of two columns, and which of them each row has in the first and in the second."""
    sides = [take_texts(tables, name, column) for column in columns]
    everything = Texts([*sides[0], *sides[1]], join_token_ids([side.token_ids for side in sides]))
    _, kept, places = np.unique(np.array(list(everything), dtype=object), return_index=True, return_inverse=True)
    first, second = np.split(places, 2)
    return everything.take(kept), first, second
