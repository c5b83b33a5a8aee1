"""An exported embedding that says which class a text is of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.vectors import float_vectors
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.linear_head import LinearHead, compute_log_odds
from emb_pipeline.embeddings.protocols import Setting, VectorEmbedding, fit_encode
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.probe import fit_probe
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.export.answering import EMBEDDING, Encoder, Request, read_as
from emb_pipeline.tasks.export.heads import read_head, write_head
from emb_pipeline.tasks.export.requests import Rows
from emb_pipeline.tasks.splits.example_folds import find_fold_groups


@dataclass(frozen=True, eq=False)
class TextClassifier:
    """A classifier of texts: the embedding with its probe.

    A text that the embedding knows nothing of gets the prior: the most frequent class of the training part, with its share.

    Attributes
    ----------
    encoder : TextEncoder
        The embedding.
    head : LinearHead
        The probe, on vectors as the encoder gives them.
    classes : list of str
        Names of the classes, in the order of the head's columns.
    shares : ndarray of shape (n_classes,), optional
        What part of the training texts each class has; what the head says without a vector, where it is not given.
    """

    answers: ClassVar[str] = "classifier"
    encoder: Encoder
    head: LinearHead
    classes: list[str]
    shares: np.ndarray | None = None

    @classmethod
    def fit(
        cls,
        task: ClassificationTask,
        encoder: VectorEmbedding,
        options: ClassificationOptions,
        *,
        seed: int,
        setting: Setting | None = None,
    ) -> TextClassifier:
        """Fit on all examples that are not the official test part; without one, on all.

        The probe is tuned as it was for the evaluation.
        """
        train = np.arange(len(task.codes)) if task.split is None else np.flatnonzero(task.split != "test")
        texts = task.texts.take(train)
        groups = find_fold_groups(task, options)[train]
        with threadpool_limits(1):
            fitted, vectors = fit_encode(encoder, texts, task.codes[train])
            vectors = float_vectors(vectors, len(texts), task.name)
            probe = fit_probe(vectors, task.codes[train], task.classes, groups, options, seed=seed)
        head: LinearHead = probe.head(vectors.shape[1])
        shares = np.bincount(task.codes[train], minlength=len(task.classes)) / len(train)
        return cls(read_as(texts, fitted), head, task.classes.tolist(), shares)

    def answer(self, texts: Request) -> pd.DataFrame:
        """Find the most probable class of each text.

        Parameters
        ----------
        texts : sequence of str, str or DataFrame
            See `Rows.of`: a string is one text.

        Returns
        -------
        DataFrame of label, probability, known and error
            A row for each text. ``known`` is false where the embedding knows nothing of it: label and probability are the
            prior. A row that is no text has an ``error``, and no label.
        """
        return self.answer_scored(texts)[0]

    def answer_scored(self, texts: Request) -> tuple[pd.DataFrame, np.ndarray]:
        """Answer as `answer` does, with the log-odds of the class; ``-inf`` where nothing is known of the text.

        They have the order of the probabilities. But those of confident answers are all 1, to within rounding.
        """
        rows = Rows.of(texts, self.encoder)
        vectors, known = rows.encode(self.encoder)
        logs = self.head.log_probabilities(vectors) if rows.texts else np.zeros((0, len(self.classes)))
        odds = np.where(known, compute_log_odds(logs), -np.inf)
        probabilities = np.exp(logs)
        probabilities[~known] = self.prior
        best = probabilities.argmax(axis=1) if rows.texts else np.zeros(0, dtype=np.int64)
        answers = pd.DataFrame(
            {
                "label": pd.Series(rows.spread(self.classes[code] for code in best), dtype=object),
                "probability": rows.spread(probabilities[np.arange(len(best)), best].tolist(), np.nan),
                "known": rows.spread(known.tolist(), False),
                "error": pd.Series(rows.errors, dtype=object),
            }
        )
        return answers, np.array(rows.spread(odds.tolist(), -np.inf), dtype=np.float64)

    @property
    def prior(self) -> np.ndarray:
        """Probability of each class without knowing the text: shape (n_classes,)."""
        if self.shares is not None:
            return self.shares
        return np.asarray(np.exp(self.head.log_probabilities(np.zeros((1, self.encoder.dim), dtype=np.float32)))[0])

    def write(self, folder: Path) -> None:
        """Write what `answer` needs."""
        write_embedding(self.encoder, folder / EMBEDDING)
        write_head(folder, self.classes, self.head, share=self.prior)

    @classmethod
    def from_folder(cls, folder: Path) -> TextClassifier:
        """Read the classifier of a folder."""
        classes, head, table = read_head(folder)
        shares = table["share"].to_numpy() if "share" in table.column_names else None
        return cls(read_embedding(folder / EMBEDDING), head, classes, shares)
