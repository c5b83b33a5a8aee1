"""The audit of tagged sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import pyarrow as pa

from emb_pipeline.tasks.audit.checks import (
    GROUP_CHECKS,
    NEAR_LEAKAGE_CHECKS,
    VARIANT_CHECKS,
    add_groups,
    add_near_leakage,
    add_variants,
    find_repeated,
)
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.units import UNIT_CHECKS, add_few_units
from emb_pipeline.text.seen import find_seen_sentences
from emb_pipeline.text.tagging import convert_to_iob2, find_scheme, list_entities

SENTENCE_CHECKS = (
    Check("sentences.*", "size"),
    Check("tokens", "size"),
    Check("documents_not_groups", "warning"),
    Check("validation_trains", "size"),
    Check("duplicates", "warning"),
    Check("leakage", "fault"),
    Check("tag_conflicts", "fault"),
    *VARIANT_CHECKS,
    *GROUP_CHECKS,
    *NEAR_LEAKAGE_CHECKS,
    *UNIT_CHECKS,
)
"""Of tagged sentences, whatever their tags mean."""
CHECKS = (
    *SENTENCE_CHECKS,
    Check("entities.*", "size"),
    Check("tag_scheme", "size"),
    Check("repaired_tags", "warning"),
    Check("seen_entities", "size"),
)


def audit_sequence_labeling(examples: pa.Table, seen: pa.Table | None = None) -> pa.Table:
    """Audit tagged sentences.

    Parameters
    ----------
    examples : pa.Table
        example_id, tokens, tags, split.
    seen : pa.Table, optional
        The test sentences that were seen in training, where they were looked for already.

    Returns
    -------
    pa.Table
        Lines ``sentences.<split>``, ``tokens``, ``entities.<type>``, ``label_variants``, ``tag_scheme``,
        ``repaired_tags``, ``validation_trains`` (where there is such a part), ``groups`` and ``group_leakage`` (where
        there are groups), ``documents_not_groups`` (where documents are marked and are no groups), ``duplicates``,
        ``leakage``, ``near_leakage``, ``tag_conflicts`` and ``seen_entities``.
    """
    ids, tokens, raw, splits = _take_columns(examples)
    tags = [convert_to_iob2(row) for row in raw]
    n, lines = len(ids), AuditLines(CHECKS)
    add_sizes(lines, tokens, splits)
    found = [
        [(entity.type, " ".join(words[entity.start : entity.end]).casefold()) for entity in list_entities(row)]
        for words, row in zip(tokens, tags, strict=True)
    ]
    add_labels(lines, "entities", "types of entity", [[kind for kind, _ in row] for row in found], splits)
    add_units(lines, examples)
    scheme, repaired = find_scheme(raw)
    note = "the tags follow it, and are brought to IOB2" if scheme != "IOB2" else "the tags follow it"
    lines.add("tag_scheme", n - len(repaired), n, f"{scheme}: {note}")
    lines.add(
        "repaired_tags",
        len(repaired),
        n,
        f"sentences whose tags break the rules of {scheme}, and were repaired",
        (ids[i] for i in repaired),
    )
    add_copies(lines, examples, tags, seen)
    known = {entity for row, split in zip(found, splits, strict=True) if split != "test" for entity in row}
    to_find = [entity for row, split in zip(found, splits, strict=True) if split == "test" for entity in row]
    lines.add(
        "seen_entities",
        sum(entity in known for entity in to_find),
        len(to_find),
        "test entities that the training part has, too, with their type",
    )
    return lines.table()


def add_sizes(lines: AuditLines, tokens: Sequence[Sequence[str]], splits: Sequence[str]) -> None:
    """Count sentences, by their part, and tokens."""
    n, n_tokens = len(tokens), sum(map(len, tokens))
    for split, size in sorted(Counter(splits).items()):
        lines.add(f"sentences.{split}", size, n, "sentences in this part")
    lines.add("tokens", n_tokens, n_tokens, f"{n_tokens / n:.1f} per sentence")


def add_labels(lines: AuditLines, check: str, what: str, labels: Sequence[Sequence[str]], splits: Sequence[str]) -> None:
    """Count the labels that occur in sentences, by their part, and those that differ in what nobody sees."""
    in_split = Counter((label, split) for row, split in zip(labels, splits, strict=True) for label in row)
    sizes = Counter(label for row in labels for label in row)
    for label in sorted(sizes):
        parts = {split: in_split[label, split] for split in ("train", "validation", "test") if in_split[label, split]}
        counted = ", ".join(f"{split} {count:,}" for split, count in parts.items())
        lines.add(f"{check}.{label}", sizes[label], sizes.total(), counted)
    add_variants(lines, sizes, what)


def add_units(lines: AuditLines, examples: pa.Table) -> None:
    """Count groups, documents, and the units that are tested."""
    ids, tokens, _, splits = _take_columns(examples)
    if "group" in examples.column_names:
        add_groups(lines, ids, examples["group"].to_pylist(), splits)
    of_groups = examples["group"].to_pylist() if "group" in examples.column_names else list(map(tuple, tokens))
    tested_groups = {group for group, split in zip(of_groups, splits, strict=True) if split == "test"}
    add_few_units(lines, len(tested_groups), "distinct sentences or groups")
    if "document" in examples.column_names:
        documents = [name for name in examples["document"].to_pylist() if name is not None]
        note = (
            "documents are marked in the files, and their sentences count as independent units: say 'group: document', or "
            "intervals and tests are too sure"
        )
        lines.add("documents_not_groups", len(set(documents)), len(ids), note, dict.fromkeys(documents))


def add_copies(lines: AuditLines, examples: pa.Table, tags: Sequence[Sequence[str]], seen: pa.Table | None = None) -> None:
    """Count sentences that are there twice: in one part, in both, nearly, and with other tags."""
    ids, tokens, _, splits = _take_columns(examples)
    n, n_validation = len(ids), splits.count("validation")
    if n_validation:
        lines.add(
            "validation_trains",
            n_validation,
            sum(split != "test" for split in splits),
            "of the sentences that probes learn from are the validation part: it chooses the penalty, then joins the rest",
        )
    keys = [" ".join(words) for words in tokens]
    same = find_repeated(keys)
    lines.add("duplicates", len(same), n, "sentences that repeat an earlier one", (ids[i] for i in same))
    train = {key for key, split in zip(keys, splits, strict=True) if split != "test"}
    tested = [i for i in range(n) if splits[i] == "test"]
    leaked = [i for i in tested if keys[i] in train]
    lines.add("leakage", len(leaked), len(tested), "test sentences that are trained on too", (ids[i] for i in leaked))
    found_seen = find_seen_sentences({"sentences": examples}) if seen is None else seen
    add_near_leakage(lines, found_seen, len(tested), "test sentences")
    tags_of: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for key, row in zip(keys, tags, strict=True):
        tags_of[key].add(tuple(row))
    conflicts = {key for key, kinds in tags_of.items() if len(kinds) > 1}
    lines.add(
        "tag_conflicts",
        len(conflicts),
        len(tags_of),
        "distinct sentences that are tagged in more than one way",
        (ids[i] for i in range(n) if keys[i] in conflicts),
    )


def _take_columns(examples: pa.Table) -> tuple[list[str], list[list[str]], list[list[str]], list[str]]:
    ids, tokens, tags, splits = (examples[name].to_pylist() for name in ("example_id", "tokens", "tags", "split"))
    return ids, tokens, tags, splits
