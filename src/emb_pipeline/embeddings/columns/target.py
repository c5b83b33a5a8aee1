"""Dense vectors of rows without training: the place of a value in a list, or the labels that go with it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import TargetEncoder

from emb_pipeline.embeddings.columns.options import ColumnOptions, TargetOptions
from emb_pipeline.embeddings.columns.values import KnownValues, RowEncoder, ValueVectors, fit_numbers, select_columns, stack
from emb_pipeline.embeddings.protocols import Vectors
from emb_pipeline.text.texts import Texts


@dataclass(frozen=True)
class OrdinalColumns:
    """The place of each value in the order of the column's names: a number that means nothing, and costs least."""

    options: ColumnOptions

    def fit(self, texts: Texts) -> RowEncoder:
        """The values of these rows; one that they do not have is -1."""
        columns = select_columns(texts, self.options)
        known = KnownValues.of(columns)
        places = tuple(np.append(np.arange(n), -1)[:, None].astype(np.float32) for n in known.counts)
        return RowEncoder(columns.names, ValueVectors(known, places), fit_numbers(columns, self.options.numeric))


@dataclass(frozen=True)
class TargetColumns:
    """The mean label of the training rows that have a value, shrunk to the mean of all (Micci-Barreca 2001).

    With several classes, a value has the share of each. The training rows' own vectors are cross-fitted: the means are those
    of other folds, so that no vector holds its own row's label.
    """

    learns_from_labels: ClassVar[bool] = True
    options: TargetOptions
    seed: int = 0

    def fit_encode(self, texts: Texts, labels: np.ndarray) -> tuple[RowEncoder, Vectors]:
        """Fit on training rows, and encode these.

        Parameters
        ----------
        texts : Texts of length n_rows
            With columns.
        labels : ndarray of shape (n_rows,)
            Codes of classes (int), or values (float).

        Returns
        -------
        encoder : RowEncoder
            For new rows: the means of all training rows.
        vectors : ndarray of shape (n_rows, dim), float32
            Of the training rows, by the means of other folds.
        """
        columns = select_columns(texts, self.options)
        numbers, known = fit_numbers(columns, self.options.numeric), KnownValues.of(columns)
        if not columns.categorical:
            return RowEncoder(columns.names, ValueVectors(known, ()), numbers), numbers.encode(columns)
        places, targets = known.find(columns), _list_targets(labels)
        folds = KFold(min(self.options.folds, len(labels)), shuffle=True, random_state=self.seed)
        if np.issubdtype(labels.dtype, np.integer):
            n_folds = max(2, min(self.options.folds, int(np.bincount(labels).max())))
            folds = StratifiedKFold(n_folds, shuffle=True, random_state=self.seed)
        of_training = np.empty((len(labels), places.shape[1], targets.shape[1]), dtype=np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of classes with fewer rows than folds
            parts = list(folds.split(places, labels))
        for others, held_out in parts:
            of_training[held_out] = self._encode(places[others], targets[others], places[held_out])
        rows = [np.minimum(np.arange(max(known.counts) + 1), n) for n in known.counts]
        tables = self._encode(places, targets, np.where(np.array(rows) == np.array(known.counts)[:, None], -1, rows).T)
        encoder = RowEncoder(
            columns.names,
            ValueVectors(known, tuple(tables[: n + 1, column] for column, n in enumerate(known.counts))),
            numbers,
        )
        return encoder, stack([of_training.reshape(len(labels), -1), numbers.encode(columns)])

    def _encode(self, places: np.ndarray, targets: np.ndarray, new: np.ndarray) -> np.ndarray:
        """Encode new rows by the labels of others: shape (n_new, n_columns, n_targets)."""
        smooth: Any = "auto" if self.options.smooth is None else self.options.smooth
        encoders = (TargetEncoder(target_type="continuous", smooth=smooth).fit(places, target) for target in targets.T)
        return np.asarray(np.stack([encoder.transform(new) for encoder in encoders], axis=2), dtype=np.float32)


def _list_targets(labels: np.ndarray) -> np.ndarray:
    """List what means are made of: values, or of classes whether a row has it; of two classes, the second: (n_rows, n)."""
    if not np.issubdtype(labels.dtype, np.integer):
        return labels.astype(np.float64)[:, None]
    classes = np.unique(labels)
    is_of_class: np.ndarray = labels[:, None] == (classes[1:] if len(classes) == 2 else classes)
    return is_of_class.astype(np.float64)
