"""The tables that a diagnosis of word vectors is kept in."""

from __future__ import annotations

import pyarrow as pa

PIP_LOSS = "PIP loss"
"""The check of word vectors that holds an embedding against the largest size of the same; its item names that one."""
CHECKS = pa.schema(
    [
        *((name, pa.string()) for name in ("embedding", "origin", "check", "item")),
        *((name, pa.float64()) for name in ("value", "ci_low", "ci_high", "p")),
        *((name, pa.int64()) for name in ("known", "total")),
    ]
)
NEIGHBORS = pa.schema(
    [
        *((name, pa.string()) for name in ("embedding", "origin", "key", "word")),
        ("rank", pa.int64()),
        ("neighbor", pa.string()),
        ("cosine", pa.float64()),
        ("probe", pa.bool_()),
    ]
)
WORD_MAP = pa.schema(
    [
        *((name, pa.string()) for name in ("embedding", "origin", "word")),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("kept", pa.float64()),
        ("probe", pa.bool_()),
        ("near", pa.string()),
        ("rank", pa.int64()),
        ("nearest", pa.list_(pa.string())),
        ("distances", pa.list_(pa.float64())),
    ]
)
PLACES = pa.schema(
    [
        *(WORD_MAP.field(name) for name in ("embedding", "origin", "word", "x", "y", "kept", "probe", "near", "rank")),
        ("nearest", pa.string()),
        ("neighbors", pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float64()))])),
    ]
)
"""The maps of several embeddings together."""
DIAGNOSIS = {"checks": CHECKS, "neighbors": NEIGHBORS, "word_map": WORD_MAP}
