"""Classification without labels: the class whose description is nearest to a text."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emb_pipeline.embeddings.encodings.vectors import score_pairs
from emb_pipeline.embeddings.protocols import Vectors
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.splits.fold_vectors import FoldVectors
from emb_pipeline.text.texts import Texts

ZERO_SHOT = "accuracy_zero_shot"
"""The metric."""


class ZeroShot:
    """Classes of test texts by their closeness to descriptions of the classes, fold by fold.

    Descriptions are encoded as the texts are. A text that is as close to all classes counts as wrong.

    Parameters
    ----------
    task : ClassificationTask
        The texts.
    descriptions : mapping of str to str
        A description of each class.

    Raises
    ------
    DataError
        A class has no description, a description is of no class, or the examples have columns.
    """

    def __init__(self, task: ClassificationTask, descriptions: Mapping[str, str]) -> None:
        place, classes = f"{task.name}, class_descriptions", task.classes.tolist()
        for name in descriptions:
            if name not in classes:
                raise DataError(place, f"'{name}' is no class of the task", suggest(name, classes))
        for name in classes:
            if name not in descriptions:
                raise DataError(place, f"the class '{name}' has no description", f"add '{name}: …'")
        if task.texts.columns is not None:
            raise DataError(place, "descriptions are compared with texts, and its examples have columns", "leave them out")
        self._descriptions = Texts([descriptions[name] for name in classes])
        self._codes = task.codes
        self._right = np.zeros(len(task.codes))

    def note(self, test: np.ndarray, of_test: Vectors, vectors: FoldVectors) -> None:
        """Find the nearest class of a fold's test texts, whose vectors these are."""
        of_classes = vectors.encode(self._descriptions)
        scores = np.column_stack(
            [
                score_pairs(of_test, of_classes[np.full(len(test), code)], vectors.similarity)
                for code in range(len(self._descriptions))
            ]
        )
        decided = scores.max(axis=1) > scores.min(axis=1)
        self._right[test] = decided & (scores.argmax(axis=1) == self._codes[test])

    def score(self, tested: np.ndarray) -> np.ndarray:
        """Score the tested texts: 1 where the nearest class is the right one, else 0."""
        return np.asarray(self._right[tested])
