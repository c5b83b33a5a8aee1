"""The audit of interactions of users with items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.audit.checks import find_repeated
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.units import UNIT_CHECKS, add_few_units
from emb_pipeline.text.words import tokenize

CHECKS = (
    Check("users", "size"),
    Check("items", "size"),
    Check("interactions.*", "size"),
    Check("users_tested", "size"),
    Check("cold_items", "size"),
    Check("cold_tests", "size"),
    Check("weighted", "size"),
    Check("with_attribute.*", "size"),
    Check("without_times", "warning"),
    Check("ties_in_time", "warning"),
    Check("learnt_from_the_future", "warning"),
    Check("token_duplicates", "warning"),
    Check("users_below_core", "size"),
    Check("interactions_below_core", "size"),
    Check("repetitions", "size"),
    Check("below_min_rating", "size"),
    *UNIT_CHECKS,
)


def audit_recommendation(interactions: pa.Table, items: pa.Table, left_out: pa.Table, attributes: pa.Table) -> pa.Table:
    """Audit interactions of users with items.

    Parameters
    ----------
    interactions, items, left_out, attributes : pa.Table
        As `emb_pipeline.tasks.recommendation.reader.read_interactions` gives them.

    Returns
    -------
    pa.Table
        Lines ``users``, ``items``, ``interactions.<split>``, ``users_tested``, ``cold_items``, ``cold_tests``, ``weighted``,
        ``with_attribute.<side>.<attribute>``, ``ties_in_time``, ``learnt_from_the_future`` (or ``without_times``),
        ``token_duplicates`` of the items' texts, and what was left out.

    Notes
    -----
    ``learnt_from_the_future`` looks at all pairs of a test interaction and one before it in its split: the share of them in
    which the latter is later. Leaving each user's last interaction out makes it large, since other users go on; a cut in
    time makes it 0.
    """
    users, item_ids, splits = (interactions[name].to_pylist() for name in ("user_id", "item_id", "split"))
    times = interactions["timestamp"].to_numpy()
    is_test = np.array([split == "test" for split in splits])
    counts = dict(zip(items["item_id"].to_pylist(), items["n_train"].to_pylist(), strict=True))
    lines, n = AuditLines(CHECKS), len(users)
    lines.add("users", len(set(users)), len(set(users)), "users with a core of interactions before the test")
    lines.add("items", items.num_rows, items.num_rows, "all of them are ranked")
    for split in ("train", "validation", "test"):
        lines.add(f"interactions.{split}", splits.count(split), n, "interactions")
    tested = {user for user, test in zip(users, is_test, strict=True) if test}
    lines.add("users_tested", len(tested), len(set(users)), "users with an interaction in the test part")
    add_few_units(lines, len(tested), "users")
    cold = sum(count == 0 for count in counts.values())
    lines.add("cold_items", cold, len(counts), "items that nothing is learnt from but their text")
    cold_tests = [f"{users[i]} {item_ids[i]}" for i in range(n) if is_test[i] and counts[item_ids[i]] == 0]
    lines.add("cold_tests", len(cold_tests), int(is_test.sum()), "test interactions with a cold item", cold_tests)
    if "weight" in interactions.column_names:
        weights = interactions["weight"].to_numpy()
        note = f"interactions with a weight from {weights.min():g} to {weights.max():g}"
        lines.add("weighted", n, n, note)
    _add_attributes(lines, attributes)
    if np.isnan(times).all():
        note = "test interactions that a hash drew, for there are no times: what is learnt from may be later"
        lines.add("without_times", int(is_test.sum()), int(is_test.sum()), note)
    else:
        _add_times(lines, users, times, is_test)
    if items["text"].null_count < items.num_rows:
        ids = items["item_id"].to_pylist()
        keys = [" ".join(tokenize(text)) for text in items["text"].to_pylist()]
        repeated = find_repeated(keys)
        note = "items whose text is that of another one but for case and punctuation: no text tells them apart"
        lines.add("token_duplicates", len(repeated), len(keys), note, (ids[i] for i in repeated))
    return pa.concat_tables([lines.table(), left_out])


def _add_attributes(lines: AuditLines, attributes: pa.Table) -> None:
    table = attributes.to_pandas()
    for (side, name), rows in table.groupby(["side", "attribute"], sort=False):
        known = rows.dropna(subset="value")
        common = ", ".join(f"{value} {count:,}" for value, count in known["value"].value_counts().head(3).items())
        note = f"{side}s with a value; {known['value'].nunique():,} different values, most often {common or 'none'}"
        lines.add(f"with_attribute.{side}.{name}", known["id"].nunique(), rows["id"].nunique(), note)


def _add_times(lines: AuditLines, users: Sequence[str], times: np.ndarray, is_test: np.ndarray) -> None:
    same = np.array([i > 0 and users[i] == users[i - 1] and times[i] == times[i - 1] for i in range(len(users))]) & is_test
    note = "test interactions at the very time of the user's one before: a hash decided which is tested"
    lines.add(
        "ties_in_time",
        int(same.sum()),
        int(is_test.sum()),
        note,
        (users[i] for i in np.flatnonzero(same).tolist()),
    )
    visible = np.sort(times[~is_test])
    later = len(visible) - np.searchsorted(visible, times[is_test], side="right")
    note = "pairs of a test interaction and one that is learnt from, or tuned on, of which the latter is later"
    lines.add("learnt_from_the_future", int(later.sum()), len(visible) * len(later), note)
