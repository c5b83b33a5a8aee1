"""An exported embedding that predicts the number of a text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.vectors import float_vectors
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import Setting, VectorEmbedding, fit_encode
from emb_pipeline.storage.matrices import make_matrix_column, read_matrix_column
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.tasks.export.answering import EMBEDDING, REMEDY, Encoder, Request, read_as
from emb_pipeline.tasks.export.requests import Rows
from emb_pipeline.tasks.probes.probe import ProbeTraining
from emb_pipeline.tasks.regression.options import RegressionOptions
from emb_pipeline.tasks.regression.probe import NumberResponse
from emb_pipeline.tasks.regression.task import RegressionTask
from emb_pipeline.tasks.splits.example_folds import find_fold_groups

_PROBE = "probe.parquet"


@dataclass(frozen=True, eq=False)
class NumberPredictor:
    """A predictor of numbers: the embedding with its probe.

    Attributes
    ----------
    encoder : TextEncoder
        The embedding.
    head : LinearHead
        The probe, on vectors as the encoder gives them; one column.
    mean : float
        Mean of the training part's numbers: the answer for a text that the embedding knows nothing of.
    """

    answers: ClassVar[str] = "numbers"
    encoder: Encoder
    head: LinearHead
    mean: float

    @classmethod
    def fit(
        cls,
        task: RegressionTask,
        encoder: VectorEmbedding,
        options: RegressionOptions,
        *,
        seed: int,
        setting: Setting | None = None,
    ) -> NumberPredictor:
        """Fit on all examples that are not the official test part; without one, on all.

        The probe is tuned as it was for the evaluation.
        """
        train = np.arange(len(task.targets)) if task.split is None else np.flatnonzero(task.split != "test")
        texts, targets = task.texts.take(train), task.targets[train]
        groups = find_fold_groups(task, options)[train]
        with threadpool_limits(1):
            fitted, vectors = fit_encode(encoder, texts, targets)
            vectors = float_vectors(vectors, len(texts), task.name)
            response = NumberResponse(targets, task.codes[train])
            probe = ProbeTraining(vectors, response, groups, options, seed=seed).probe()
        return cls(read_as(texts, fitted), probe.head(vectors.shape[1]), float(targets.mean()))

    def answer(self, texts: Request) -> pd.DataFrame:
        """Predict the number of each text.

        Parameters
        ----------
        texts : sequence of str, str or DataFrame
            See `Rows.of`: a string is one text.

        Returns
        -------
        DataFrame of number, known and error
            A row for each text. ``known`` is false where the embedding knows nothing of it: the number is the training
            part's mean. A row that is no text has an ``error``, and no number.
        """
        rows = Rows.of(texts, self.encoder)
        vectors, known = rows.encode(self.encoder)
        numbers = np.where(known, self.head.scores(vectors)[:, 0], self.mean) if rows.texts else np.zeros(0)
        return pd.DataFrame(
            {
                "number": rows.spread(numbers.tolist(), np.nan),
                "known": rows.spread(known.tolist(), False),
                "error": pd.Series(rows.errors, dtype=object),
            }
        )

    def write(self, folder: Path) -> None:
        """Write what `answer` needs."""
        write_embedding(self.encoder, folder / EMBEDDING)
        table = {
            "weights": make_matrix_column(self.head.weights.T),
            "intercept": pa.array(np.asarray(self.head.intercepts, dtype=np.float64)),
            "mean": pa.array([self.mean], pa.float64()),
        }
        write_parquet(pa.table(table), folder / _PROBE)

    @classmethod
    def from_folder(cls, folder: Path) -> NumberPredictor:
        """Read the predictor of a folder."""
        table = read_parquet(folder / _PROBE, columns=("weights", "intercept", "mean"), remedy=REMEDY)
        head = LinearHead(read_matrix_column(table["weights"]).T, table["intercept"].to_numpy())
        return cls(read_embedding(folder / EMBEDDING), head, table["mean"][0].as_py())
