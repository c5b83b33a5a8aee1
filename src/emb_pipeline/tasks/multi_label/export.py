"""An exported embedding that gives texts their labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.vectors import float_vectors
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import Setting, VectorEmbedding, fit_encode
from emb_pipeline.tasks.export.answering import EMBEDDING, Encoder, Request, read_as
from emb_pipeline.tasks.export.heads import read_head, write_head
from emb_pipeline.tasks.export.requests import Rows
from emb_pipeline.tasks.multi_label.options import MultiLabelOptions
from emb_pipeline.tasks.multi_label.probe import fit_label_probe
from emb_pipeline.tasks.multi_label.task import MultiLabelTask
from emb_pipeline.tasks.splits.example_folds import find_fold_groups


@dataclass(frozen=True, eq=False)
class TextLabeler:
    """A labeler of texts, which gives each any number of labels: the embedding with its probe.

    A text that the embedding knows nothing of gets the labels that the threshold leaves of the training part's shares.

    Attributes
    ----------
    encoder : TextEncoder
        The embedding.
    head : LinearHead
        The probe, on vectors as the encoder gives them.
    labels : list of str
        Names of the labels, in the order of the head's columns.
    shares : ndarray of shape (n_labels,)
        What part of the training texts has each label.
    thresholds : ndarray of shape (n_labels,)
        Probability from which a label is given.
    """

    answers: ClassVar[str] = "labeler"
    encoder: Encoder
    head: LinearHead
    labels: list[str]
    shares: np.ndarray
    thresholds: np.ndarray

    @classmethod
    def fit(
        cls,
        task: MultiLabelTask,
        encoder: VectorEmbedding,
        options: MultiLabelOptions,
        *,
        seed: int,
        setting: Setting | None = None,
    ) -> TextLabeler:
        """Fit on all examples that are not the official test part; without one, on all.

        Probe and threshold are tuned as they were for the evaluation.
        """
        train = np.arange(len(task.codes)) if task.split is None else np.flatnonzero(task.split != "test")
        texts, targets, codes = task.texts.take(train), task.targets[train], task.codes[train]
        groups = find_fold_groups(task, options)[train]
        with threadpool_limits(1):
            fitted, vectors = fit_encode(encoder, texts, codes)
            vectors = float_vectors(vectors, len(texts), task.name)
            probe = fit_label_probe(vectors, targets, groups, options, seed=seed)
        thresholds = np.full(len(task.labels), probe.chosen["threshold"])
        return cls(read_as(texts, fitted), probe.head(vectors.shape[1]), list(task.labels), targets.mean(axis=0), thresholds)

    def answer(self, texts: Request) -> pd.DataFrame:
        """Find the labels of each text.

        Parameters
        ----------
        texts : sequence of str, str or DataFrame
            See `Rows.of`: a string is one text.

        Returns
        -------
        DataFrame of labels, probabilities, known and error
            A row for each text: a list of its labels, the surest first, perhaps empty, and a list of their probabilities.
            ``known`` is false where the embedding knows nothing of it: probabilities are the shares of the training part.
            A row that is no text has an ``error``, and None for both lists.
        """
        rows = Rows.of(texts, self.encoder)
        vectors, known = rows.encode(self.encoder)
        shape = (0, len(self.labels))
        probabilities = np.exp(self.head.label_log_probabilities(vectors)) if rows.texts else np.zeros(shape)
        probabilities[~known] = self.shares
        given = [self._list_given(of_text) for of_text in probabilities]
        columns = {
            "labels": [[self.labels[code] for code in codes] for codes in given],
            "probabilities": [of_text[codes].tolist() for of_text, codes in zip(probabilities, given, strict=True)],
        }
        return pd.DataFrame(
            {
                **{name: pd.Series(rows.spread(values), dtype=object) for name, values in columns.items()},
                "known": rows.spread(known.tolist(), False),
                "error": pd.Series(rows.errors, dtype=object),
            }
        )

    def _list_given(self, probabilities: np.ndarray) -> np.ndarray:
        """List the codes of the labels that a text is given, the surest first."""
        given = np.flatnonzero(probabilities >= self.thresholds)
        return np.asarray(given[np.argsort(-probabilities[given], kind="stable")])

    def write(self, folder: Path) -> None:
        """Write what `answer` needs."""
        write_embedding(self.encoder, folder / EMBEDDING)
        write_head(folder, self.labels, self.head, share=self.shares, threshold=self.thresholds)

    @classmethod
    def from_folder(cls, folder: Path) -> TextLabeler:
        """Read the labeler of a folder."""
        labels, head, table = read_head(folder)
        shares, thresholds = (table[name].to_numpy() for name in ("share", "threshold"))
        return cls(read_embedding(folder / EMBEDDING), head, labels, shares, thresholds)
