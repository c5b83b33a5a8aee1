"""Labeled texts of tasks of MTEB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.labeled_texts import LabeledText
from emb_pipeline.readers.mteb.source import MtebSource
from emb_pipeline.readers.mteb.stored import store_task
from emb_pipeline.readers.tables import texts


def read_labeled_texts(source: MtebSource, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledText]:
    """Stream the labeled texts; a task that has a training part has its split, and folds are drawn of another."""
    folder = store_task(source, raw, project)
    if folder is None:
        return
    if source.splits is None and (folder / "train.parquet").exists():
        source = source.model_copy(update={"splits": {"train": "train", "test": "test"}})
    yield from texts.read_labeled_texts(source, raw, project, bad)
