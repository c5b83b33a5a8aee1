"""The audit of labelled texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import islice

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.audit.checks import VARIANT_CHECKS, add_variants, build_keys, find_repeated
from emb_pipeline.tasks.audit.lines import LOOK_AT, AuditLines, Check
from emb_pipeline.tasks.audit.text_checks import (
    TEXT_CHECKS,
    add_copies,
    add_parts,
    add_units,
    add_validation,
    require_parts,
)
from emb_pipeline.tasks.classification.columns_audit import COLUMN_CHECKS, add_columns
from emb_pipeline.tasks.classification.give_aways import GiveAways, find_give_aways
from emb_pipeline.text.columns import find_columns
from emb_pipeline.text.texts import TokenIds

CHECKS = (
    Check("examples.*", "size"),
    Check("classes", "size"),
    Check("largest_class", "size"),
    Check("smallest_class", "size"),
    Check("class.*", "size"),
    Check("classes_only_in_test", "fault"),
    Check("label_in_text", "fault"),
    Check("give_away_words", "warning"),
    Check("label_conflicts", "fault"),
    Check("ceiling", "ceiling"),
    Check("equal_rows", "size"),
    *COLUMN_CHECKS,
    *VARIANT_CHECKS,
    *TEXT_CHECKS,
)


def audit_classification(examples: pa.Table, seen: pa.Table | None = None) -> pa.Table:
    """Audit labelled texts.

    Parameters
    ----------
    examples : pa.Table
        example_id, text, label, split, and perhaps group and near_group (`emb_pipeline.text.seen`).
    seen : pa.Table, optional
        The test texts that were seen in training, where they were looked for already.

    Returns
    -------
    pa.Table
        Lines ``examples.<split>``, ``classes``, ``largest_class``, ``smallest_class``, ``class.<label>``,
        ``classes_only_in_test``, ``label_variants``, ``validation_trains`` (where there is such a part), ``groups`` and
        ``group_leakage`` (where there are groups), ``empty_after_tokenising``,
        ``exact_duplicates``, ``token_duplicates``, ``near_duplicates``, ``near_duplicates_apart`` (where folds are drawn),
        ``leakage``, ``near_leakage``, ``label_in_text``, ``give_away_words``, ``label_conflicts`` and ``ceiling``.
        Where the examples have columns, those of `emb_pipeline.tasks.classification.columns_audit`; where they have no text
        besides, of the lines from ``empty_after_tokenising`` on only ``ceiling``, and ``equal_rows``.

    Notes
    -----
    The ceiling is the best accuracy that any classifier of texts can reach on the test part (on everything, where there is
    no split): each distinct text gets the label that it has most often there. What near-duplicates are, and how they are
    found, is in `emb_pipeline.text.near_duplicates`; the validation part counts as training, for it is trained on.
    """
    ids, texts, labels, splits = (examples[name].to_pylist() for name in ("example_id", "text", "label", "split"))
    keys, n = build_keys(examples), len(ids)
    lines = AuditLines(CHECKS)
    _add_sizes(lines, labels, splits)
    columns = find_columns(examples)
    is_table = columns is not None and columns.replace_text
    add_units(lines, examples, ids if is_table else keys)
    if columns is not None:
        add_columns(lines, columns, labels, ids, np.array([split == "test" for split in splits], dtype=bool))
    if is_table:
        _add_equal_rows(lines, ids, texts, labels, splits)
        return lines.table()

    tokens = TokenIds.of(texts)
    add_copies(lines, examples, keys, tokens, seen)
    _add_give_aways(lines, find_give_aways(tokens, labels), ids)

    labels_of: dict[str, Counter[str]] = defaultdict(Counter)
    for key, label in zip(keys, labels, strict=True):
        labels_of[key][label] += 1
    conflicts = {key for key, counts in labels_of.items() if len(counts) > 1}
    lines.add(
        "label_conflicts",
        len(conflicts),
        len(labels_of),
        "distinct texts that bear more than one label",
        (ids[i] for i in range(n) if keys[i] in conflicts),
    )
    _add_ceiling(lines, keys, labels, splits)
    return lines.table()


def _add_equal_rows(
    lines: AuditLines, ids: Sequence[str], rows: Sequence[str], labels: Sequence[str], splits: Sequence[str | None]
) -> None:
    """Count rows of a table that have the same values, and the accuracy that their labels allow."""
    equal = find_repeated(rows)
    note = "rows that have the values of an earlier one: they stay units of their own, for others may share these values"
    lines.add("equal_rows", len(equal), len(ids), note, (ids[i] for i in equal))
    _add_ceiling(lines, rows, labels, splits)


def _add_ceiling(lines: AuditLines, keys: Sequence[str], labels: Sequence[str], splits: Sequence[str | None]) -> None:
    tested = [i for i, split in enumerate(splits) if split == "test"]
    judged = tested or list(range(len(keys)))
    best: dict[str, Counter[str]] = defaultdict(Counter)
    for i in judged:
        best[keys[i]][labels[i]] += 1
    lines.add(
        "ceiling",
        sum(max(counts.values()) for counts in best.values()),
        len(judged),
        f"best accuracy possible on the {'test part' if tested else 'whole'}, given its label conflicts",
    )


def _add_sizes(lines: AuditLines, labels: Sequence[str], splits: Sequence[str | None]) -> None:
    n = len(labels)
    add_parts(lines, splits)
    sizes = Counter(labels).most_common()
    lines.add("classes", len(sizes), len(sizes), "labels")
    (largest, most), (smallest, least) = sizes[0], sizes[-1]
    lines.add("largest_class", most, n, f"'{largest}': what always guessing it scores")
    lines.add("smallest_class", least, n, f"'{smallest}': the largest class is {most / least:.1f} times its size")
    in_split = Counter(zip(labels, splits, strict=True))
    for label, size in sorted(sizes):
        parts = ", ".join(
            f"{split or 'unsplit'} {count:,}" for (name, split), count in sorted(in_split.items(), key=str) if name == label
        )
        lines.add(f"class.{label}", size, n, parts)
    tested = {label for label, split in in_split if split == "test"}
    untrained = sorted(tested - {label for label, split in in_split if split != "test"})
    lines.add("classes_only_in_test", len(untrained), len(tested), "labels that no training example bears", untrained)
    add_variants(lines, dict(sizes), "labels")
    add_validation(lines, splits)


def _add_give_aways(lines: AuditLines, found: GiveAways, ids: Sequence[str]) -> None:
    note = (
        "texts with the name of their class in them, which hardly any other class has: is the label written into the text?"
    )
    lines.add("label_in_text", len(found.by_name), len(ids), note, (ids[i] for i in found.by_name.tolist()))
    shown = ", ".join(f"'{word}' ({label})" for label, word in islice(found.words.items(), LOOK_AT))
    note = "texts with a word that half of their class and hardly any other has" + (f": {shown}" if shown else "")
    lines.add("give_away_words", len(found.by_word), len(ids), note, (ids[i] for i in found.by_word.tolist()))


def require_evaluable(examples: pa.Table, place: str) -> None:
    """Refuse a task that cannot be evaluated, before anything is trained.

    Parameters
    ----------
    examples : pa.Table
        Labelled texts.
    place : str
        What the error calls the task.

    Raises
    ------
    DataError
        Fewer than two classes (in the training part, where there is one), an empty training or test part, no test text
        that is not also trained on, no text with a word, or too few units to resample (`require_units`).
    """
    learned = zip(examples["label"].to_pylist(), examples["split"].to_pylist(), strict=True)
    classes = {label for label, split in learned if split != "test"}
    if len(classes) == 1:
        raise DataError(
            place, f"the classes to learn are {sorted(classes)}", "a classification task needs two; check the label column"
        )
    require_parts(examples, place)
