"""The audit of labelled texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.audit.checks import (
    GROUP_CHECKS,
    NEAR_LEAKAGE_CHECKS,
    VARIANT_CHECKS,
    add_groups,
    add_near_leakage,
    add_variants,
    build_keys,
    find_repeated,
)
from emb_pipeline.tasks.audit.lines import LOOK_AT, AuditLines, Check
from emb_pipeline.tasks.audit.units import UNIT_CHECKS, add_few_units, require_units
from emb_pipeline.tasks.classification.columns_audit import COLUMN_CHECKS, add_columns
from emb_pipeline.tasks.classification.give_aways import GiveAways, find_give_aways
from emb_pipeline.text.columns import ROW_AS_TEXT, find_columns
from emb_pipeline.text.near_duplicates import find_near_pairs, group_equal_texts
from emb_pipeline.text.seen import NEAR_GROUP, add_near_groups, compute_largest_cluster, find_seen_classification
from emb_pipeline.text.texts import TokenIds
from emb_pipeline.text.words import tokenize

CHECKS = (
    Check("examples.*", "size"),
    Check("classes", "size"),
    Check("largest_class", "size"),
    Check("smallest_class", "size"),
    Check("class.*", "size"),
    Check("classes_only_in_test", "fault"),
    Check("validation_trains", "size"),
    Check("empty_after_tokenising", "warning"),
    Check("exact_duplicates", "warning"),
    Check("token_duplicates", "warning"),
    Check("near_duplicates", "warning"),
    Check("near_duplicates_apart", "warning"),
    Check("leakage", "fault"),
    Check("label_in_text", "fault"),
    Check("give_away_words", "warning"),
    Check("label_conflicts", "fault"),
    Check("ceiling", "ceiling"),
    Check("equal_rows", "size"),
    *COLUMN_CHECKS,
    *VARIANT_CHECKS,
    *GROUP_CHECKS,
    *NEAR_LEAKAGE_CHECKS,
    *UNIT_CHECKS,
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
    tokens = [tokenize(text) for text in texts]
    keys = [" ".join(words) for words in tokens]
    n = len(ids)
    lines = AuditLines(CHECKS)
    _add_sizes(lines, labels, splits)
    columns = find_columns(examples)
    is_table = columns is not None and columns.replace_text
    units = ids if is_table else keys
    of_groups = examples["group"].to_pylist() if "group" in examples.column_names else units
    if "group" in examples.column_names:
        add_groups(lines, ids, of_groups, splits)
    with_split = "test" in splits
    tested_groups = {group for group, split in zip(of_groups, splits, strict=True) if split == "test" or not with_split}
    add_few_units(lines, len(tested_groups), "distinct texts or groups")
    if columns is not None:
        add_columns(lines, columns, labels, ids, np.array([split == "test" for split in splits], dtype=bool))
    if is_table:
        _add_equal_rows(lines, ids, texts, labels, splits)
        return lines.table()

    empty = [ids[i] for i in range(n) if not tokens[i]]
    lines.add(
        "empty_after_tokenising",
        len(empty),
        n,
        "texts without a single word: every embedding sees nothing",
        empty,
    )
    exact, same = find_repeated(texts), find_repeated(keys)
    lines.add(
        "exact_duplicates",
        len(exact),
        n,
        "texts that repeat an earlier one exactly",
        (ids[i] for i in exact),
    )
    lines.add(
        "token_duplicates",
        len(same),
        n,
        "texts that repeat an earlier one but for case and punctuation",
        (ids[i] for i in same),
    )
    found = TokenIds.of(texts)
    _add_near_duplicates(lines, examples, found, split=any(splits))

    train = {keys[i] for i in range(n) if splits[i] not in (None, "test") and keys[i]}
    tested = [i for i in range(n) if splits[i] == "test"]
    leaked = [i for i in tested if keys[i] in train]
    lines.add(
        "leakage", len(leaked), len(tested), "test texts that stand in the training part too", (ids[i] for i in leaked)
    )
    add_near_leakage(
        lines, find_seen_classification({"examples": examples}) if seen is None else seen, len(tested), "test texts"
    )
    _add_give_aways(lines, find_give_aways(found, labels), ids)

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
    for split, size in sorted(Counter(split or "unsplit" for split in splits).items()):
        lines.add(f"examples.{split}", size, n, "examples in this part")
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
    n_validation = sum(split == "validation" for split in splits)
    if n_validation:
        lines.add(
            "validation_trains",
            n_validation,
            sum(split != "test" for split in splits),
            "of the examples that probes learn from are the validation part: C is chosen by folds of both parts together",
        )


def _add_near_duplicates(lines: AuditLines, examples: pa.Table, tokens: TokenIds, *, split: bool) -> None:
    """Count texts that are nearly equal to another one, and where folds are drawn those that may be divided by them."""
    if NEAR_GROUP not in examples.column_names:
        examples = add_near_groups({"examples": examples})["examples"]
    ids, groups = examples["example_id"].to_pylist(), examples[NEAR_GROUP].to_pylist()
    equal = group_equal_texts(tokens).tolist()
    near = [each for each, group, first in zip(ids, groups, equal, strict=True) if group != ids[first]]
    note = "texts that differ from another one by a few words, or stand in it"
    lines.add("near_duplicates", len(near), len(ids), note, near)
    if split:
        return
    apart: dict[str, None] = {}
    if (
        max(Counter(groups).values(), default=0) > compute_largest_cluster(len(ids)) / 2
    ):  # else no two clusters were kept apart
        pairs = find_near_pairs(tokens)
        places = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
        apart = dict.fromkeys(ids[first] for first, second in places if groups[first] != groups[second])
    note = "of these are links of chains that are too long for one fold: they may be on both sides of it"
    lines.add("near_duplicates_apart", len(apart), len(ids), note, apart)


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
    labels, splits = examples["label"].to_pylist(), examples["split"].to_pylist()
    is_table = ROW_AS_TEXT in examples.column_names  # whose rows are units of their own, equal or not
    keys = examples["example_id"].to_pylist() if is_table else build_keys(examples)
    split = any(part is not None for part in splits)
    train = [i for i in range(len(labels)) if splits[i] != "test"]
    if split:
        tested = [i for i in range(len(labels)) if splits[i] == "test"]
        for name, part in (("train", train), ("test", tested)):
            if not part:
                raise DataError(
                    place,
                    f"the split '{name}' is empty",
                    "correct 'splits' or the split column, or leave them out to be evaluated by folds",
                )
        trained_on = {keys[i] for i in train}
        if all(keys[i] in trained_on for i in tested):
            raise DataError(
                place, "every test text stands in the training part too", "the scores would measure memory; make a new split"
            )
    classes = {labels[i] for i in train}
    if len(classes) < 2:
        raise DataError(
            place, f"the classes to learn are {sorted(classes)}", "a classification task needs two; check the label column"
        )
    if not any(keys):
        raise DataError(place, "no text has a single word", "check the text column and the encoding")
    groups = examples["group"].to_pylist() if "group" in examples.column_names else None
    judged = tested if split else list(range(len(labels)))
    units = keys if groups is None else _join_groups_of(keys, groups)
    what = "rows" if is_table else "texts"
    require_units([units[i] for i in judged], place, f"test {what}" if split else what)


def _join_groups_of(keys: Sequence[str], groups: Sequence[str]) -> list[int]:
    """Find what each example must stay with: those of equal words or of one group, and what these stay with."""
    _, words = np.unique(np.array(keys, dtype=object), return_inverse=True)
    _, own = np.unique(np.array(groups, dtype=object), return_inverse=True)
    n_words, n = int(words.max()) + 1, int(words.max()) + int(own.max()) + 2
    links = sp.coo_array((np.ones(len(keys), dtype=bool), (words, n_words + own)), shape=(n, n))
    return list(connected_components(links, directed=False)[1][words].tolist())
