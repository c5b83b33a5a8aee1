"""A chosen embedding, ready to use: a folder that takes text and answers, and needs nothing else of this project's data.

bundle.json       which task, which embedding, what it scored
embedding/        the encoder (`emb_pipeline.embeddings.at_rest`)
probe.parquet     one row per class: its name, weights and intercept        (classification)
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

from emb_pipeline.embeddings.at_rest import read_encoder, write_encoder
from emb_pipeline.embeddings.encoders import RoleEncoder, TextEncoder, Vectors, encoded_as
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.matrices import column_matrix, matrix_column
from emb_pipeline.tasks.retrieval import top_k
from emb_pipeline.tasks.vectors import unit_length
from emb_pipeline.text.errors import DataError
from emb_pipeline.text.sealed_files import read_json, read_parquet, write_json, write_parquet

MANIFEST, CARD = "bundle.json", "CARD.md"
_REMEDY = "run the stage decide again"
_EMBEDDING, _PROBE, _PASSAGES = "embedding", "probe.parquet", "passages"
Encoder: TypeAlias = TextEncoder | RoleEncoder


@dataclass(frozen=True, eq=False)
class TextClassifier:
    """Says which class a text is of.

    Attributes
    ----------
    encoder : TextEncoder
        The embedding.
    head : LinearHead
        The probe, on vectors as the encoder gives them.
    classes : list of str
        Names of the classes, in the order of the head's columns.
    """

    encoder: Encoder
    head: LinearHead
    classes: list[str]

    def answer(self, texts: Sequence[str]) -> pd.DataFrame:
        """The most probable class of each text, and how probable: columns label and probability."""
        logs = self.head.log_probabilities(self.encoder.encode(texts))
        best = logs.argmax(axis=1)
        labels = [self.classes[code] for code in best]
        return pd.DataFrame({"label": labels, "probability": np.exp(logs[np.arange(len(best)), best])})

    def write(self, folder: Path) -> None:
        """Write what `answer` needs."""
        write_encoder(self.encoder, folder / _EMBEDDING)
        table = {
            "class": pa.array(self.classes, pa.string()),
            "weights": matrix_column(self.head.weights.T),
            "intercept": pa.array(np.asarray(self.head.intercepts, dtype=np.float64)),
        }
        write_parquet(pa.table(table), folder / _PROBE)

    @classmethod
    def read(cls, folder: Path) -> TextClassifier:
        """The classifier of a folder."""
        table = read_parquet(folder / _PROBE, columns=("class", "weights", "intercept"), remedy=_REMEDY)
        weights = column_matrix(table["weights"]).T
        return cls(
            read_encoder(folder / _EMBEDDING), LinearHead(weights, table["intercept"].to_numpy()), table["class"].to_pylist()
        )


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

    def answer(self, texts: Sequence[str], k: int = 10) -> pd.DataFrame:
        """The ``k`` nearest passages of each text: columns query (its position), rank, passage_id and cosine."""
        queries = unit_length(encoded_as(self.encoder, texts, "query"))
        k = min(k, len(self.passage_ids))
        found = top_k(queries, self.passages, k)
        rows = np.repeat(np.arange(len(texts)), k)
        products = queries[rows] * self.passages[found.ravel()]
        cosines = np.asarray(products.sum(axis=1), dtype=np.float64).ravel()
        return pd.DataFrame(
            {
                "query": rows,
                "rank": np.tile(np.arange(1, k + 1), len(texts)),
                "passage_id": [self.passage_ids[place] for place in found.ravel().tolist()],
                "cosine": cosines,
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

    def answer(self, texts: Sequence[str]) -> pd.DataFrame:
        """The vector of each text: the column vector."""
        vectors = self.encoder.encode(texts)
        dense = vectors.toarray() if sp.issparse(vectors) else np.asarray(vectors)
        return pd.DataFrame({"vector": list(dense)})

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
