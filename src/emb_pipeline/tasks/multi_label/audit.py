"""The audit of texts with any number of labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.audit.checks import VARIANT_CHECKS, add_variants, build_keys
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.text_checks import (
    TEXT_CHECKS,
    add_copies,
    add_parts,
    add_units,
    add_validation,
    require_parts,
)
from emb_pipeline.text.texts import TokenIds

FEW_EXAMPLES = 10
"""Training texts of a label below which it is called rare."""
CHECKS = (
    Check("examples.*", "size"),
    Check("labels", "size"),
    Check("labels_given", "size"),
    Check("without_label", "size"),
    Check("label.*", "size"),
    Check("rare_labels", "warning"),
    Check("labels_only_in_test", "fault"),
    Check("labels_only_in_training", "warning"),
    Check("label_conflicts", "fault"),
    Check("ceiling", "ceiling"),
    *VARIANT_CHECKS,
    *TEXT_CHECKS,
)


def audit_multi_label(examples: pa.Table, seen: pa.Table | None = None) -> pa.Table:
    """Audit texts with labels.

    Parameters
    ----------
    examples : pa.Table
        example_id, text, labels, split, and perhaps group and near_group (`emb_pipeline.text.seen`).
    seen : pa.Table, optional
        The test texts that were seen in training, where they were looked for already.

    Returns
    -------
    pa.Table
        Lines ``examples.<split>``, ``labels``, ``labels_given`` (per text), ``without_label``, ``label.<name>``,
        ``rare_labels``, ``labels_only_in_test``, ``labels_only_in_training``, ``label_variants``, ``validation_trains``
        (where there is such a part), ``groups`` and ``group_leakage`` (where there are groups), those of
        `emb_pipeline.tasks.audit.text_checks`, ``label_conflicts`` and ``ceiling``.

    Notes
    -----
    The ceiling is the highest micro-F1 that any model of texts can reach on the test part (on everything, where there is
    no split): equal texts get the same labels.
    """
    ids, texts, splits = (examples[name].to_pylist() for name in ("example_id", "text", "split"))
    label_sets = [tuple(sorted(labels)) for labels in examples["labels"].to_pylist()]
    keys = build_keys(examples)
    lines = AuditLines(CHECKS)
    _add_sizes(lines, label_sets, splits)
    add_units(lines, examples, keys)
    add_copies(lines, examples, keys, TokenIds.of(texts), seen)
    _add_conflicts(lines, ids, keys, label_sets, splits)
    return lines.table()


def require_evaluable(examples: pa.Table, place: str) -> None:
    """Refuse a task that cannot be evaluated, before anything is trained.

    Raises
    ------
    DataError
        Fewer than two labels (in the training part, where there is one), no label in the test part, or as for
        `emb_pipeline.tasks.audit.text_checks.require_parts`.
    """
    require_parts(examples, place)
    label_sets, splits = examples["labels"].to_pylist(), examples["split"].to_pylist()
    pairs = list(zip(label_sets, splits, strict=True))
    learned = {label for labels, split in pairs if split != "test" for label in labels}
    if len(learned) < 2:
        raise DataError(
            place,
            f"the labels to learn are {sorted(learned)}",
            "a multi-label task needs two; check the label column and 'separator'",
        )
    tested = {label for labels, split in pairs if split == "test" for label in labels}
    if "test" in splits and not tested:
        raise DataError(place, "no test text has a label", "check the label column of the test part")


def _add_sizes(lines: AuditLines, label_sets: Sequence[Sequence[str]], splits: Sequence[str | None]) -> None:
    n = len(label_sets)
    add_parts(lines, splits)
    sizes = Counter(label for labels in label_sets for label in labels)
    lines.add("labels", len(sizes), len(sizes), "labels")
    per_text = Counter(map(len, label_sets))
    spread = ", ".join(f"{count} labels: {size:,}" for count, size in sorted(per_text.items())[:6])
    lines.add("labels_given", sizes.total(), n, f"labels of all texts, {sizes.total() / n:.2f} a text ({spread})")
    lines.add("without_label", per_text[0], n, "texts without any label: they are to be given none")
    in_split = Counter((label, split) for labels, split in zip(label_sets, splits, strict=True) for label in labels)
    for label, size in sorted(sizes.items()):
        found = ((where or "unsplit", count) for (name, where), count in sorted(in_split.items(), key=str) if name == label)
        lines.add(f"label.{label}", size, n, ", ".join(f"{where} {count:,}" for where, count in found))
    trained, tested = Counter[str](), Counter[str]()
    for (label, split), count in in_split.items():
        (tested if split == "test" else trained)[label] += count
    rare = sorted((label for label, count in trained.items() if count < FEW_EXAMPLES), key=lambda label: trained[label])
    lines.add("rare_labels", len(rare), len(sizes), f"labels that fewer than {FEW_EXAMPLES} training texts have", rare)
    if "test" in splits:
        for name, there, elsewhere, what in (
            ("labels_only_in_test", tested, trained, "labels of test texts that no training text has: none can be found"),
            ("labels_only_in_training", trained, tested, "labels that no test text has: they only cost if they are given"),
        ):
            only = sorted(set(there) - set(elsewhere))
            lines.add(name, len(only), len(there), what, only)
    add_variants(lines, dict(sizes), "labels")
    add_validation(lines, splits)


def _add_conflicts(
    lines: AuditLines,
    ids: Sequence[str],
    keys: Sequence[str],
    label_sets: Sequence[tuple[str, ...]],
    splits: Sequence[str | None],
) -> None:
    sets_of: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for key, labels in zip(keys, label_sets, strict=True):
        sets_of[key].add(labels)
    conflicts = {key for key, found in sets_of.items() if len(found) > 1}
    lines.add(
        "label_conflicts",
        len(conflicts),
        len(sets_of),
        "distinct texts that have other labels in another place",
        (each for each, key in zip(ids, keys, strict=True) if key in conflicts),
    )
    judged = [row for row, split in enumerate(splits) if split == "test"]
    rows = judged or list(range(len(ids)))
    hits, found = _find_best_answers(keys, label_sets, rows)
    given = sum(len(label_sets[row]) for row in rows)
    lines.add(
        "ceiling",
        2 * hits,
        given + found,
        f"best micro-F1 possible on the {'test part' if judged else 'whole'}, given its label conflicts",
    )


def _find_best_answers(keys: Sequence[str], label_sets: Sequence[tuple[str, ...]], rows: Sequence[int]) -> tuple[int, int]:
    """Count hits and labels given by the best answers: those labels that enough of the equal texts have.

    To give one more label of ``n`` equal texts, ``k`` of which have it, raises F1 where ``2 k / n`` is above F1: the share
    is looked for that agrees with the F1 that it leads to (Dinkelbach's iteration).
    """
    n_of, have = Counter(keys[row] for row in rows), Counter((keys[row], label) for row in rows for label in label_sets[row])
    total, f1 = have.total(), 1.0
    while True:
        given = [(count, n_of[key]) for (key, _), count in have.items() if 2 * count >= f1 * n_of[key]]
        hits, found = sum(count for count, _ in given), sum(size for _, size in given)
        better = 2 * hits / (total + found) if total + found else 1.0
        if abs(better - f1) < 1e-12:
            return hits, found
        f1 = better
