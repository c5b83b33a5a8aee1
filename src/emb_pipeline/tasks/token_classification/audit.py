"""The audit of sentences with a tag of its own for each word."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.sequence_labeling.audit import SENTENCE_CHECKS, add_copies, add_labels, add_sizes, add_units

CHECKS = (
    *SENTENCE_CHECKS,
    Check("tag.*", "size"),
    Check("tags_not_trained", "ceiling"),
    Check("seen_words", "size"),
)


def audit_token_classification(examples: pa.Table, seen: pa.Table | None = None) -> pa.Table:
    """Audit sentences with a tag for each word.

    Parameters
    ----------
    examples : pa.Table
        example_id, tokens, tags, split.
    seen : pa.Table, optional
        The test sentences that were seen in training, where they were looked for already.

    Returns
    -------
    pa.Table
        Lines ``sentences.<split>``, ``tokens``, ``tag.<tag>``, ``label_variants``, ``tags_not_trained`` (test words whose
        tag no training sentence has), ``seen_words``, and those of groups, documents and copies as for entities.
    """
    ids, tokens, tags, splits = (examples[name].to_pylist() for name in ("example_id", "tokens", "tags", "split"))
    lines = AuditLines(CHECKS)
    add_sizes(lines, tokens, splits)
    add_labels(lines, "tag", "tags", tags, splits)
    add_units(lines, examples)
    add_copies(lines, examples, tags, seen)
    trained: set[str] = set()
    known: set[str] = set()
    tested: list[tuple[str, str, str]] = []
    for name, words, row, split in zip(ids, tokens, tags, splits, strict=True):
        if split == "test":
            tested += [(name, word, tag) for word, tag in zip(words, row, strict=True)]
        else:
            trained.update(row)
            known.update(word.casefold() for word in words)
    unknown = [f"{name}: {word} ({tag})" for name, word, tag in tested if tag not in trained]
    lines.add("tags_not_trained", len(unknown), len(tested), "test words with a tag that the training part lacks", unknown)
    n_seen = sum(word.casefold() in known for _, word, _ in tested)
    lines.add("seen_words", n_seen, len(tested), "test words that the training part has, too, in any case")
    return lines.table()
