"""A chosen embedding, ready to use: a folder that takes text and answers, and needs nothing else of this project's data.

bundle.json       which task, which embedding, what it scored
embedding/        the encoder, the index of the passages to search, or vectors of users and items
                  (`emb_pipeline.embeddings.export`)
probe.parquet     one row per class: its name, weights, intercept and share (classification, multi_label)
passages.parquet  names of the passages to search                           (retrieval)
scored_units.parquet  what it scored on each test unit, for a gate that holds the next candidate against it
CARD.md           what a reader must know before using it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.embeddings.columns.table_encoder import TableEncoder
from emb_pipeline.errors import DataError
from emb_pipeline.storage.sealed_files import read_json, read_parquet, write_json, write_parquet
from emb_pipeline.tasks.export.answering import REMEDY, Answering, Request, Scoring
from emb_pipeline.tasks.export.table_requests import list_inputs
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.scored_units import SCORED_UNITS

MANIFEST, CARD, UNITS = "bundle.json", "CARD.md", "scored_units.parquet"


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model that answers, and the facts about it.

    Attributes
    ----------
    model : Answering
        What answers.
    facts : mapping
        Task, embedding, scores, versions: JSON values only.
    card : str
        The same for people, in Markdown.
    scored_units : Table of schema SCORED_UNITS, optional
        What it scored on each test unit.
    """

    model: Answering
    facts: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    scored_units: pa.Table | None = None

    @property
    def inputs(self) -> dict[str, str]:
        """The columns of a request, each with its type, ``string`` or ``double``: a text, unless the model reads others."""
        return self._table_inputs or {getattr(self.model, "asked", "text"): "string"}

    def answer(self, texts: Request) -> pd.DataFrame:
        """Answer as the model does; where the bundle has a cut-off, with a column ``answered``.

        It is false where the best score is not above the cut-off: the request should be refused. At most the level of the
        cut-off of unanswerable requests are answered.
        """
        threshold = self.facts.get("cutoff", {}).get("threshold")
        if threshold is None or not isinstance(self.model, Scoring):
            return self.model.answer(texts)
        answers, best = self.model.answer_scored(texts)
        return answers.assign(answered=best > threshold)

    def warm_up(self) -> None:
        """Answer an empty request: kernels are compiled, and models read, before the first one comes."""
        self.model.answer(pd.DataFrame([dict.fromkeys(self._table_inputs, "")]) if self._table_inputs else [""])

    @property
    def _table_inputs(self) -> dict[str, str]:
        encoder = getattr(self.model, "encoder", None)
        return list_inputs(encoder) if isinstance(encoder, TableEncoder) else {}

    def write(self, folder: Path) -> None:
        """Write a new folder; ``bundle.json`` comes last and makes it valid."""
        folder.mkdir(parents=True)
        self.model.write(folder)
        (folder / CARD).write_text(self.card, encoding="utf-8")
        if self.scored_units is not None:
            write_parquet(self.scored_units, folder / UNITS)
        write_json({"answers": self.model.answers, **self.facts}, folder / MANIFEST)

    @classmethod
    def read(cls, folder: Path) -> Bundle:
        """The bundle of a folder.

        Raises
        ------
        DataError
            No bundle was ever finished there.
        """
        facts = read_json(folder / MANIFEST, REMEDY)
        answers = facts.pop("answers", None)
        readable = {exported.answers: exported for exported in (kind.load_export() for kind in KINDS.values())}
        if answers not in readable:
            raise DataError(str(folder / MANIFEST), f"names no known answers: {answers!r}", REMEDY)
        try:
            model = readable[answers].from_folder(folder)
            card = (folder / CARD).read_text(encoding="utf-8")
        except (KeyError, OSError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(str(folder), f"its files do not belong together ({error})", REMEDY) from error
        return cls(model, facts, card, read_scored_units(folder))


def read_scored_units(folder: Path) -> pa.Table | None:
    """Read what a bundle scored on each test unit; None of one that an earlier version made, without them.

    Raises
    ------
    DataError
        The file is damaged.
    """
    path = folder / UNITS
    return read_parquet(path, columns=SCORED_UNITS.names, remedy=REMEDY) if path.is_file() else None
