"""The checks of pairs of texts, whatever is asked of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.audit.checks import find_repeated
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.units import UNIT_CHECKS, add_few_units
from emb_pipeline.text.near_duplicates import find_near_pairs
from emb_pipeline.text.texts import TokenIds
from emb_pipeline.text.words import tokenize

PAIR_CHECKS = (
    Check("distinct_texts", "size"),
    Check("groups", "size"),
    Check("shared_texts", "size"),
    Check("equal_texts", "warning"),
    Check("duplicate_pairs", "warning"),
    Check("near_duplicate_pairs", "warning"),
    Check("empty_texts", "warning"),
    *UNIT_CHECKS,
)


def build_pair_keys(pairs: pa.Table) -> tuple[list[list[str]], list[str]]:
    """Write the words of both texts of each pair, and of the pair, in which the order of its texts does not count."""
    sides = [[" ".join(tokenize(text)) for text in pairs[column].to_pylist()] for column in ("text_a", "text_b")]
    return sides, [" | ".join(sorted(pair)) for pair in zip(*sides, strict=True)]


def add_pair_units(
    lines: AuditLines, pairs: pa.Table, sides: Sequence[Sequence[str]], keys: Sequence[str], tested: Sequence[bool]
) -> None:
    """Count texts, groups and pairs that share a text, and say where the tested units are few."""
    ids, n = pairs["pair_id"].to_pylist(), pairs.num_rows
    lines.add("distinct_texts", len({*sides[0], *sides[1]}), 2 * n, "texts but for case and punctuation")
    if "group" in pairs.column_names:
        of_groups: Sequence[str] = pairs["group"].to_pylist()
        lines.add("groups", len(set(of_groups)), n, "groups of pairs that count together")
    else:
        of_groups = keys
        uses = Counter(key for pair in {tuple(sorted(pair)) for pair in zip(*sides, strict=True)} for key in set(pair))
        shared = [i for i in range(n) if max(uses[sides[0][i]], uses[sides[1][i]]) > 1]
        note = "pairs that share a text with another one: intervals and tests take that into account"
        lines.add("shared_texts", len(shared), n, note, (ids[i] for i in shared))
    units = {group for group, is_tested in zip(of_groups, tested, strict=True) if is_tested}
    add_few_units(lines, len(units), "distinct pairs or groups")


def add_pair_copies(lines: AuditLines, pairs: pa.Table, sides: Sequence[Sequence[str]], keys: Sequence[str]) -> None:
    """Count pairs of a text with itself, copies, and near-duplicates."""
    ids, n = pairs["pair_id"].to_pylist(), pairs.num_rows
    equal = [i for i in range(n) if sides[0][i] == sides[1][i]]
    lines.add("equal_texts", len(equal), n, "pairs of one text with itself", (ids[i] for i in equal))
    repeated = find_repeated(keys)
    lines.add("duplicate_pairs", len(repeated), n, "pairs that repeat an earlier one", (ids[i] for i in repeated))
    near = np.unique(find_near_pairs(TokenIds.of(keys)).first).tolist()
    note = "pairs that differ from an earlier one by a few words"
    lines.add("near_duplicate_pairs", len(near), n, note, (ids[i] for i in near))


def add_conflicts(
    lines: AuditLines, check: str, pairs: pa.Table, keys: Sequence[str], answers: Sequence[object], note: str
) -> None:
    """Count the distinct pairs that have more than one answer."""
    ids = pairs["pair_id"].to_pylist()
    answers_of: dict[str, set[object]] = defaultdict(set)
    for key, answer in zip(keys, answers, strict=True):
        answers_of[key].add(answer)
    conflicts = {key for key, found in answers_of.items() if len(found) > 1}
    rows = (name for name, key in zip(ids, keys, strict=True) if key in conflicts)
    lines.add(check, len(conflicts), len(answers_of), note, rows)


def add_empty_texts(lines: AuditLines, pairs: pa.Table, sides: Sequence[Sequence[str]]) -> None:
    """Count pairs of which a text has no word."""
    ids = pairs["pair_id"].to_pylist()
    empty = [i for i in range(len(ids)) if not (sides[0][i] and sides[1][i])]
    lines.add("empty_texts", len(empty), len(ids), "pairs with a text without a single word", (ids[i] for i in empty))
