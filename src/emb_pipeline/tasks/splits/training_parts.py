"""Comparison of what two tasks learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa

from emb_pipeline.text.seen import NEAR_GROUP
from emb_pipeline.text.texts import TOKEN_IDS

_NOT_COMPARED = ("example_id", "query_id", "split", "group", NEAR_GROUP)


def have_same_training_part(first: Mapping[str, pa.Table], second: Mapping[str, pa.Table]) -> bool:
    """Tell whether two tasks with a split have the same training examples, whatever these are called."""
    one, other = _count_training_examples(first), _count_training_examples(second)
    return bool(one) and one == other


def _count_training_examples(tables: Mapping[str, pa.Table]) -> Counter[str]:
    found: Counter[str] = Counter()
    for table in tables.values():
        if "split" in table.column_names:
            compared = [name for name in table.column_names if name not in _NOT_COMPARED and not name.endswith(TOKEN_IDS)]
            rows = zip(table["split"].to_pylist(), table.select(compared).to_pylist(), strict=True)
            found.update(repr(row) for split, row in rows if split not in (None, "test"))
    return found
