"""The shape of what a bundle answers with, and what all of it has in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd

from emb_pipeline.embeddings.columns.table_encoder import TableEncoder, reads_columns
from emb_pipeline.embeddings.marked import MarkedEncoder
from emb_pipeline.embeddings.protocols import RoleEncoder, Setting, TextEncoder
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.words import WORDS_MARK

EMBEDDING = "embedding"
"""Folder of a bundle that holds the encoder, or what searches (`emb_pipeline.embeddings.export`)."""
REMEDY = "export it again: kedro run --pipelines deploy"
"""For files of a bundle that cannot be read."""
Encoder: TypeAlias = TextEncoder | RoleEncoder
Request: TypeAlias = Sequence[str] | str | pd.Series | pd.DataFrame
"""Texts; rows that are none are answered with an error."""


class Answering(Protocol):
    """An embedding with what the examples of a task add to it: it takes text and answers as the task asks.

    Attributes
    ----------
    answers : str
        The word for it in a bundle's manifest.
    """

    answers: ClassVar[str]

    @classmethod
    def fit(cls, task: Any, encoder: Any, options: Any, *, seed: int, setting: Setting | None = None) -> Self:
        """Fit on a task's examples.

        Parameters
        ----------
        task : Any
            The examples.
        encoder : TextEncoder, TaskEncoder or Searcher
            The chosen embedding.
        options : BaseModel
            The kind's evaluation options.
        seed : int
            Of whatever is drawn.
        setting : Setting, optional
            The choice of the evaluation, for what the embedding leaves open.
        """

    def answer(self, texts: Request) -> pd.DataFrame:
        """Answer each text with a row or more: at least ``known`` and ``error`` are columns."""

    def write(self, folder: Path) -> None:
        """Write what `answer` needs into a folder."""

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Read what was written."""


@runtime_checkable
class Scoring(Protocol):
    """An answer that has a best score: the higher it is, the rather the request can be answered."""

    def answer_scored(self, texts: Request) -> tuple[pd.DataFrame, np.ndarray]:
        """Answer, with the best score of the request that each row belongs to; ``-inf`` where nothing was found."""


def read_as(texts: Texts, encoder: TextEncoder) -> TextEncoder:
    """Make an encoder read requests as the task's texts are: cut into words as these, and with their columns."""
    is_cut = any(WORDS_MARK in text for text in texts)
    if texts.columns is not None and (texts.columns.replace_text or reads_columns(encoder)):
        return TableEncoder(encoder, texts.columns.names, texts.columns.replace_text, is_cut)
    return MarkedEncoder(encoder) if is_cut else encoder
