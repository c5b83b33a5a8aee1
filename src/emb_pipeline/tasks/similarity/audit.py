"""The audit of scored pairs."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.pair_checks import (
    PAIR_CHECKS,
    add_conflicts,
    add_empty_texts,
    add_pair_copies,
    add_pair_units,
    build_pair_keys,
)

CHECKS = (
    Check("pairs", "size"),
    Check("score_conflicts", "fault"),
    *PAIR_CHECKS,
)


def audit_similarity(pairs: pa.Table) -> pa.Table:
    """Audit scored pairs.

    Parameters
    ----------
    pairs : pa.Table
        pair_id, text_a, text_b, score.

    Returns
    -------
    pa.Table
        Lines ``pairs``, ``distinct_texts``, ``groups`` (where there are groups) or ``shared_texts``, ``few_test_units``
        (where there are), ``equal_texts``, ``duplicate_pairs``, ``near_duplicate_pairs``, ``score_conflicts`` and
        ``empty_texts``.
    """
    scores, n = pairs["score"].to_pylist(), pairs.num_rows
    sides, keys = build_pair_keys(pairs)
    lines = AuditLines(CHECKS)
    lines.add("pairs", n, n, f"scored from {min(scores):g} to {max(scores):g}")
    add_pair_units(lines, pairs, sides, keys, [True] * n)
    add_pair_copies(lines, pairs, sides, keys)
    add_conflicts(lines, "score_conflicts", pairs, keys, scores, "distinct pairs that bear more than one score")
    add_empty_texts(lines, pairs, sides)
    return lines.table()
