"""Checks of labels, groups and copies that several kinds of task share."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.text.seen import COPY
from emb_pipeline.text.words import tokenize

VARIANT_CHECKS = (Check("label_variants", "warning"),)
GROUP_CHECKS = (
    Check("groups", "size"),
    Check("group_leakage", "fault"),
)
NEAR_LEAKAGE_CHECKS = (Check("near_leakage", "fault"),)

_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10))))
"""Characters without a shape that Unicode does not count among formats or blanks."""


def add_variants(lines: AuditLines, sizes: Mapping[str, int], what: str) -> None:
    """Count labels that a reader takes for another one."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in sorted(sizes):
        alike[_strip_invisible(label)].append(label)
    groups = sorted(
        (group for group in alike.values() if len(group) > 1), key=lambda group: -sum(map(sizes.__getitem__, group))
    )
    # ascii() shows what is invisible; other letters stay as they are.
    shown = (" / ".join(f"{_show_text(label)} ({sizes[label]:,})" for label in group) for group in groups)
    lines.add(
        "label_variants",
        sum(map(len, groups)),
        len(sizes),
        f"{what} that differ from another one only in case, white space or invisible characters: each counts as its own",
        shown,
    )


def _strip_invisible(label: str) -> str:
    """Write a label without case, white space and characters that show nothing."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    return "".join(character for character in folded if not (character.isspace() or _is_invisible(character)))


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cc", "Zs", "Zl", "Zp") or character in _FILLERS


def _show_text(label: str) -> str:
    marked = (ascii(character)[1:-1] if _is_invisible(character) and character != " " else character for character in label)
    return f"'{''.join(marked)}'"


def add_groups(lines: AuditLines, ids: Sequence[str], groups: Sequence[str], splits: Sequence[str | None]) -> None:
    lines.add(
        "groups",
        len(set(groups)),
        len(groups),
        "groups of examples that stay together in folds, intervals and tests",
    )
    trained_on = {group for group, split in zip(groups, splits, strict=True) if split != "test"}
    tested = [i for i, split in enumerate(splits) if split == "test"]
    leaked = [ids[i] for i in tested if groups[i] in trained_on]
    lines.add("group_leakage", len(leaked), len(tested), "test examples whose group stands in the training part too", leaked)


def add_near_leakage(lines: AuditLines, seen: pa.Table, n_tested: int, what: str) -> None:
    """Count test units whose text is, nearly, one that was trained on; copies are counted apart."""
    units = seen.filter(pc.not_equal(seen["how"], COPY))["unit_id"].to_pylist()
    note = f"{what} that differ from a trained one by a few words, or stand in it, or hold it"
    lines.add("near_leakage", len(units), n_tested, note, units)


def build_keys(table: pa.Table) -> list[str]:
    return [" ".join(tokenize(text)) for text in table["text"].to_pylist()]


def find_repeated(items: Sequence[str]) -> list[int]:
    """Find the positions of items that occur earlier too."""
    seen: set[str] = set()
    repeated = []
    for position, item in enumerate(items):
        if item in seen:
            repeated.append(position)
        seen.add(item)
    return repeated
