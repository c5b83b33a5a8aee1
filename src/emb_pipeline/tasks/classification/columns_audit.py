"""The audit of categorical and numeric columns next to labelled texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.text.columns import FEW_VALUES, MISSING, Columns

COLUMN_CHECKS = (
    Check("low_cardinality_columns", "size"),
    Check("high_cardinality_columns", "size"),
    Check("values.*", "size"),
    Check("missing_values.*", "warning"),
    Check("unseen_values.*", "warning"),
    Check("give_away_columns", "warning"),
)
GIVES_AWAY = 0.5
"""Part of the errors of always guessing the largest class that a single column must avoid to be named."""


def add_columns(lines: AuditLines, columns: Columns, labels: Sequence[str], ids: Sequence[str], tested: np.ndarray) -> None:
    """Count the values of each column, those that are missing, and those that only test rows have.

    Parameters
    ----------
    lines : AuditLines
        The audit.
    columns : Columns
        Of all examples.
    labels, ids : sequence of str
        Of all examples.
    tested : ndarray of shape (n_examples,), bool
        Rows of the official test part; all false where folds are drawn.
    """
    n_values = columns.count_values()
    for name, is_of in (("low", [n <= FEW_VALUES for n in n_values]), ("high", [n > FEW_VALUES for n in n_values])):
        found = [column for column, fits in zip(columns.categorical, is_of, strict=True) if fits]
        bound = f"{'up to' if name == 'low' else 'more than'} {FEW_VALUES} values"
        lines.add(f"{name}_cardinality_columns", len(found), len(n_values), f"categorical columns with {bound}", found)
    for column, name in enumerate(columns.categorical):
        values, codes = columns.values[column], columns.codes[:, column]
        shown = [value for value in _list_by_count(values, codes) if value != MISSING]
        lines.add(f"values.{name}", n_values[column], len(ids), f"values of '{name}'; the commonest are listed", shown)
        _add_missing(lines, name, codes == values.index(MISSING) if MISSING in values else np.zeros(len(ids), bool), ids)
        if tested.any():
            unseen = tested & ~np.isin(codes, np.unique(codes[~tested]))
            n_unseen = len(np.unique(codes[unseen]))
            note = f"test rows with a value of '{name}' that no training row has ({n_unseen} values)"
            lines.add(f"unseen_values.{name}", int(unseen.sum()), int(tested.sum()), note, _take(ids, unseen))
    for column, name in enumerate(columns.numeric):
        numbers = columns.numbers[:, column]
        n_different = len(np.unique(numbers[~np.isnan(numbers)]))
        lines.add(f"values.{name}", n_different, len(ids), f"different numbers in '{name}'")
        _add_missing(lines, name, np.isnan(numbers), ids)
    _add_give_aways(lines, columns, labels)


def _add_missing(lines: AuditLines, name: str, is_missing: np.ndarray, ids: Sequence[str]) -> None:
    note = f"rows without a value of '{name}': to encoders, that is a value of its own"
    lines.add(f"missing_values.{name}", int(is_missing.sum()), len(ids), note, _take(ids, is_missing))


def _add_give_aways(lines: AuditLines, columns: Columns, labels: Sequence[str]) -> None:
    """Name the columns that alone avoid half of the errors of guessing: results of the label, perhaps, and no features."""
    _, codes = np.unique(np.array(labels, dtype=object).astype(str), return_inverse=True)
    chance = np.bincount(codes).max() / len(codes)
    found = []
    for name, values in _list_values(columns):
        accuracy = score_alone(values, codes)
        if chance < 1 and (accuracy - chance) / (1 - chance) >= GIVES_AWAY:
            found.append(f"{name} ({accuracy:.1%}, guessing {chance:.1%})")
    note = "columns whose values alone say most labels: were they known before the label was?"
    lines.add("give_away_columns", len(found), len(columns.categorical) + len(columns.numeric), note, found)


def _list_values(columns: Columns) -> list[tuple[str, np.ndarray]]:
    categorical = [(name, columns.codes[:, column]) for column, name in enumerate(columns.categorical)]
    numeric = [
        (name, np.unique(columns.numbers[:, column], return_inverse=True)[1]) for column, name in enumerate(columns.numeric)
    ]
    return categorical + numeric


def score_alone(values: np.ndarray, codes: np.ndarray) -> float:
    """Compute how often the commonest label of a row's value, in all other rows, is the row's own.

    Leaving the row itself out keeps a column of ids at the level of guessing: a value without another row gets the largest
    class.

    Parameters
    ----------
    values, codes : ndarray of shape (n_rows,), int
        Which value, and which label, each row has.
    """
    counts = np.zeros((int(values.max()) + 1, int(codes.max()) + 1), dtype=np.int64)
    np.add.at(counts, (values, codes), 1)
    others = counts[values]
    others[np.arange(len(codes)), codes] -= 1
    guessed = np.where(others.any(axis=1), others.argmax(axis=1), np.bincount(codes).argmax())
    return float((guessed == codes).mean())


def _list_by_count(values: Sequence[str], codes: np.ndarray) -> list[str]:
    counts = np.bincount(codes, minlength=len(values))
    return [values[code] for code in np.argsort(-counts, kind="stable").tolist()]


def _take(ids: Sequence[str], rows: np.ndarray) -> list[str]:
    return [ids[row] for row in np.flatnonzero(rows)[:10].tolist()]
