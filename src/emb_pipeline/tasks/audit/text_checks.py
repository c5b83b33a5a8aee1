"""The checks of texts that are learned from and tested on, whatever is predicted of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.audit.checks import (
    GROUP_CHECKS,
    NEAR_LEAKAGE_CHECKS,
    add_groups,
    add_near_leakage,
    build_keys,
    find_repeated,
)
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.units import UNIT_CHECKS, add_few_units, require_units
from emb_pipeline.text.columns import ROW_AS_TEXT
from emb_pipeline.text.near_duplicates import find_near_pairs, group_equal_texts
from emb_pipeline.text.seen import NEAR_GROUP, add_near_groups, compute_largest_cluster, find_seen_classification
from emb_pipeline.text.texts import TokenIds

TEXT_CHECKS = (
    Check("validation_trains", "size"),
    Check("empty_after_tokenising", "warning"),
    Check("exact_duplicates", "warning"),
    Check("token_duplicates", "warning"),
    Check("near_duplicates", "warning"),
    Check("near_duplicates_apart", "warning"),
    Check("leakage", "fault"),
    *GROUP_CHECKS,
    *NEAR_LEAKAGE_CHECKS,
    *UNIT_CHECKS,
)


def add_parts(lines: AuditLines, splits: Sequence[str | None]) -> None:
    """Count the examples of each part, as lines ``examples.<split>``."""
    n = len(splits)
    for split, size in sorted(Counter(split or "unsplit" for split in splits).items()):
        lines.add(f"examples.{split}", size, n, "examples in this part")


def add_validation(lines: AuditLines, splits: Sequence[str | None]) -> None:
    """Say that the validation part trains, where there is one."""
    n_validation = sum(split == "validation" for split in splits)
    if n_validation:
        lines.add(
            "validation_trains",
            n_validation,
            sum(split != "test" for split in splits),
            "of the examples that probes learn from are the validation part: C is chosen by folds of both parts together",
        )


def add_units(lines: AuditLines, examples: pa.Table, units: Sequence[str]) -> None:
    """Count groups, and say where the tested units are few; ``units`` are resampled where there are no groups."""
    ids, splits = examples["example_id"].to_pylist(), examples["split"].to_pylist()
    of_groups = examples["group"].to_pylist() if "group" in examples.column_names else units
    if "group" in examples.column_names:
        add_groups(lines, ids, of_groups, splits)
    with_split = "test" in splits
    tested_groups = {group for group, split in zip(of_groups, splits, strict=True) if split == "test" or not with_split}
    add_few_units(lines, len(tested_groups), "distinct texts or groups")


def add_copies(
    lines: AuditLines, examples: pa.Table, keys: Sequence[str], tokens: TokenIds, seen: pa.Table | None = None
) -> None:
    """Count copies, near-duplicates, and texts of both parts.

    Parameters
    ----------
    lines : AuditLines
        Gets the lines ``empty_after_tokenising`` to ``near_leakage``.
    examples : pa.Table
        example_id, text, split, and perhaps near_group (`emb_pipeline.text.seen`).
    keys : sequence of str
        The words of each text (`emb_pipeline.tasks.audit.checks.build_keys`).
    tokens : TokenIds
        The same as numbers.
    seen : pa.Table, optional
        The test texts that were seen in training, where they were looked for already.
    """
    ids, texts, splits = (examples[name].to_pylist() for name in ("example_id", "text", "split"))
    n = len(ids)
    empty = [ids[i] for i in range(n) if not keys[i]]
    lines.add("empty_after_tokenising", len(empty), n, "texts without a single word: every embedding sees nothing", empty)
    exact, same = find_repeated(texts), find_repeated(keys)
    lines.add("exact_duplicates", len(exact), n, "texts that repeat an earlier one exactly", (ids[i] for i in exact))
    note = "texts that repeat an earlier one but for case and punctuation"
    lines.add("token_duplicates", len(same), n, note, (ids[i] for i in same))
    _add_near_duplicates(lines, examples, tokens, split=any(splits))
    train = {keys[i] for i in range(n) if splits[i] not in (None, "test") and keys[i]}
    tested = [i for i in range(n) if splits[i] == "test"]
    leaked = [i for i in tested if keys[i] in train]
    note = "test texts that stand in the training part too"
    lines.add("leakage", len(leaked), len(tested), note, (ids[i] for i in leaked))
    found = find_seen_classification({"examples": examples}) if seen is None else seen
    add_near_leakage(lines, found, len(tested), "test texts")


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


def require_parts(examples: pa.Table, place: str) -> None:
    """Refuse texts that nothing could be learned from and tested on, before anything is trained.

    Parameters
    ----------
    examples : pa.Table
        text, split, and perhaps group.
    place : str
        What the error calls the task.

    Raises
    ------
    DataError
        An empty training or test part, no test text that is not also trained on, no text with a word, or too few units to
        resample (`require_units`).
    """
    splits = examples["split"].to_pylist()
    is_table = ROW_AS_TEXT in examples.column_names  # whose rows are units of their own, equal or not
    keys = examples["example_id"].to_pylist() if is_table else build_keys(examples)
    split = any(part is not None for part in splits)
    tested = [i for i in range(len(splits)) if splits[i] == "test"] if split else list(range(len(splits)))
    if split:
        train = [i for i in range(len(splits)) if splits[i] != "test"]
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
    if not any(keys):
        raise DataError(place, "no text has a single word", "check the text column and the encoding")
    groups = examples["group"].to_pylist() if "group" in examples.column_names else None
    units = keys if groups is None else _join_groups_of(keys, groups)
    what = "rows" if is_table else "texts"
    require_units([units[i] for i in tested], place, f"test {what}" if split else what)


def _join_groups_of(keys: Sequence[str], groups: Sequence[str]) -> list[int]:
    """Find what each example must stay with: those of equal words or of one group, and what these stay with."""
    _, words = np.unique(np.array(keys, dtype=object), return_inverse=True)
    _, own = np.unique(np.array(groups, dtype=object), return_inverse=True)
    n_words, n = int(words.max()) + 1, int(words.max()) + int(own.max()) + 2
    links = sp.coo_array((np.ones(len(keys), dtype=bool), (words, n_words + own)), shape=(n, n))
    return list(connected_components(links, directed=False)[1][words].tolist())
