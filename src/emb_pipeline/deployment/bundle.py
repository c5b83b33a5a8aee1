"""A chosen embedding, ready to use: a folder that takes text and answers, and needs nothing else of this project's data.

bundle.json       which task, which embedding, what it scored
embedding/        the encoder (`emb_pipeline.embeddings.export`)
probe.parquet     one row per class: its name, weights, intercept and share (classification)
passages/         names and vectors of the passages to search               (retrieval)
CARD.md           what a reader must know before using it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.deployment.requests import Rows, know
from emb_pipeline.embeddings.export import read_encoder, write_encoder
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import RoleEncoder, TextEncoder, Vectors, encoded_as
from emb_pipeline.errors import DataError
from emb_pipeline.storage.matrices import column_matrix, matrix_column
from emb_pipeline.storage.sealed_files import read_json, read_parquet, write_json, write_parquet
from emb_pipeline.tasks.retrieval.evaluate import top_k
from emb_pipeline.tasks.vectors import unit_length

MANIFEST, CARD = "bundle.json", "CARD.md"
_REMEDY = "run the stage decide again"
_EMBEDDING, _PROBE, _PASSAGES = "embedding", "probe.parquet", "passages"
Encoder: TypeAlias = TextEncoder | RoleEncoder
Request: TypeAlias = Sequence[str] | str | pd.Series | pd.DataFrame
"""Texts; rows that are none are answered with an error."""


@dataclass(frozen=True, eq=False)
class TextClassifier:
    """Says which class a text is of.

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

    encoder: Encoder
    head: LinearHead
    classes: list[str]
    shares: np.ndarray | None = None

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
        rows = Rows.of(texts, self.encoder)
        vectors = self.encoder.encode(rows.texts) if rows.texts else np.zeros((0, self.encoder.dim), dtype=np.float32)
        known = know(self.encoder, rows.texts, vectors)
        probabilities = np.exp(self.head.log_probabilities(vectors)) if rows.texts else np.zeros((0, len(self.classes)))
        probabilities[~known] = self.prior
        best = probabilities.argmax(axis=1) if rows.texts else np.zeros(0, dtype=np.int64)
        return pd.DataFrame(
            {
                "label": pd.Series(rows.spread(self.classes[code] for code in best), dtype=object),
                "probability": rows.spread(probabilities[np.arange(len(best)), best].tolist(), np.nan),
                "known": rows.spread(known.tolist(), False),
                "error": pd.Series(rows.errors, dtype=object),
            }
        )

    @property
    def prior(self) -> np.ndarray:
        """Probability of each class without knowing the text: shape (n_classes,)."""
        if self.shares is not None:
            return self.shares
        return np.asarray(np.exp(self.head.log_probabilities(np.zeros((1, self.encoder.dim), dtype=np.float32)))[0])

    def write(self, folder: Path) -> None:
        """Write what `answer` needs."""
        write_encoder(self.encoder, folder / _EMBEDDING)
        table = {
            "class": pa.array(self.classes, pa.string()),
            "weights": matrix_column(self.head.weights.T),
            "intercept": pa.array(np.asarray(self.head.intercepts, dtype=np.float64)),
            "share": pa.array(np.asarray(self.prior, dtype=np.float64)),
        }
        write_parquet(pa.table(table), folder / _PROBE)

    @classmethod
    def read(cls, folder: Path) -> TextClassifier:
        """The classifier of a folder."""
        table = read_parquet(folder / _PROBE, columns=("class", "weights", "intercept"), remedy=_REMEDY)
        head = LinearHead(column_matrix(table["weights"]).T, table["intercept"].to_numpy())
        shares = table["share"].to_numpy() if "share" in table.column_names else None
        return cls(read_encoder(folder / _EMBEDDING), head, table["class"].to_pylist(), shares)


