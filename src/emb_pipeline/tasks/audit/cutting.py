"""Audit of how a task's texts are cut into words: scripts without spaces, and text that cannot be cut at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.text.words import WORDS_MARK, count_spaceless, tokenize, unmark_words

CUTTING_CHECKS = (
    Check("scripts_without_spaces", "size"),
    Check("uncut_texts", "warning"),
)

LONG_WORDS = 20
"""Letters of a text's mean word from which it counts as not cut: 8 is much in any language with spaces."""
FEWEST_LETTERS = 30
_REMEDY = "give lists of words (JSON Lines, Parquet), or text that is cut already with 'tokenizer: whitespace'"


def audit_cutting(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Audit the words of a task's texts.

    Parameters
    ----------
    tables : mapping of str to Table
        Those of a task; columns named ``text`` or ``text_…`` hold text.

    Returns
    -------
    pa.Table
        Lines ``scripts_without_spaces`` and ``uncut_texts``, each only where there is such a text.
    """
    n_texts = 0
    spaceless: list[str] = []
    uncut: list[str] = []
    for row_id, text in _list_texts(tables):
        n_texts += 1
        words = tokenize(text)
        letters = sum(map(len, words))
        if not words or (letters < FEWEST_LETTERS and text.isascii()):
            continue
        if WORDS_MARK not in text and 2 * count_spaceless(text) > len("".join(unmark_words(text).split())):
            spaceless.append(row_id)
        if letters >= FEWEST_LETTERS and letters / len(words) >= LONG_WORDS:
            uncut.append(row_id)
    lines = AuditLines(CUTTING_CHECKS)
    if spaceless:
        note = f"texts in a script without spaces: pairs of characters stand for words; who has better ones can {_REMEDY}"
        lines.add("scripts_without_spaces", len(spaceless), n_texts, note, spaceless)
    if uncut:
        note = f"texts whose words have {LONG_WORDS} letters and more on average: they cannot be cut into words; {_REMEDY}"
        lines.add("uncut_texts", len(uncut), n_texts, note, uncut)
    return lines.table()


def _list_texts(tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, str]]:
    """List id and text of each row that has one; rows of a table without an id are numbered."""
    for name, table in tables.items():
        identifiers = next((column for column in table.column_names if column.endswith("_id")), None)
        ids = table[identifiers].to_pylist() if identifiers else [f"{name}:{row}" for row in range(len(table))]
        for column in table.column_names:
            if table.schema.field(column).type == pa.string() and (column == "text" or column.startswith("text_")):
                yield from ((str(row_id), text) for row_id, text in zip(ids, table[column].to_pylist(), strict=True) if text)
