"""The audit of texts with a number."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.audit.checks import build_keys
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.text_checks import TEXT_CHECKS, add_copies, add_parts, add_units, add_validation
from emb_pipeline.text.texts import TokenIds

CHECKS = (
    Check("examples.*", "size"),
    Check("distinct_targets", "size"),
    Check("most_frequent_target", "size"),
    Check("targets_out_of_range", "warning"),
    Check("target_conflicts", "warning"),
    *TEXT_CHECKS,
)


def audit_regression(examples: pa.Table, seen: pa.Table | None = None) -> pa.Table:
    """Audit texts with a number.

    Parameters
    ----------
    examples : pa.Table
        example_id, text, target, split, and perhaps group and near_group (`emb_pipeline.text.seen`).
    seen : pa.Table, optional
        The test texts that were seen in training, where they were looked for already.

    Returns
    -------
    pa.Table
        Lines ``examples.<split>``, ``distinct_targets``, ``most_frequent_target``, ``targets_out_of_range`` (where there is
        a test part), ``target_conflicts``, and those of `emb_pipeline.tasks.audit.text_checks`.
    """
    ids, texts, splits = (examples[name].to_pylist() for name in ("example_id", "text", "split"))
    targets, n = examples["target"].to_numpy(), len(ids)
    lines, keys = AuditLines(CHECKS), build_keys(examples)
    add_parts(lines, splits)
    note = f"numbers from {targets.min():g} to {targets.max():g}, mean {targets.mean():.4g}, deviation {targets.std():.4g}"
    lines.add("distinct_targets", len(np.unique(targets)), n, note)
    value, most = Counter(targets.tolist()).most_common(1)[0]
    lines.add("most_frequent_target", most, n, f"{value:g}: texts with equal numbers have the same rank")
    is_tested = np.array([split == "test" for split in splits])
    if is_tested.any():
        learned = targets[~is_tested]
        out = np.flatnonzero(is_tested & ((targets < learned.min()) | (targets > learned.max())))
        note = f"test texts with a number outside of the training part's, {learned.min():g} to {learned.max():g}"
        lines.add("targets_out_of_range", len(out), int(is_tested.sum()), note, (ids[i] for i in out))
    add_validation(lines, splits)
    add_units(lines, examples, keys)
    add_copies(lines, examples, keys, TokenIds.of(texts), seen)
    targets_of: dict[str, set[float]] = defaultdict(set)
    for key, target in zip(keys, targets.tolist(), strict=True):
        targets_of[key].add(target)
    conflicts = {key for key, found in targets_of.items() if len(found) > 1}
    note = "distinct texts that have more than one number"
    lines.add("target_conflicts", len(conflicts), len(targets_of), note, (ids[i] for i in range(n) if keys[i] in conflicts))
    return lines.table()