@dataclass(frozen=True, eq=False)
class TextSearch:
    """Finds the passages that are nearest to a text.

    Attributes
    ----------
    encoder : TextEncoder
        The embedding.
    passage_ids : list of str
        Names of the passages.
    passages : ndarray or csr_array of shape (n_passages, dim), float32
        Their vectors, of length 1.
    """

    encoder: Encoder
    passage_ids: list[str]
    passages: Vectors

    def answer(self, texts: Request, k: int = 10) -> pd.DataFrame:
        """Find the ``k`` nearest passages of each text.

        Parameters
        ----------
        texts : sequence of str, str or DataFrame
            See `Rows.of`: a string is one text.
        k : int
            Passages for each.

        Returns
        -------
        DataFrame of query, rank, passage_id, cosine, known and error
            ``query`` is the position of the text. Of one that the embedding knows nothing of, and of a row that is no text,
            there is one line: rank 0 and no passage, ``known`` false, and the ``error``.
        """
        asked = Rows.of(texts, self.encoder)
        vectors: Any = encoded_as(self.encoder, asked.texts, "query") if asked.texts else None
        known = know(self.encoder, asked.texts, vectors)
        answered = np.flatnonzero(known)
        found = self._nearest(vectors[answered], asked.places[answered], k) if len(answered) else pd.DataFrame()
        silent = sorted(set(range(len(asked.errors))) - set(asked.places[answered].tolist()))
        nothing = pd.DataFrame(
            {
                "query": silent,
                "rank": 0,
                "passage_id": pd.Series([None] * len(silent), dtype=object),
                "cosine": np.nan,
                "known": False,
                "error": pd.Series([asked.errors[place] for place in silent], dtype=object),
            }
        )
        parts = [part for part in (found, nothing) if len(part)] or [nothing]
        whole: pd.DataFrame = pd.concat(parts, ignore_index=True)
        return whole.sort_values(["query", "rank"], kind="stable", ignore_index=True)

    def _nearest(self, vectors: Vectors, places: np.ndarray, k: int) -> pd.DataFrame:
        queries = unit_length(vectors)
        k = min(k, len(self.passage_ids))
        found = top_k(queries, self.passages, k)
        rows = np.repeat(np.arange(len(places)), k)
        products = queries[rows] * self.passages[found.ravel()]
        cosines = np.asarray(products.sum(axis=1), dtype=np.float64).ravel()
        return pd.DataFrame(
            {
                "query": places[rows],
                "rank": np.tile(np.arange(1, k + 1), len(places)),
                "passage_id": pd.Series([self.passage_ids[place] for place in found.ravel().tolist()], dtype=object),
                "cosine": cosines,
                "known": True,
                "error": pd.Series([None] * len(rows), dtype=object),
            }
        )

    def write(self, folder: Path) -> None:
        """Write what `answer` needs; dense vectors as fixed-size lists, sparse ones as lists of columns and values."""
        write_encoder(self.encoder, folder / _EMBEDDING)
        (folder / _PASSAGES).mkdir()
        columns: dict[str, pa.Array] = {"passage_id": pa.array(self.passage_ids, pa.string())}
        if sp.issparse(self.passages):
            starts = pa.array(self.passages.indptr.astype(np.int64))
            columns["column"] = pa.LargeListArray.from_arrays(starts, pa.array(self.passages.indices.astype(np.int32)))
            columns["value"] = pa.LargeListArray.from_arrays(starts, pa.array(self.passages.data.astype(np.float32)))
        else:
            columns["vector"] = matrix_column(self.passages)
        write_parquet(pa.table(columns), folder / _PASSAGES / "vectors.parquet")

    @classmethod
    def read(cls, folder: Path) -> TextSearch:
        """The search of a folder."""
        encoder = read_encoder(folder / _EMBEDDING)
        table = read_parquet(folder / _PASSAGES / "vectors.parquet", columns=("passage_id",), remedy=_REMEDY)
        passages: Vectors
        if "vector" in table.column_names:
            passages = column_matrix(table["vector"])
        else:
            indices, values = (table[name].combine_chunks() for name in ("column", "value"))
            parts = (values.flatten().to_numpy(), indices.flatten().to_numpy(), indices.offsets.to_numpy())
            passages = sp.csr_array(parts, shape=(len(table), encoder.dim))
        return cls(encoder, table["passage_id"].to_pylist(), passages)


@dataclass(frozen=True, eq=False)
class TextVectors:
    """Gives vectors: for tasks of which nothing but the embedding can be handed over.

    Attributes
    ----------
    encoder : TextEncoder
        The embedding.
    """

    encoder: Encoder

    def answer(self, texts: Request) -> pd.DataFrame:
        """Encode each text.

        Parameters
        ----------
        texts : sequence of str, str or DataFrame
            See `Rows.of`: a string is one text.

        Returns
        -------
        DataFrame of vector, known and error
            ``known`` is false where the embedding knows nothing of a text; a row that is no text has an ``error``, and no
            vector.
        """
        rows = Rows.of(texts, self.encoder)
        vectors: Any = self.encoder.encode(rows.texts) if rows.texts else np.zeros((0, self.encoder.dim), dtype=np.float32)
        known = know(self.encoder, rows.texts, vectors)
        dense = vectors.toarray() if sp.issparse(vectors) else np.asarray(vectors)
        return pd.DataFrame(
            {
                "vector": pd.Series(rows.spread(dense), dtype=object),
                "known": rows.spread(known.tolist(), False),
                "error": pd.Series(rows.errors, dtype=object),
            }
        )

    def write(self, folder: Path) -> None:
        """Write what `answer` needs."""
        write_encoder(self.encoder, folder / _EMBEDDING)

    @classmethod
    def read(cls, folder: Path) -> TextVectors:
        """The embedding of a folder."""
        return cls(read_encoder(folder / _EMBEDDING))


Answering: TypeAlias = TextClassifier | TextSearch | TextVectors
_KINDS: dict[str, type[TextClassifier] | type[TextSearch] | type[TextVectors]] = {
    "classifier": TextClassifier,
    "search": TextSearch,
    "vectors": TextVectors,
}


@dataclass(frozen=True, eq=False)
class Bundle:
    """What answers, and the facts about it.

    Attributes
    ----------
    model : TextClassifier, TextSearch or TextVectors
        What answers.
    facts : mapping
        Task, embedding, scores, versions: JSON values only.
    card : str
        The same for people, in Markdown.
    """

    model: Answering
    facts: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""

    def write(self, folder: Path) -> None:
        """Write a new folder; ``bundle.json`` comes last and makes it valid."""
        folder.mkdir(parents=True)
        self.model.write(folder)
        (folder / CARD).write_text(self.card, encoding="utf-8")
        kind = next(name for name, type_ in _KINDS.items() if isinstance(self.model, type_))
        write_json({"answers": kind, **self.facts}, folder / MANIFEST)

    @classmethod
    def read(cls, folder: Path) -> Bundle:
        """The bundle of a folder.

        Raises
        ------
        DataError
            No bundle was ever finished there.
        """
        facts = read_json(folder / MANIFEST, _REMEDY)
        answers = facts.pop("answers", None)
        if answers not in _KINDS:
            raise DataError(str(folder / MANIFEST), f"names no known answers: {answers!r}", _REMEDY)
        try:
            model = _KINDS[answers].read(folder)
            card = (folder / CARD).read_text(encoding="utf-8")
        except (KeyError, OSError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(str(folder), f"its files do not belong together ({error})", _REMEDY) from error
        return cls(model, facts, card)
