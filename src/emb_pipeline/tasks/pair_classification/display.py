"""Labeled pairs as a reader sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.pair_classification.task import PairClassificationTask
from emb_pipeline.tasks.shown_units import ShownUnits
from emb_pipeline.tasks.similarity.display import join_pair


def describe_labeled_pairs(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe pairs by both texts, each cut to its half, and by whether they are positive."""
    task = PairClassificationTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.pair_ids.tolist())}
    rows = [row_of[name] for name in units]
    texts = [join_pair(task.texts[int(task.first[row])], task.texts[int(task.second[row])]) for row in rows]
    answers = ["positive" if task.codes[row] else "negative" for row in rows]
    return ShownUnits(texts, answers, [(answer,) for answer in answers])
