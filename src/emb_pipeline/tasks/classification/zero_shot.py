"""Classification without labels: the class whose description is nearest to a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from scipy.special import log_softmax

from emb_pipeline.embeddings.encodings.vectors import score_pairs
from emb_pipeline.embeddings.protocols import Vectors
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.statistics.intervals.class_metrics import compute_class_metrics
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.splits.fold_vectors import FoldVectors
from emb_pipeline.text.texts import Texts


class ZeroShot:
    """Classes of test texts by their closeness to descriptions of the classes, fold by fold.

    Descriptions are encoded as the texts are. A text that is as close to all classes counts as wrong.

    Parameters
    ----------
    task : ClassificationTask
        The texts.
    descriptions : mapping of str to str, or "names"
        A description of each class; ``names``: its name, with spaces for underscores.

    Raises
    ------
    DataError
        A class has no description, a description is of no class, or the examples have columns.
    """

    def __init__(self, task: ClassificationTask, descriptions: Mapping[str, str] | Literal["names"]) -> None:
        place, classes = f"{task.name}, class_descriptions", task.classes.tolist()
        if descriptions == "names":
            descriptions = {name: name.replace("_", " ") for name in classes}
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
        self._closeness = np.zeros((len(task.codes), len(classes)))

    def note(self, test: np.ndarray, of_test: Vectors, vectors: FoldVectors) -> None:
        """Compare a fold's test texts, whose vectors these are, with each class."""
        of_classes = vectors.encode(self._descriptions)
        for code in range(len(self._descriptions)):
            of_class = of_classes[np.full(len(test), code)]
            self._closeness[test, code] = score_pairs(of_test, of_class, vectors.similarity)

    def score(self, tested: np.ndarray, metric: str) -> np.ndarray:
        """Score the tested texts by a metric of `emb_pipeline.statistics.intervals.class_metrics`: shape (n_tested,)."""
        scores, codes = self._closeness[tested], self._codes[tested]
        is_open = scores.max(axis=1) == scores.min(axis=1)
        scores[is_open, codes[is_open]] -= 1
        return np.asarray(compute_class_metrics([metric], codes, log_softmax(scores, axis=1))[metric])
