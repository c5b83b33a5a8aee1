"""The audit of texts with a number."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.audit.checks import build_keys, find_repeated
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.text_checks import TEXT_CHECKS, add_copies, add_parts, add_units, add_validation
from emb_pipeline.tasks.classification.columns_audit import COLUMN_CHECKS, add_columns
from emb_pipeline.tasks.regression.task import find_strata
from emb_pipeline.text.columns import find_columns
from emb_pipeline.text.texts import TokenIds

CHECKS = (
    Check("examples.*", "size"),
    Check("distinct_targets", "size"),
    Check("most_frequent_target", "size"),
    Check("targets_out_of_range", "warning"),
    Check("target_conflicts", "warning"),
    Check("equal_rows", "size"),
    *COLUMN_CHECKS,
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
        a test part), ``target_conflicts``, and those of `emb_pipeline.tasks.audit.text_checks`. Where the examples have
        columns, those of `emb_pipeline.tasks.classification.columns_audit`, for strata of the numbers; where they have no
        text besides, ``equal_rows`` in place of what is counted of texts.
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
    columns = find_columns(examples)
    is_table = columns is not None and columns.replace_text
    add_units(lines, examples, ids if is_table else keys)
    if columns is not None:
        add_columns(lines, columns, [str(code) for code in find_strata(targets).tolist()], ids, is_tested)
    if is_table:
        equal = find_repeated(texts)
        note = "rows that have the values of an earlier one: they stay units of their own"
        lines.add("equal_rows", len(equal), n, note, (ids[i] for i in equal))
        return lines.table()
    add_copies(lines, examples, keys, TokenIds.of(texts), seen)
    targets_of: dict[str, set[float]] = defaultdict(set)
    for key, target in zip(keys, targets.tolist(), strict=True):
        targets_of[key].add(target)
    conflicts = {key for key, found in targets_of.items() if len(found) > 1}
    note = "distinct texts that have more than one number"
    lines.add("target_conflicts", len(conflicts), len(targets_of), note, (ids[i] for i in range(n) if keys[i] in conflicts))
    return lines.table()
