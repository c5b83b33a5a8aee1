"""Scores of single test units together with what each unit is: what a later test set is matched with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.tasks.kind import Kind

SCORED_UNITS = pa.schema(
    [
        ("task", pa.string()),
        ("embedding", pa.string()),
        ("seed", pa.int64()),
        ("unit_id", pa.string()),
        ("group_id", pa.string()),
        ("content", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
    ]
)
"""One row per embedding, seed, unit and metric. ``embedding``: the family, whose seeds are further rows. ``content``: the
fingerprint of the unit's text and of its right answer."""
_CODES = ("label", "prediction")
_DIGITS = 20


def build_scored_units(
    item_scores: pa.Table,
    kind: Kind,
    tables: Mapping[str, pa.Table],
    embeddings: Iterable[str],
    metrics: Sequence[str] = (),
    *,
    at_most: int | None = None,
) -> pa.Table:
    """Build the table of the scored units of some embeddings on one task.

    Parameters
    ----------
    item_scores : Table of schema ITEM_SCORES
        Of the task, of embeddings that learned from all labels or fewer; those from all labels count.
    kind : Kind
        Of the task.
    tables : mapping of str to Table
        The task's examples.
    embeddings : iterable of str
        Families of embeddings.
    metrics : sequence of str
        Metrics to keep; by default all.
    at_most : int, optional
        How many embeddings to keep, those of the highest means of the first of the metrics.

    Returns
    -------
    Table of schema SCORED_UNITS
    """
    is_in = pc.and_(
        pc.equal(pc.fill_null(item_scores["label_fraction"], 1.0), 1.0),
        pc.is_in(item_scores["family"].cast(pa.string()), value_set=pa.array(list(embeddings), pa.string())),
    )
    frame = item_scores.filter(is_in).to_pandas()
    frame = frame[frame["metric"].isin(metrics)] if metrics else frame[~frame["metric"].isin(_CODES)]
    if at_most is not None:
        means = frame[frame["metric"] == metrics[0]].groupby("family", observed=True)["value"].mean()
        frame = frame[frame["family"].isin(means.nlargest(at_most).index)]
    units = frame["unit_id"].astype(str).drop_duplicates().tolist()
    content = dict(zip(units, fingerprint_units(kind, tables, units), strict=True))
    made = pd.DataFrame(
        {
            "task": frame["task"].astype(str),
            "embedding": frame["family"].astype(str),
            "seed": frame["seed"],
            "unit_id": frame["unit_id"].astype(str),
            "group_id": frame["group_id"].astype(str),
            "content": frame["unit_id"].astype(str).map(content),
            "metric": frame["metric"].astype(str),
            "value": frame["value"],
        }
    )
    return pa.Table.from_pandas(made, schema=SCORED_UNITS, preserve_index=False)


def select_task(item_scores: pa.Table, task: str) -> pa.Table:
    """Select the item scores of one task."""
    return item_scores.filter(pc.equal(item_scores["task"].cast(pa.string()), task))


def fingerprint_units(kind: Kind, tables: Mapping[str, pa.Table], units: Sequence[str]) -> list[str]:
    """Make a fingerprint of what each unit is: its text and its right answer.

    A kind that cannot show its units, such as recommendation, has their names alone.
    """
    shown = kind.describe_units(tables, units)
    if shown is None:
        return [f"name:{unit}" for unit in units]
    return [_hash(text, answer) for text, answer in zip(shown.texts, shown.answers, strict=True)]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGITS]
