"""Sentences as a reader sees them, with the tags of their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.shown_units import ShownUnits
from emb_pipeline.tasks.token_classification.task import TokenClassificationTask


def describe_tagged_words(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe test sentences by the tags of their words: ``she/PRON runs/VERB``."""
    task = TokenClassificationTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.example_ids.tolist())}
    rows = [row_of[name] for name in units]
    return ShownUnits(
        [" ".join(task.sentences[row]) for row in rows],
        [" ".join(f"{word}/{tag}" for word, tag in zip(task.sentences[row], task.tags[row], strict=True)) for row in rows],
        [[_name_length(len(task.sentences[row]))] for row in rows],
    )


def _name_length(n_words: int) -> str:
    """Name the group of a sentence by its words: tags would put almost all sentences into almost all groups."""
    return "up to 10 words" if n_words <= 10 else "11 to 25 words" if n_words <= 25 else "over 25 words"
