"""An exported embedding, or retriever of several stages, that finds the best passages for a text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import MeasuredIndex, ScoredIndex, Searcher, Setting, TaskEncoder, TextEncoder
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits
from emb_pipeline.embeddings.retrieval.stages import open_with, require_scored
from emb_pipeline.embeddings.retrieval.vector_searcher import make_searcher
from emb_pipeline.storage.sealed_files import read_json, read_parquet, write_json, write_parquet
from emb_pipeline.tasks.export.answering import EMBEDDING, REMEDY, Request
from emb_pipeline.tasks.export.requests import Rows
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.words import WORDS_MARK, mark_words

_PASSAGES, _REQUESTS = "passages.parquet", "requests.json"


@dataclass(frozen=True, eq=False)
class TextSearch:
    """A search: the passages in an index, of which the best are found for a text.

    Attributes
    ----------
    index : ScoredIndex
        Vectors of the passages, their words, or several such indexes one after the other.
    passage_ids : list of str
        Names of the passages.
    takes_words : bool
        Whether texts are cut into words where they have white space, as the passages were. A text may be a list of words.
    """

    answers: ClassVar[str] = "search"
    index: ScoredIndex
    passage_ids: list[str]
    takes_words: bool = False

    @classmethod
    def fit(
        cls,
        task: RetrievalTask,
        encoder: TextEncoder | TaskEncoder | Searcher,
        options: Any,
        *,
        seed: int,
        setting: Setting | None = None,
    ) -> TextSearch:
        """Index the passages; an embedding of the task's own is fitted on them."""
        with threadpool_limits(1):
            index = open_with(make_searcher(encoder).index(task.passages), setting or {})
        takes_words = any(WORDS_MARK in text for text in task.passages)
        return cls(require_scored(index, task.name), task.passage_ids.tolist(), takes_words)

    def answer(self, texts: Request, k: int = 10) -> pd.DataFrame:
        """Find the ``k`` best passages of each text.

        Parameters
        ----------
        texts : sequence of str, str or DataFrame
            See `Rows.of`: a string is one text.
        k : int
            Passages for each.

        Returns
        -------
        DataFrame of query, rank, passage_id, score, known and error
            ``query`` is the position of the text. The score of one embedding's vectors is named as their measure is: cosine,
            dot, euclidean (negative distance). Other searches have a ``score`` on a scale of their own; it is NaN for a
            passage that only fills the list up: nothing was found in it, or it is below what is reranked. Of a text that
            nothing is known of, and of a row that is no text, there is one line: rank 0 and no passage, ``known`` false, and
            the ``error``.
        """
        asked = Rows.of(texts, self)
        queries = [mark_words(text) for text in asked.texts] if self.takes_words else list(asked.texts)
        hits = self.find_hits(queries, k)
        known = np.asarray((hits.scores > NOTHING).any(axis=1))
        silent = sorted(set(range(len(asked.errors))) - set(asked.places[known].tolist()))
        rows, ranks = np.nonzero((hits.passages >= 0) & known[:, None])
        scores = hits.scores[rows, ranks]
        found = pd.DataFrame(
            {
                "query": np.concatenate([asked.places[rows], silent]).astype(np.int64),
                "rank": np.concatenate([ranks + 1, np.zeros(len(silent))]).astype(np.int64),
                "passage_id": pd.Series(
                    [self.passage_ids[place] for place in hits.passages[rows, ranks].tolist()] + [None] * len(silent),
                    dtype=object,
                ),
                self.measure: np.concatenate([np.where(scores > NOTHING, scores, np.nan), np.full(len(silent), np.nan)]),
                "known": np.arange(len(rows) + len(silent)) < len(rows),
                "error": pd.Series([None] * len(rows) + [asked.errors[place] for place in silent], dtype=object),
            }
        )
        return found.sort_values(["query", "rank"], kind="stable", ignore_index=True)

    def answer_scored(self, texts: Request) -> tuple[pd.DataFrame, np.ndarray]:
        """Answer as `answer` does, with the score of the text's first passage; ``-inf`` where nothing was found."""
        answers = self.answer(texts)
        scores = answers[self.measure].to_numpy(np.float64)
        first = pd.Series(np.where(answers["rank"].to_numpy() <= 1, scores, np.nan)).groupby(answers["query"].to_numpy())
        best = first.transform("first").to_numpy(np.float64)
        return answers, np.where(np.isnan(best), NOTHING, best)

    def find_hits(self, queries: list[str], k: int) -> Hits:
        """Find the best passages of each query, with the scores that `answer` gives."""
        if not queries:
            return Hits(np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0)))
        if isinstance(self.index, MeasuredIndex):
            return self.index.search_measured(queries, k)
        return self.index.search_scored(queries, k)

    @property
    def measure(self) -> str:
        """Name of the score's column."""
        return self.index.measure if isinstance(self.index, MeasuredIndex) else "score"

    def write(self, folder: Path) -> None:
        """Write what `answer` needs."""
        write_embedding(self.index, folder / EMBEDDING)
        write_parquet(pa.table({"passage_id": pa.array(self.passage_ids, pa.string())}), folder / _PASSAGES)
        write_json({"takes_words": self.takes_words}, folder / _REQUESTS)

    @classmethod
    def from_folder(cls, folder: Path) -> TextSearch:
        """Read the search of a folder."""
        table = read_parquet(folder / _PASSAGES, columns=("passage_id",), remedy=REMEDY)
        takes_words = read_json(folder / _REQUESTS, REMEDY)["takes_words"]
        return cls(read_embedding(folder / EMBEDDING), table["passage_id"].to_pylist(), takes_words)
