"""The audit of scored pairs."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.audit.checks import find_repeated
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.units import UNIT_CHECKS, add_few_units
from emb_pipeline.text.near_duplicates import find_near_pairs
from emb_pipeline.text.texts import TokenIds
from emb_pipeline.text.words import tokenize

CHECKS = (
    Check("pairs", "size"),
    Check("distinct_texts", "size"),
    Check("groups", "size"),
    Check("shared_texts", "size"),
    Check("equal_texts", "warning"),
    Check("duplicate_pairs", "warning"),
    Check("near_duplicate_pairs", "warning"),
    Check("score_conflicts", "fault"),
    Check("empty_texts", "warning"),
    *UNIT_CHECKS,
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
    ids, scores = pairs["pair_id"].to_pylist(), pairs["score"].to_pylist()
    sides = [[" ".join(tokenize(text)) for text in pairs[column].to_pylist()] for column in ("text_a", "text_b")]
    keys = [" | ".join(sorted(pair)) for pair in zip(*sides, strict=True)]
    n = len(ids)
    lines = AuditLines(CHECKS)
    lines.add("pairs", n, n, f"scored from {min(scores):g} to {max(scores):g}")
    lines.add("distinct_texts", len({*sides[0], *sides[1]}), 2 * n, "texts but for case and punctuation")
    if "group" in pairs.column_names:
        of_groups = pairs["group"].to_pylist()
        lines.add("groups", len(set(of_groups)), n, "groups of pairs that count together")
    else:
        of_groups = keys
        uses = Counter(key for pair in {tuple(sorted(pair)) for pair in zip(*sides, strict=True)} for key in set(pair))
        shared = [i for i in range(n) if max(uses[sides[0][i]], uses[sides[1][i]]) > 1]
        note = "pairs that share a text with another one: intervals and tests take that into account"
        lines.add("shared_texts", len(shared), n, note, (ids[i] for i in shared))
    add_few_units(lines, len(set(of_groups)), "distinct pairs or groups")
    equal = [i for i in range(n) if sides[0][i] == sides[1][i]]
    lines.add("equal_texts", len(equal), n, "pairs of one text with itself", (ids[i] for i in equal))
    repeated = find_repeated(keys)
    lines.add(
        "duplicate_pairs",
        len(repeated),
        n,
        "pairs that repeat an earlier one",
        (ids[i] for i in repeated),
    )
    near = np.unique(find_near_pairs(TokenIds.of(keys)).first).tolist()
    note = "pairs that differ from an earlier one by a few words"
    lines.add("near_duplicate_pairs", len(near), n, note, (ids[i] for i in near))
    scores_of: dict[str, set[float]] = defaultdict(set)
    for key, score in zip(keys, scores, strict=True):
        scores_of[key].add(score)
    conflicts = {key for key, found in scores_of.items() if len(found) > 1}
    lines.add(
        "score_conflicts",
        len(conflicts),
        len(scores_of),
        "distinct pairs that bear more than one score",
        (ids[i] for i in range(n) if keys[i] in conflicts),
    )
    empty = [i for i in range(n) if not (sides[0][i] and sides[1][i])]
    lines.add("empty_texts", len(empty), n, "pairs with a text without a single word", (ids[i] for i in empty))
    return lines.table()
