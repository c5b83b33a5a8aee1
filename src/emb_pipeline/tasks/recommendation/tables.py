"""The tables that a look at vectors of users and items is kept in."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.diagnostics.tables import PLACES

ATTRIBUTE_PROBES = pa.schema(
    [
        *((name, pa.string()) for name in ("task", "embedding", "origin", "side", "attribute")),
        *((name, pa.int64()) for name in ("n_units", "n_values", "dim")),
        *((name, pa.float64()) for name in ("auroc", "ci_low", "ci_high", "shuffled", "balanced_accuracy")),
        *((name, pa.float64()) for name in ("difference", "difference_low", "difference_high")),
    ]
)
"""``embedding`` is the baseline's name where ``origin`` is null; differences are to the number of interactions."""
NEAREST_ITEMS = pa.schema(
    [
        *((name, pa.string()) for name in ("task", "embedding", "origin", "item")),
        ("rank", pa.int64()),
        ("neighbor", pa.string()),
        ("cosine", pa.float64()),
    ]
)
ITEM_MAP = pa.schema([("task", pa.string()), *PLACES])
SHOWN_TABLES = {"attribute_probes": ATTRIBUTE_PROBES, "nearest_items": NEAREST_ITEMS, "item_map": ITEM_MAP}
"""Tables that the report shows; those of vectors are named ``<embedding>.users`` and ``<embedding>.items``."""
