"""Entity embeddings: vectors of values that a small network learns while it predicts the label."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from emb_pipeline.embeddings.columns.options import EntityOptions
from emb_pipeline.embeddings.columns.values import KnownValues, RowEncoder, ValueVectors, fit_numbers, select_columns
from emb_pipeline.embeddings.contextual.training.repeatable import repeatable
from emb_pipeline.embeddings.protocols import Vectors
from emb_pipeline.text.texts import Texts


@dataclass(frozen=True)
class EntityColumns:
    """A vector for each value, learned by a network with one hidden layer (Guo & Berkhahn 2016).

    The network sees the training part alone. A share of it, drawn with its classes, is held out, and says when to stop. A
    value that the training rows do not have gets the mean of its column's vectors.

    The vectors of training rows are those of networks that did not see their labels (folds), rotated onto the vectors of the
    network that saw all: else a probe would take what a network remembers of a value with few rows for what it knows.

    References
    ----------
    Guo & Berkhahn (2016), Entity embeddings of categorical variables, arXiv:1604.06737.
    """

    learns_from_labels: ClassVar[bool] = True
    options: EntityOptions
    seed: int = 0

    def fit_encode(self, texts: Texts, labels: np.ndarray) -> tuple[RowEncoder, Vectors]:
        """Train the network, and encode the training rows.

        Parameters
        ----------
        texts : Texts of length n_rows
            With columns.
        labels : ndarray of shape (n_rows,)
            Codes of classes (int), or values (float), which are scaled to mean 0 and variance 1.

        Returns
        -------
        encoder : RowEncoder
            Of the values' vectors, followed by the numeric columns.
        vectors : ndarray of shape (n_rows, dim), float32
        """
        columns = select_columns(texts, self.options)
        known, numbers = KnownValues.of(columns), fit_numbers(columns, self.options.numeric)
        if not columns.categorical:
            return RowEncoder(columns.names, ValueVectors(known, ()), numbers), numbers.encode(columns)
        places, scaled = known.find(columns), numbers.encode(columns)
        tables = self._train(known, places, scaled, labels)
        encoder = RowEncoder(columns.names, ValueVectors(known, _add_means(tables)), numbers)
        of_training = np.empty((len(labels), encoder.dim), dtype=np.float32)
        folds = _draw_folds(labels, self.options.folds, np.random.default_rng(self.seed))
        for fold in np.unique(folds):
            others, own = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            found = self._train(known, places[others], scaled[others], labels[others])
            seen = [np.unique(places[others, column]) for column in range(places.shape[1])]
            rotated = tuple(map(rotate_onto, found, tables, seen))
            of_training[own] = RowEncoder(columns.names, ValueVectors(known, rotated), numbers).encode(texts.take(own))
        return encoder, of_training

    def _train(
        self, known: KnownValues, places: np.ndarray, numbers: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Train on rows of values, shape (n_rows, n_columns), and numbers: the vectors of each column's values."""
        options, rng = self.options, np.random.default_rng(self.seed)
        held_out = _hold_out(labels, options.validation_share, rng)
        with repeatable("cpu"):
            torch.manual_seed(self.seed)
            network, measure, targets = _make_network(known, numbers.shape[1], labels, options)
            inputs = (torch.from_numpy(places), torch.from_numpy(numbers))
            optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
            train, watched = np.flatnonzero(~held_out), torch.from_numpy(np.flatnonzero(held_out))
            batch_size = max(1, min(options.batch_size, len(train) // 10))
            best, kept, without = np.inf, copy.deepcopy(network.state_dict()), 0
            for _ in range(options.epochs):
                network.train()
                order = torch.from_numpy(rng.permutation(train))
                for batch in order.split(batch_size):
                    optimizer.zero_grad()
                    loss = measure(network(inputs[0][batch], inputs[1][batch]), targets[batch])
                    loss.backward()
                    optimizer.step()
                network.eval()
                with torch.no_grad():
                    found = float(measure(network(inputs[0][watched], inputs[1][watched]), targets[watched]))
                without += 1
                if found < best:
                    best, kept, without = found, copy.deepcopy(network.state_dict()), 0
                if without >= options.patience:
                    break
            network.load_state_dict(kept)
            return tuple(table.weight.detach().numpy().copy() for table in network.tables)


def count_dimensions(n_values: int) -> int:
    """Choose the dimensions of a column with so many values: half of them, rounded up, and at most 50."""
    return min(50, (n_values + 1) // 2)


def rotate_onto(table: np.ndarray, reference: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Rotate the vectors of values onto those of another network, by those that were seen (orthogonal Procrustes).

    Parameters
    ----------
    table, reference : ndarray of shape (n_values, n_dimensions)
        Vectors of the same values.
    seen : ndarray of int
        Values that ``table`` was learned from.

    Returns
    -------
    ndarray of shape (n_values + 1, n_dimensions), float32
        A value that was not seen, and the last row, are the mean of the others.
    """
    left, _, right = np.linalg.svd(table[seen].T @ reference[seen])
    rotated = table[seen] @ (left @ right)
    made = np.tile(rotated.mean(axis=0), (len(table) + 1, 1))
    made[seen] = rotated
    return made.astype(np.float32)


def _add_means(tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.vstack([table, table.mean(axis=0)]).astype(np.float32) for table in tables)


def _draw_folds(labels: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a fold for each row, each class in its share: shape (n_rows,), int."""
    order = rng.permutation(len(labels))
    if np.issubdtype(labels.dtype, np.integer):
        order = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), dtype=np.int64)
    folds[order] = np.arange(len(labels)) % n_folds
    return folds


def _hold_out(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the rows to stop by, each class in its share: shape (n_rows,), bool; at least one, never all."""
    order = rng.permutation(len(labels))
    if np.issubdtype(labels.dtype, np.integer):
        order = order[np.argsort(labels[order], kind="stable")]
    step = max(2, round(1 / share))
    held_out = np.zeros(len(labels), dtype=bool)
    held_out[order[step // 2 :: step]] = True
    return held_out


def _make_network(
    known: KnownValues, n_numbers: int, labels: np.ndarray, options: EntityOptions
) -> tuple[Any, Any, torch.Tensor]:
    """Make the network, its loss, and what it is to predict."""
    sizes = [options.dims or count_dimensions(n) for n in known.counts]
    is_class = np.issubdtype(labels.dtype, np.integer)
    classes, codes = np.unique(labels, return_inverse=True)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            tables = [nn.Embedding(n, size) for n, size in zip(known.counts, sizes, strict=True)]
            self.tables = nn.ModuleList(tables)
            for table in tables:  # near 0, as in Keras: what few rows teach is not lost among random numbers
                nn.init.uniform_(table.weight, -0.05, 0.05)
            self.layers = nn.Sequential(
                nn.Dropout(options.dropout),
                nn.Linear(sum(sizes) + n_numbers, options.hidden),
                nn.ReLU(),
                nn.Linear(options.hidden, len(classes) if is_class else 1),
            )

        def forward(self, places: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
            looked_up = [table(places[:, column]) for column, table in enumerate(self.tables)]
            made: torch.Tensor = self.layers(torch.cat([*looked_up, numbers], dim=1))
            return made if is_class else made[:, 0]

    if is_class:
        return Network(), nn.functional.cross_entropy, torch.from_numpy(codes)
    scaled = (labels - labels.mean()) / (labels.std() or 1.0)
    return Network(), nn.functional.mse_loss, torch.from_numpy(scaled.astype(np.float32))
