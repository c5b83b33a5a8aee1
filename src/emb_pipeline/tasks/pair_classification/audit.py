"""The audit of labeled pairs."""

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
from emb_pipeline.tasks.audit.text_checks import add_parts

CHECKS = (
    Check("examples.*", "size"),
    Check("positive_pairs", "size"),
    Check("pairs_in_both_parts", "fault"),
    Check("texts_in_both_parts", "warning"),
    Check("label_conflicts", "fault"),
    *PAIR_CHECKS,
)


def audit_pair_classification(pairs: pa.Table) -> pa.Table:
    """Audit labeled pairs.

    Parameters
    ----------
    pairs : pa.Table
        pair_id, text_a, text_b, is_positive, split, and perhaps group.

    Returns
    -------
    pa.Table
        Lines ``examples.<split>``, ``positive_pairs``, ``pairs_in_both_parts`` and ``texts_in_both_parts`` (of an official
        split), ``label_conflicts``, and those of `emb_pipeline.tasks.audit.pair_checks`.
    """
    ids, splits, positive = (pairs[name].to_pylist() for name in ("pair_id", "split", "is_positive"))
    sides, keys = build_pair_keys(pairs)
    lines, n = AuditLines(CHECKS), len(ids)
    add_parts(lines, splits)
    tested = [split == "test" or not any(splits) for split in splits]
    rows = [i for i in range(n) if tested[i]]
    n_positive = sum(positive[i] for i in rows)
    note = "tested pairs that are positive: the average precision of guessing, and the accuracy of calling all so"
    lines.add("positive_pairs", n_positive, len(rows), note)
    if any(splits):
        trained = {keys[i] for i in range(n) if not tested[i]}
        both = [ids[i] for i in rows if keys[i] in trained]
        lines.add("pairs_in_both_parts", len(both), len(rows), "test pairs that are in the training part too", both)
        known = {side[i] for side in sides for i in range(n) if not tested[i]}
        shared = [ids[i] for i in rows if sides[0][i] in known or sides[1][i] in known]
        note = "test pairs of which a text is in the training part too: 'probe: features' has learned from it"
        lines.add("texts_in_both_parts", len(shared), len(rows), note, shared)
    add_pair_units(lines, pairs, sides, keys, tested)
    add_pair_copies(lines, pairs, sides, keys)
    add_conflicts(lines, "label_conflicts", pairs, keys, positive, "distinct pairs that have both labels")
    add_empty_texts(lines, pairs, sides)
    return lines.table()
