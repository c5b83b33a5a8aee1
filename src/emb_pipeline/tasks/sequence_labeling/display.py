"""Sentences as a reader sees them, with the entities that are marked in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask
from emb_pipeline.tasks.shown_units import ShownUnits
from emb_pipeline.text.tagging import OUTSIDE


def describe_sentences(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe test sentences by their entities: ``PER: Marie Curie; LOC: Paris``."""
    task = SequenceLabelingTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.example_ids.tolist())}
    rows = [row_of[name] for name in units]
    entities = [_list_entities(task.sentences[row], task.tags[row]) for row in rows]
    return ShownUnits(
        [" ".join(task.sentences[row]) for row in rows],
        ["; ".join(f"{kind}: {' '.join(words)}" for kind, words in found) or "none" for found in entities],
        [sorted({kind for kind, _ in found}) for found in entities],
    )


def _list_entities(tokens: Sequence[str], tags: Sequence[str]) -> list[tuple[str, list[str]]]:
    """List type and words of each entity of a sentence in IOB2."""
    found: list[tuple[str, list[str]]] = []
    for token, tag in zip(tokens, tags, strict=True):
        if tag[:2] == "B-":
            found.append((tag[2:], [token]))
        elif tag != OUTSIDE:
            found[-1][1].append(token)
    return found
