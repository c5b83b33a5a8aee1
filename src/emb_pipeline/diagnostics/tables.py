"""The tables that a diagnosis of word vectors is kept in."""

from __future__ import annotations

import pyarrow as pa

CHECKS = pa.schema(
    [
        *((name, pa.string()) for name in ("embedding", "check", "item")),
        *((name, pa.float64()) for name in ("value", "ci_low", "ci_high", "p")),
        *((name, pa.int64()) for name in ("known", "total")),
    ]
)
NEIGHBOURS = pa.schema(
    [
        ("embedding", pa.string()),
        ("word", pa.string()),
        ("rank", pa.int64()),
        ("neighbour", pa.string()),
        ("cosine", pa.float64()),
        ("probe", pa.bool_()),
    ]
)
DIAGNOSIS = {"checks": CHECKS, "neighbours": NEIGHBOURS}
