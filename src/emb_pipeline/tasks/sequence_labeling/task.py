"""The tagged sentences of a sequence labeling task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.splits.folds import join_groups
from emb_pipeline.text.tagging import OUTSIDE, convert_to_iob2
from emb_pipeline.text.texts import Texts


@dataclass(frozen=True, eq=False)
class SequenceLabelingTask:
    """Sentences whose entities are marked by a tag for each token.

    A subclass may give tags another meaning: it says which tags there are, and which may follow one another.

    Attributes
    ----------
    name : str
        Of the task.
    example_ids : ndarray of shape (n_sentences,), str
        Names of the sentences.
    sentences : list of list of str
        Their tokens.
    tags : list of list of str
        A tag for each token, in IOB2.
    split : ndarray of shape (n_sentences,), str
        ``train``, ``validation`` or ``test``.
    documents : ndarray of shape (n_sentences,), str, optional
        Groups of sentences that are resampled, and held out, together: those of one document, say.
    """

    name: str
    example_ids: np.ndarray
    sentences: list[list[str]]
    tags: list[list[str]]
    split: np.ndarray
    documents: np.ndarray | None = None

    def __post_init__(self) -> None:
        for place, tokens, tags in zip(self.example_ids.tolist(), self.sentences, self.tags, strict=True):
            if len(tokens) != len(tags) or not tokens:
                raise DataError(
                    f"{self.name}, {place}",
                    f"has {len(tokens)} tokens and {len(tags)} tags",
                    "give each token one tag, and each sentence a token",
                )
        for split in ("train", "test"):
            if not (self.split == split).any():
                raise DataError(f"{self.name}, split", f"no sentence is in '{split}'", "name a training and a test part")

    @property
    def all_texts(self) -> Texts:
        """All texts of the task, which an embedding of its own is fitted on when it is exported."""
        return Texts(" ".join(words) for words in self.sentences)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each sentence starts among all tokens; the last entry is their number."""
        return np.concatenate([[0], np.cumsum([len(tokens) for tokens in self.sentences])]).astype(np.int64)

    @cached_property
    def types(self) -> list[str]:
        """Types of entity, sorted."""
        return sorted({tag[2:] for tags in self.tags for tag in tags if tag != OUTSIDE})

    @cached_property
    def labels(self) -> list[str]:
        """All tags: code ``i`` is ``labels[i]``. O, then B- and I- of each type."""
        return [OUTSIDE, *(f"{prefix}-{kind}" for kind in self.types for prefix in "BI")]

    @cached_property
    def codes(self) -> np.ndarray:
        """Tag codes of all tokens: shape (n_tokens,), int64."""
        code_of = {label: code for code, label in enumerate(self.labels)}
        return np.array([code_of[tag] for tags in self.tags for tag in tags], dtype=np.int64)

    @cached_property
    def allowed(self) -> np.ndarray:
        """Tags that may follow another one, the last row for the first tag of a sentence: (n_tags + 1, n_tags)."""
        before, after = [*self.labels, OUTSIDE], self.labels
        return np.array([[tag[:2] != "I-" or tag[2:] == other[2:] for tag in after] for other in before])

    @staticmethod
    def read_tags(tags: Sequence[str]) -> list[str]:
        """Bring the tags of a sentence to the form that the task has them in: IOB2."""
        return convert_to_iob2(tags)

    @staticmethod
    def find_stratum(tags: Sequence[str]) -> frozenset[str]:
        """Find what draws of sentences are stratified by: the types of a sentence's entities."""
        return frozenset(tag[2:] for tag in tags if tag != OUTSIDE)

    def repair(self, codes: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Turn any tag codes of sentences that start there into valid ones: shape (n_tokens,), int64."""
        labels = np.array(self.labels)
        code_of = {label: code for code, label in enumerate(self.labels)}
        sentences = np.split(labels[codes], starts[1:-1])
        return np.array(
            [code_of[tag] for sentence in sentences for tag in self.read_tags(sentence.tolist())], dtype=np.int64
        )

    def require_learnable(self, codes: np.ndarray) -> None:
        """Refuse a training part that teaches nothing.

        Raises
        ------
        DataError
            None of these tags is in an entity.
        """
        if not codes.any():
            raise DataError(self.name, "the training part has no entity", "check which column holds the tags")

    @cached_property
    def groups(self) -> np.ndarray:
        """Position of the first sentence with the same tokens, or of the same document, for each sentence."""
        first: dict[tuple[str, ...], int] = {}
        copies = np.array([first.setdefault(tuple(tokens), row) for row, tokens in enumerate(self.sentences)])
        return copies if self.documents is None else join_groups(copies, self.documents)

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "sequence_labeling") -> SequenceLabelingTask:
        """Build the task of a table ``sentences`` with example_id, tokens, tags and split; tags are brought to IOB2.

        Raises
        ------
        DataError
            A sentence without tokens or with another number of tags, or no training or test part.
        """
        table = tables["sentences"]
        ids, sentences, tags, split = (table[column].to_pylist() for column in ("example_id", "tokens", "tags", "split"))
        groups = None
        if "group" in table.column_names and table["group"].null_count < table.num_rows:
            groups = np.array(table["group"].to_pylist(), dtype=str)
        read = [cls.read_tags(row) for row in tags]
        return cls(name, np.array(ids, dtype=str), sentences, read, np.array(split, dtype=str), groups)
