"""Sentences with a tag of its own for each word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask


@dataclass(frozen=True, eq=False)
class TokenClassificationTask(SequenceLabelingTask):
    """Sentences whose words have a tag each, which may follow any other one; else as `SequenceLabelingTask`."""

    @cached_property
    def types(self) -> list[str]:
        """All tags, sorted."""
        return sorted({tag for tags in self.tags for tag in tags})

    @property
    def labels(self) -> list[str]:  # type: ignore[override]
        """All tags: code ``i`` is ``labels[i]``."""
        return self.types

    @cached_property
    def allowed(self) -> np.ndarray:
        """Tags that may follow another one, the last row for the first tag of a sentence: all, (n_tags + 1, n_tags)."""
        return np.ones((len(self.labels) + 1, len(self.labels)), dtype=bool)

    @cached_property
    def is_seen(self) -> np.ndarray:
        """True for tokens whose word, of any case, is in the training part: shape (n_tokens,)."""
        words = [[word.casefold() for word in sentence] for sentence in self.sentences]
        known = {word for row, split in zip(words, self.split, strict=True) if split != "test" for word in row}
        return np.array([word in known for row in words for word in row], dtype=bool)

    @staticmethod
    def read_tags(tags: Sequence[str]) -> list[str]:
        """Take the tags of a sentence as they are."""
        return list(tags)

    @staticmethod
    def find_stratum(tags: Sequence[str]) -> frozenset[str]:
        """Draw sentences without strata: most sentences have most of the frequent tags."""
        return frozenset()

    def require_learnable(self, codes: np.ndarray) -> None:
        """Refuse a training part that teaches nothing.

        Raises
        ------
        DataError
            All of these tags are the same.
        """
        if (codes == codes[0]).all():
            only = self.labels[codes[0]]
            raise DataError(self.name, f"the training part has the tag '{only}' alone", "check which column holds the tags")
